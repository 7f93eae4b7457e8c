"""The words on figures, in English and in Vietnamese: one catalog, so that none is missing."""

from collections.abc import Callable

from .registry import unknown

LANGUAGES = ("en", "vi")

WORDS: dict[str, tuple[str, str]] = {
    "content": ("content", "nội dung"),
    "style": ("style", "phong cách"),
    "result": ("result", "kết quả"),
    "start": ("start", "khởi đầu"),
    "step": ("step", "bước"),
    "steps": ("steps", "bước"),
    "loss": ("loss", "hàm mất mát"),
    "total": ("total", "tổng"),
    "tv": ("total variation", "biến phân toàn phần"),
    "losses": ("losses", "hàm mất mát"),
    "style loss by layer": ("style loss by layer", "mất mát phong cách theo tầng"),
    "channel": ("channel", "kênh"),
    "Gram matrix": ("Gram matrix", "ma trận Gram"),
    "before ReLU": ("before ReLU", "trước ReLU"),
    "after ReLU": ("after ReLU", "sau ReLU"),
    "relative": ("relative", "tương đối"),
    "report": ("report", "báo cáo"),
    "paper": ("paper", "bài báo gốc"),
}
"""Every label: English, Vietnamese."""


def words(language: str = "en") -> Callable[[str], str]:
    """Return a function that says a label in one language.

    Raises
    ------
    UnknownNameError
        If the language is not in `LANGUAGES`.

    Examples
    --------
    >>> words("vi")("step")
    'bước'
    """
    if language not in LANGUAGES:
        raise unknown("language", language, LANGUAGES)
    place = LANGUAGES.index(language)
    return lambda key: WORDS[key][place]
