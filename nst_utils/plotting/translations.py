"""The words on figures and their captions in English and Vietnamese: ``translations.json``."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from ..errors import check_choice

LANGUAGES = ("en", "vi")

_CATALOG = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))

TRANSLATIONS = {name: tuple(words) for name, words in _CATALOG["names"].items()}
"""English and Vietnamese for names that are no phrases: columns, loss terms, values of a recipe."""

VIETNAMESE: dict[str, str] = _CATALOG["phrases"]
"""Vietnamese for every other English label and caption."""


def translator(
    language: str = "en", names: Mapping[str, tuple[str, str]] = TRANSLATIONS
) -> Callable[[str], str]:
    """Return a function that gives a label in one language.

    The function takes an English phrase, or one of `names`. A phrase that `VIETNAMESE` lacks stays
    English.

    Parameters
    ----------
    language : {"en", "vi"}
        The language of the labels.
    names : mapping of str to (str, str)
        English and Vietnamese for short names; any other label is its own English.

    Raises
    ------
    UnknownNameError
        If the language is not in `LANGUAGES`.

    Examples
    --------
    >>> translator("vi")("step"), translator("en")("tv")
    ('bước', 'total variation')
    """
    check_choice("language", language, LANGUAGES)

    def say(phrase: str) -> str:
        if phrase in names:
            return names[phrase][LANGUAGES.index(language)]
        return phrase if language == "en" else VIETNAMESE.get(phrase, phrase)

    return say
