"""Pictures in and out: any source becomes RGB, any RGB a float32 tensor, and every file its record.

The tensors are ``(1, 3, H, W)``, float32, in ``[0, 1]``. `read_image` is the one reader; the two
readers of the report stand below it, defects included, to show what they did.
"""

import contextlib
import hashlib
import io
import json
import os
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps, JpegImagePlugin, PngImagePlugin, UnidentifiedImageError
from torch import Tensor

from .fetch import FetchError, fetch, is_address
from .registry import IMAGENET_MEAN, IMAGENET_STD, MAX_PIXELS, NSTError

PROVENANCE_KEY = "nst_utils"


class ImageError(NSTError, ValueError):
    """A picture that cannot be read or saved: which one, what is wrong, what to do."""


def read_image(source: Any, size: int | None = None, *, enlarge: bool = False) -> Image.Image:
    """Read a picture from anywhere as 8-bit RGB, upright.

    Parameters
    ----------
    source : path, str, bytes, PIL.Image.Image or ndarray
        A file, an http(s) address, a file's content (what an upload widget gives), a picture, or
        an array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4): unsigned integers in their
        type's range, booleans, or floats in [0, 1].
    size : int, optional
        Bound on the long side, in pixels; smaller pictures keep their size. Lanczos.
    enlarge : bool
        Bring smaller pictures up to `size` as well.

    Returns
    -------
    PIL.Image.Image
        Mode RGB. EXIF orientation is applied; transparency is laid over white; 16-bit values
        keep their upper 8 bits. ``info`` holds, for the provenance record, ``source`` (file name,
        address, or ``"picture"``) and ``sha256`` (of the file's bytes, or of the pixels before
        any resizing where there is no file). A picture that came from here and was cut or painted
        over since counts as a new one.

    Raises
    ------
    ImageError
        If the picture is missing, empty, truncated, not a picture, or has more than
        89,478,485 pixels and is not a JPEG. JPEGs of any size are decoded at reduced size.
    """
    image, name, digest = _open(source, size)
    try:
        # Orientation lies in EXIF, which may itself be broken: then the picture stays as it is.
        with contextlib.suppress(SyntaxError, ValueError, KeyError, TypeError, AttributeError):
            image = ImageOps.exif_transpose(image)
        known, image = image.info.get("pixels"), _to_rgb(image)
    except ImageError as error:
        raise ImageError(f"{name}: {error}") from None
    except Exception as error:  # decoders of many formats raise many types, all meaning the same
        raise ImageError(
            f"{name}: the picture is damaged or cut short ({error}); get a fresh copy"
        ) from None
    pixels = _pixels_sha256(image)
    if known not in (None, pixels):
        # Cut or painted over since it was read: no longer the picture that its record names.
        name, digest = "picture", ""
    if size is not None:
        image = fit(image, size, enlarge=enlarge)
    image.info = {"source": name, "sha256": digest or pixels, "pixels": _pixels_sha256(image)}
    return image


def _open(source: Any, size: int | None) -> tuple[Image.Image, str, str]:
    """Return the picture (undecoded where possible), its name, and its file's SHA-256 or ''."""
    if isinstance(source, Image.Image):
        # A picture that came through here, or from the samples, still knows its origin.
        return source, source.info.get("source", "picture"), source.info.get("sha256", "")
    if isinstance(source, np.ndarray):
        return _from_array(source), "array", ""
    if not isinstance(source, str | bytes | os.PathLike):
        raise ImageError(
            "expected a path, an http(s) address, a file's bytes, a PIL image or an array, "
            f"not {type(source).__name__}"
        )
    if isinstance(source, bytes):
        name, data = "upload", source
    elif is_address(source):
        name = str(source)
        try:
            data = fetch(name)
        except FetchError as error:
            raise ImageError(str(error)) from None
    else:
        name = Path(source).name
        data = _read_file(Path(source))
    title = name if isinstance(source, bytes) else str(source)
    return _identify(data, title, size), name, hashlib.sha256(data).hexdigest()


def _read_file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise ImageError(f"{path}: no such file; check the path") from None
    except IsADirectoryError:
        raise ImageError(f"{path}: this is a folder; name a picture in it") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"{path}: cannot be read ({reason})") from None


def _identify(data: bytes, name: str, size: int | None) -> Image.Image:
    """Open a picture from its bytes without decoding it, guarding against bombs."""
    if not data:
        raise ImageError(f"{name}: the file is empty; get a fresh copy")
    too_large = (
        f"{name}: the picture declares more than the {MAX_PIXELS:,} pixels that are read safely; "
        "make a smaller copy, or a JPEG"
    )
    try:
        if data.startswith(b"\xff\xd8\xff"):
            # Opened by its class, a JPEG of any size passes Pillow's guard and can be decoded
            # at 1/2, 1/4 or 1/8; Image.open would refuse it before `draft` could be called.
            image = JpegImagePlugin.JpegImageFile(io.BytesIO(data))
            _reduce(image, size)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                image = Image.open(io.BytesIO(data))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise ImageError(too_large) from None
    except UnidentifiedImageError:
        raise ImageError(
            f"{name}: not a picture in a known format; expected JPEG, PNG, TIFF, WebP or the like"
        ) from None
    except Exception as error:  # the readers of many formats raise many types
        raise ImageError(f"{name}: the picture is damaged ({error}); get a fresh copy") from None
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(too_large)
    return image


