"""The format of a file by its first bytes, with advice for formats that are not read.

Also the removal of metadata, for pictures whose metadata is damaged and whose pixels are sound.
"""

import re
import struct
import zlib

from ..errors import NSTError, one_line

MAX_PIXELS = 89_478_485
"""Pixels above which a picture is refused, or a JPEG reduced: Pillow's limit for its warning about
decompression bombs. Pillow itself refuses twice as many."""

MEMORY = 700 * 2**20
"""Bytes that decoding a picture may take, so that the process stays below 1 GB."""

READ = "JPEG, PNG, WebP, TIFF, HEIC, AVIF, JPEG 2000, GIF or BMP"

_RAW = (".arw", ".cr2", ".cr3", ".dng", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".srw")
_EXPORT = "export it as JPEG or PNG"
_DEVELOP = "develop it in a raw converter and save a JPEG or TIFF"

_STARTS: tuple[tuple[bytes | tuple[bytes, ...], str, str], ...] = (
    (b"%PDF", "a PDF document", "export its page as PNG"),
    (b"%!PS", "a PostScript text", _EXPORT),
    (b"\xc5\xd0\xd3\xc6", "an EPS drawing", _EXPORT),
    (b"8BPS", "a Photoshop document", _EXPORT),
    (b"gimp xcf", "a GIMP document", _EXPORT),
    ((b"\xff\x0a", b"\0\0\0\x0cJXL "), "a JPEG XL picture", _EXPORT),
    (b"v/1\x01", "an OpenEXR picture", "tone-map it and save a PNG"),
    ((b"#?RADIANCE", b"#?RGBE"), "a Radiance HDR picture", "tone-map it and save a PNG"),
    (b"DDS ", "a DirectDraw texture", _EXPORT),
    (b"SIMPLE  =", "a FITS image", "save it as a 16-bit TIFF"),
    (b"\xd7\xcd\xc6\x9a", "a WMF drawing", _EXPORT),
    ((b"FUJIFILMCCD-RAW", b"IIRO", b"IIU\0"), "a raw photo", _DEVELOP),
    (b"PK\3\4", "a ZIP archive or an office document", "unpack it and give a picture in it"),
    (b"Rar!", "a RAR archive", "unpack it and give a picture in it"),
    (b"7z\xbc\xaf", "a 7z archive", "unpack it and give a picture in it"),
    (b"\x1f\x8b", "a gzip archive", "unpack it and give a picture in it"),
    (b"\x93NUMPY", "a NumPy array", "load it with numpy.load and give the array"),
    (b"\x89HDF", "an HDF5 file", "read the array out of it and give that"),
    (b"\x1aE\xdf\xa3", "a video", "save one of its frames as PNG"),
    ((b"\x7fELF", b"MZ"), "a program", "give a picture"),
)

_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


class ImageError(NSTError, ValueError):
    """A picture that cannot be read or saved; the message says why and what to do."""


def damaged(name: str, error: Exception) -> ImageError:
    """Return the error for a picture that its decoder cannot read."""
    reason = one_line(error, 120)
    return ImageError(f"{name}: the picture is damaged or cut short ({reason}); get a fresh copy")


