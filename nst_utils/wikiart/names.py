"""Names in WikiArt, repaired and parsed; no text from a file is ever evaluated."""

import ast
import os
import re
import unicodedata
from functools import lru_cache
from pathlib import Path, PurePosixPath

FILES = {
    "Impressionism": 13060, "Realism": 10733, "Romanticism": 7019, "Expressionism": 6736,
    "Post_Impressionism": 6450, "Symbolism": 4528, "Art_Nouveau_Modern": 4334, "Baroque": 4240,
    "Abstract_Expressionism": 2782, "Northern_Renaissance": 2552, "Naive_Art_Primitivism": 2405,
    "Cubism": 2235, "Rococo": 2089, "Color_Field_Painting": 1615, "Pop_Art": 1483,
    "Early_Renaissance": 1391, "High_Renaissance": 1343, "Minimalism": 1337,
    "Mannerism_Late_Renaissance": 1279, "Ukiyo_e": 1167, "Fauvism": 934, "Pointillism": 513,
    "Contemporary_Realism": 481, "New_Realism": 314, "Synthetic_Cubism": 216,
    "Analytical_Cubism": 110, "Action_painting": 98,
}  # fmt: skip
"""Files of each style in the copy on Kaggle: 81,444 in all."""

STYLES = tuple(sorted(FILES))
"""The 27 style folders, in the order of their codes, 140 and up."""

_YEAR = re.compile(r"(?<![0-9])(1[0-9]{3}|20[0-2][0-9])(?![0-9])")
_COPY = re.compile(r"\(\d+\)$")
_LONGEST = 2000


@lru_cache(maxsize=8192)
def repair(text: str) -> str:
    """Undo mojibake: UTF-8 that was read as Latin-1 and then changed to lower case.

    Other text is returned unchanged.

    Examples
    --------
    >>> repair("arnold-bã¶cklin"), repair("são-paulo")
    ('arnold-böcklin', 'são-paulo')
    """
    if "ã" not in text and "â" not in text:
        return text
    try:
        return text.replace("ã", "Ã").replace("â", "Â").encode("latin1").decode("utf8")
    except UnicodeError:
        return text


def split_name(filename: str) -> tuple[str, str]:
    """Return artist and title from a file name ``<artist>_<title>.jpg``.

    The first underscore separates them, because titles may have more. The suffix of a copy,
    ``(1)``, is removed.

    Examples
    --------
    >>> split_name("aaron-siskind_acolman-1-1955.jpg")
    ('aaron siskind', 'acolman-1-1955')
    >>> split_name("hokusai_view__of-fuji(1).jpg")
    ('hokusai', 'view__of-fuji')
    """
    stem = PurePosixPath(filename).stem
    artist, underscore, title = stem.partition("_")
    if not underscore:
        artist, title = "", stem
    return repair(artist).replace("-", " ").strip(), repair(_COPY.sub("", title))


def year_of(text: str) -> int | None:
    """Return the last number from 1000 to 2029 in a title, or None.

    Examples
    --------
    >>> year_of("acolman-1-1955"), year_of("women-1948-49"), year_of("untitled")
    (1955, 1948, None)
    """
    years = _YEAR.findall(text)
    return int(years[-1]) if years else None


def title_of(text: str) -> str:
    """Return a title for display: spaces for hyphens and underscores, without a final year.

    Examples
    --------
    >>> title_of("acolman-1-1955"), title_of("1889")
    ('acolman 1', '1889')
    """
    words = " ".join(re.split(r"[-_\s]+", repair(text))).strip()
    return re.sub(r"\s+(1[0-9]{3}|20[0-2][0-9])$", "", words)


@lru_cache(maxsize=8192)
def parse_tags(text: str) -> tuple[str, ...] | None:
    """Read a cell such as ``['Impressionism', 'Realism']``, without repeated tags.

    The cell is parsed as a literal, never evaluated. None if it is no list of texts, or too long.

    Examples
    --------
    >>> parse_tags("['Ukiyo e', 'Ukiyo e']"), parse_tags("__import__('os').getcwd()")
    (('Ukiyo e',), None)
    """
    if len(text) > _LONGEST:
        return None
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    if not isinstance(value, list | tuple) or not all(isinstance(tag, str) for tag in value):
        return None
    return tuple(dict.fromkeys(value))


def safe_path(text: str) -> str | None:
    """Return a relative path in its plain form with ``/``, or None if it leaves its root.

    Examples
    --------
    >>> safe_path("./Cubism/a_b.jpg"), safe_path("../../etc/passwd"), safe_path("C:/x.jpg")
    ('Cubism/a_b.jpg', None, None)
    """
    text = text.strip().replace("\\", "/")
    if not text or "\0" in text or text.startswith("/"):
        return None
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if not parts or ".." in parts or re.match(r"[A-Za-z]:", parts[0]):
        return None
    return "/".join(parts)


def text_of(name: str) -> str:
    r"""Return a file name as valid text: bytes that are not UTF-8 become for example ``%E9``.

    Examples
    --------
    >>> text_of("c\udce9zanne.jpg"), text_of("cézanne.jpg")
    ('c%E9zanne.jpg', 'cézanne.jpg')
    """
    if not any("\udc80" <= c <= "\udcff" for c in name):
        return name
    return "".join(f"%{ord(c) - 0xDC00:02X}" if "\udc80" <= c <= "\udcff" else c for c in name)


def file_of(root: str | os.PathLike, text: str) -> Path:
    """Return the path of a file below `root`, from its name as `text_of` returns it."""
    path = Path(root, text)
    if "%" not in text or os.path.lexists(path):
        return path
    return Path(root, re.sub("%([89A-F][0-9A-F])", lambda m: chr(0xDC00 + int(m[1], 16)), text))


def comparable(text: str) -> str:
    """Return a normal form for comparison: names equal but for case or separators share it.

    Examples
    --------
    >>> comparable("Ukiyo-e") == comparable("ukiyo_e") == comparable("Ukiyo e")
    True
    """
    text = unicodedata.normalize("NFC", repair(text)).casefold()
    return re.sub(r"[-_\s]+", " ", text).strip()