def _reduce(image: JpegImagePlugin.JpegImageFile, size: int | None) -> None:
    """Have a JPEG decoded no larger than needed: twice `size`, and never above `MAX_PIXELS`."""
    width, height = image.size
    shrink = 1
    while shrink < 8 and (
        width * height > MAX_PIXELS * shrink**2
        or (size is not None and max(width, height) >= 4 * size * shrink)
    ):
        shrink *= 2
    image.draft(None, (max(1, width // shrink), max(1, height // shrink)))


def _from_array(array: np.ndarray) -> Image.Image:
    """Turn an array into a picture, or say which shape and type were expected."""
    shape_ok = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if not shape_ok or 0 in array.shape:
        raise ImageError(
            f"expected an array of shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), "
            f"not {array.shape}"
        )
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise ImageError(
                "expected floats in [0, 1], "
                f"not values from {np.min(array):g} to {np.max(array):g}; divide by the maximum"
            )
        array = np.rint(array * 255).astype(np.uint8)
    elif array.dtype.kind == "b":
        array = array.astype(np.uint8) * 255
    elif array.dtype.kind == "u":
        array = (array >> (8 * (array.dtype.itemsize - 1))).astype(np.uint8)
    else:
        raise ImageError(f"expected unsigned integers, booleans or floats, not {array.dtype}")
    return Image.fromarray(array[..., 0] if array.shape[2:] == (1,) else array)


def _to_rgb(image: Image.Image) -> Image.Image:
    """Return any mode as RGB, decoded: transparency over white, 16 bit by its upper byte."""
    if image.mode.startswith(("I", "F")):
        image = _eight_bits(image)
    if "transparency" in image.info or image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    # A copy even where the mode is right, so that the caller's own picture is never touched.
    return image.convert("RGB") if image.mode != "RGB" else image.copy()


def _eight_bits(image: Image.Image) -> Image.Image:
    """Bring 16-bit, 32-bit and float gray to 8 bits: by the upper byte, or as the values tell."""
    values = np.asarray(image)
    if not np.isfinite(values).all():
        raise ImageError("holds values that are not finite; get a fresh copy")
    highest = values.max(initial=0)
    if image.mode == "F" and highest <= 1:
        values = np.rint(values * 255)
    elif highest > 255 or image.mode.startswith("I;16"):
        values = np.clip(values, 0, 65535).astype(np.int64) >> 8
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def fit(image: Image.Image, size: int, *, enlarge: bool = False, least: int = 1) -> Image.Image:
    """Resize so that the long side is at most `size` pixels, with Lanczos, proportions kept.

    Parameters
    ----------
    image : PIL.Image.Image
        Any picture in RGB.
    size : int
        Bound on the long side.
    enlarge : bool
        Bring smaller pictures up to `size`; else they stay as they are.
    least : int
        Bound from below on the short side, which wins over `size` for very long pictures.
    """
    scale = size / max(image.size)
    if scale > 1 and not enlarge:
        scale = 1.0
    scale = max(scale, least / min(image.size)) if least > 1 else scale
    shape = tuple(max(1, round(side * scale)) for side in image.size)
    return image if shape == image.size else image.resize(shape, Image.Resampling.LANCZOS)


def to_tensor(image: Image.Image) -> Tensor:
    """Turn an RGB picture into a float32 tensor of shape (1, 3, H, W) in [0, 1]."""
    array = np.array(image.convert("RGB"), dtype=np.uint8)
    return torch.from_numpy(array).permute(2, 0, 1)[None].float().div_(255)


def to_pil(tensor: Tensor) -> Image.Image:
    """Turn a tensor of shape (1, 3, H, W) or (3, H, W) into a picture; values are clipped.

    The inverse of `to_tensor`, exact for every 8-bit picture.

    Raises
    ------
    ImageError
        If the shape is another, or a value is not finite.
    """
    pixels = tensor.detach().float().cpu()
    pixels = pixels[0] if pixels.ndim == 4 and len(pixels) == 1 else pixels
    if pixels.ndim != 3 or len(pixels) != 3:
        raise ImageError(
            f"expected a tensor of shape (1, 3, H, W) or (3, H, W), not {tuple(tensor.shape)}"
        )
    if not torch.isfinite(pixels).all():
        raise ImageError("the tensor holds values that are not finite; it is no picture")
    array = pixels.clamp(0, 1).mul(255).round().byte().permute(1, 2, 0).contiguous().numpy()
    return Image.fromarray(array)


def load(source: Any, size: int | None = None, *, enlarge: bool = False) -> Tensor:
    """Read a picture as a float32 tensor of shape (1, 3, H, W) in [0, 1]; see `read_image`."""
    return to_tensor(read_image(source, size, enlarge=enlarge))


def _pixels_sha256(image: Image.Image) -> str:
    return hashlib.sha256(f"{image.size}".encode() + image.tobytes()).hexdigest()


def save_png(
    image: Image.Image, path: str | os.PathLike, provenance: Mapping[str, Any], **options: Any
) -> Path:
    """Save a picture as PNG with its provenance inside, whole or not at all.

    Parameters
    ----------
    image : PIL.Image.Image
        The picture.
    path : path
        File to write, ending in ``.png``. Its folder must exist.
    provenance : dict
        JSON values; stored as the one text entry with key ``nst_utils``.
    **options
        For Pillow's PNG writer, for example ``dpi``.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ImageError
        If the name does not end in ``.png``, the folder is missing, or writing fails.
    """
    # Through a link the file that it names is replaced, not the link.
    path = check_output(path).resolve()
    info = PngImagePlugin.PngInfo()
    info.add_text(PROVENANCE_KEY, json.dumps(provenance))
    try:
        # Written beside its place and then moved, so that a stop leaves no half picture.
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=path.stem, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as file:
                image.save(file, "PNG", pnginfo=info, **options)
            os.chmod(draft, 0o666 & ~_umask())
            os.replace(draft, path)
        except BaseException:
            os.unlink(draft)
            raise
    except OSError as error:
        raise ImageError(f"{path}: cannot be written ({error.strerror or error})") from None
    return path


def check_output(path: str | os.PathLike, suffix: str = ".png") -> Path:
    """Check before a long run that a picture can be saved there; return the path.

    Raises
    ------
    ImageError
        If the name has another ending or is a folder, or its folder does not exist or cannot be
        written to.
    """
    path = Path(path)
    if path.suffix.lower() != suffix:
        raise ImageError(
            f"{path}: the output must end in {suffix}, because the record of how it was made is "
            "stored inside"
        )
    if not path.parent.is_dir():
        raise ImageError(f"{path}: the folder {path.parent} does not exist; make it first")
    if path.is_dir():
        raise ImageError(f"{path}: this is a folder; name a file")
    if not os.access(path.parent, os.W_OK):
        raise ImageError(f"{path}: the folder {path.parent} cannot be written to; choose another")
    return path


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_provenance(path: str | os.PathLike) -> dict[str, Any] | None:
    """Return the record that `save_png` stored in a picture, or None if it has none.

    Raises
    ------
    ImageError
        If the file is not a readable picture.
    """
    image = _identify(_read_file(Path(path)), str(path), None)
    try:
        image.load()  # text entries may stand behind the pixels
        record = json.loads(image.info.get(PROVENANCE_KEY, "null"))
    except (OSError, SyntaxError, TypeError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def report_load_image(
    source: Any,
    version: str = "a",
    max_size: int | None = None,
    shape: tuple[int, int] | None = None,
) -> Tensor:
    """Load a picture as the report's two ``load_image`` functions do, defects included.

    Parameters
    ----------
    source : path, address, PIL image or array
        As for `read_image`; transparency is dropped here, not laid over white.
    version : {"a", "b"}
        ``a``: the **shorter** side becomes `max_size` (or the long side's length, where that is
        smaller), bilinear, then ImageNet's mean and standard deviation. ``b``: Lanczos
        thumbnail, values stay in [0, 1]; **not normalized**, although `report_im_convert`
        un-normalizes its result all the same (erratum 2).
    max_size : int, optional
        128 for ``a``, 400 for ``b``.
    shape : (int, int), optional
        ``(H, W)`` to resize to instead, as the report does with the style image. ``b`` hands it
        to Pillow, which takes ``(W, H)``: the picture comes out transposed (erratum 3).

    Returns
    -------
    Tensor, shape (1, 3, H, W), float32
    """
    image, name, _ = _open(source, None)
    try:
        image = image.convert("RGB")
    except Exception as error:  # as in read_image
        raise ImageError(f"{name}: the picture is damaged or cut short ({error})") from None
    if version == "a":
        from torchvision.transforms import functional

        side = min(max_size or 128, max(image.size))
        image = functional.resize(image, list(shape) if shape is not None else side)
        return functional.normalize(to_tensor(image), IMAGENET_MEAN, IMAGENET_STD)
    if version == "b":
        image.thumbnail(((max_size or 400),) * 2, Image.Resampling.LANCZOS)
        return to_tensor(image if shape is None else image.resize(shape, Image.Resampling.LANCZOS))
    raise ImageError(f"the report has versions 'a' and 'b' of load_image, not {version!r}")


def report_im_convert(tensor: Tensor) -> np.ndarray:
    """Turn a tensor into an array (H, W, 3) as the report does: un-normalize, clip to [0, 1].

    It un-normalizes whatever comes, also the tensors of ``load_image`` (b), which were never
    normalized: their colors shift (erratum 2).
    """
    array = tensor.detach().cpu().float().numpy().squeeze(0).transpose(1, 2, 0)
    return (array * np.array(IMAGENET_STD) + np.array(IMAGENET_MEAN)).clip(0, 1)