def is_heif(head: bytes) -> bool:
    """Tell whether a file begins as HEIC pictures do, which phones save."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC and b"avif" not in head[8:32]


def describe(head: bytes, name: str = "") -> str:
    """Describe a file that cannot be read as a picture, with advice.

    Parameters
    ----------
    head : bytes
        The first bytes of the file, some hundred.
    name : str
        The name of the file, because raw photos are recognized by their suffix.

    Returns
    -------
    str
        For example ``"this is a PDF document; export its page as PNG"``.
    """
    if name.lower().endswith(_RAW):
        return f"this is a raw photo of a camera; {_DEVELOP}"
    if head[4:8] == b"ftyp":
        brand = head[8:12].decode("latin-1").strip()
        if head[8:12] == b"crx ":
            return f"this is a raw photo of a camera; {_DEVELOP}"
        if is_heif(head) or b"avif" in head[8:32]:
            kind = "HEIC (HEIF)" if is_heif(head) else "AVIF"
            return f"this is a damaged {kind} picture; get a fresh copy, or {_EXPORT}"
        return f"this is a video ({brand}); save one of its frames as PNG"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return "this is a video; save one of its frames as PNG"
    for start, what, way in _STARTS:
        if head.startswith(start):
            return f"this is {what}; {way}"
    return describe_text(head) or f"not a picture in a known format; expected {READ}"


def describe_text(head: bytes) -> str:
    """Describe a text that was found instead of a picture or weights; "" for other bytes.

    The description quotes the first words of a web page or a message.
    """
    text = _as_text(head)
    if text is None:
        return ""
    if text.startswith("version https://git-lfs"):
        return (
            "this is a Git LFS pointer, not the file itself; run git lfs pull, or download the file"
        )
    low = text[:1000].lower()
    if "<svg" in low and "<html" not in low:
        return "this is an SVG drawing; export it as PNG"
    words = _words(text)
    begins = f" that begins with {words!r}" if words else ""
    if "<!doctype html" in low or "<html" in low or "<head" in low or "<body" in low:
        return (
            f"this is a web page (HTML){begins}; open the address in a browser and save the file "
            "itself"
        )
    if low.startswith(("{", "[")):
        return f"this is JSON{begins}, perhaps an error message; check where the file comes from"
    if low.startswith("<"):
        return f"this is XML{begins}, perhaps an error message; check where the file comes from"
    return f"this is a text{begins}, not a picture; expected {READ}"


def _as_text(head: bytes) -> str | None:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = head.decode("utf-16", errors="ignore")
    else:
        try:
            text = head.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            if error.start < len(head) - 3:  # otherwise the last character is cut
                return None
            text = head[: error.start].decode("utf-8-sig")
    text = text.strip()
    odd = sum(not (c.isprintable() or c.isspace()) for c in text)
    return text if text and not odd else None


def _words(text: str) -> str:
    """Return the first words that a reader of the page would see."""
    text = re.sub(r"(?is)<(script|style)\b.*?(</\1>|$)", " ", text)
    words = re.sub(r"(?s)<[^>]*(>|$)", " ", text).split()
    return " ".join(words)[:60]


def orientation_of(exif: bytes) -> int:
    """Return the orientation in an EXIF block, 1 to 8; 1 if there is none.

    Damage in other entries does not matter.
    """
    # Pillow's own reader ignores an orientation of an unusual type, for instance BYTE.
    block = exif.removeprefix(b"Exif\0\0")
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    try:
        (start,) = struct.unpack_from(f"{order}I", block, 4)
        (count,) = struct.unpack_from(f"{order}H", block, start)
        for i in range(min(count, 1000)):
            tag, kind, _ = struct.unpack_from(f"{order}HHI", block, start + 2 + 12 * i)
            if tag == 0x0112:
                form = {1: "B", 4: "I", 9: "i"}.get(kind, "H")
                (value,) = struct.unpack_from(order + form, block, start + 10 + 12 * i)
                return value if 1 <= value <= 8 else 1
    except (struct.error, TypeError):
        pass
    return 1


def without_metadata(data: bytes) -> bytes | None:
    """Return a PNG, JPEG or WebP file without metadata; a JPEG keeps orientation and profile.

    Return None for other formats, and if the file is too damaged.
    """
    # Pillow cannot do this: it refuses the whole file, or else accepts damaged pixels too.
    try:
        if data.startswith(b"\x89PNG\r\n\x1a\n"):
            return _bare_png(data)
        if data.startswith(b"\xff\xd8\xff"):
            return _bare_jpeg(data)
        if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return _bare_webp(data)
    except (struct.error, IndexError):
        pass
    return None


def png_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    """Return kind and content of a PNG's chunks, up to the end of the file."""
    chunks, at = [], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, at)
        kind, content = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        chunks.append((kind, content))
        at += 12 + length
        if kind == b"IEND" or len(content) < length:
            break
    return chunks


def _bare_png(data: bytes) -> bytes:
    kept = [data[:8]]
    for kind, content in png_chunks(data):
        if kind in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
            checksum = struct.pack(">I", zlib.crc32(kind + content))
            kept += [struct.pack(">I", len(content)), kind, content, checksum]
    return b"".join(kept)


def _bare_jpeg(data: bytes) -> bytes:
    kept, at = [data[:2]], 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            at += 1  # some programs write bytes between the segments
            continue
        marker = data[at + 1]
        if marker in (0xFF, 0x00, 0x01) or 0xD0 <= marker <= 0xD8:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", data, at + 2)
        segment = data[at : at + 2 + length]
        if marker == 0xDA:  # the pixels follow
            return b"".join([*kept, data[at:]])
        exif = marker == 0xE1 and segment[4:8] == b"Exif"
        profile = marker == 0xE2 and segment[4:15] == b"ICC_PROFILE"
        if exif:  # replaced by a block that contains the orientation alone
            turn = orientation_of(segment[4:])
            block = b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, turn, 0, 0)
            segment = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
        adobe = marker == 0xEE and length >= 14  # the color encoding
        if exif or profile or adobe or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept.append(segment)
        at += 2 + length
    return b"".join(kept)


def _bare_webp(data: bytes) -> bytes:
    kept, at = [], 12
    while at + 8 <= len(data):
        kind = data[at : at + 4]
        (length,) = struct.unpack_from("<I", data, at + 4)
        content = data[at + 8 : at + 8 + length]
        if kind == b"VP8X":
            content = bytes([content[0] & 0b00010010]) + content[1:]
        if kind not in (b"EXIF", b"XMP ", b"ICCP"):
            kept += [kind, struct.pack("<I", length), content, b"\0" * (length % 2)]
        at += 8 + length + length % 2
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
