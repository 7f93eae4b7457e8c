"""The words on figures and their captions in English and Vietnamese: ``translations.json``."""

import json
import re
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.text import Text

from ..errors import check_choice

LANGUAGES = ("en", "vi")

_CATALOG = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))

TRANSLATIONS = {name: tuple(words) for name, words in _CATALOG["names"].items()}
"""English and Vietnamese for names that are no phrases: columns, loss terms, values of a recipe."""

VIETNAMESE: dict[str, str] = _CATALOG["phrases"]
"""Vietnamese for every other English label and caption."""

PATTERNS = [
    (re.compile(re.escape(english).replace(r"\{\}", "(.+)")), vietnamese)
    for english, vietnamese in _CATALOG["patterns"].items()
]
"""Vietnamese for names of settings that are put together, such as ``relu1_1 alone``."""


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


def setting_translator(language: str = "en") -> Callable[[str], str]:
    """Return a function that gives the name of a setting, which is often put together.

    What `translator` lacks is translated by `PATTERNS`, then part by part between colons and
    commas: ``L-BFGS, two scales``. What is no text, as a number in a table, stays.
    """
    known = translator(language)

    def say(name: Any) -> Any:
        if language == "en" or not isinstance(name, str):
            return name
        if (told := known(name)) != name:
            return told
        for pattern, form in PATTERNS:
            if found := pattern.fullmatch(name):
                return form.format(*map(say, found.groups()))
        for mark in (": ", ", "):
            if mark in name:
                return mark.join(map(say, name.split(mark)))
        return name

    return say


def translate_figure(figure: Figure, language: str) -> None:
    """Translate every text of a figure: titles, legends, names of settings beside an axis."""
    if language == "en":
        return
    say = setting_translator(language)
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            labels = [label.get_text() for label in axis.get_ticklabels()]
            if (told := [*map(say, labels)]) != labels:
                axis.set_ticks(axis.get_ticklocs(), told)
    for text in figure.findobj(Text):
        lines = text.get_text().split("\n")
        if (told := say(" ".join(lines))) != " ".join(lines):
            width = max(map(len, lines))
            text.set_text(textwrap.fill(told, width) if len(lines) > 1 else told)
