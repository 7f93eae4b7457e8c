"""The studio's words in English and Vietnamese, read from ``labels.json``."""

import json
from collections.abc import Callable
from pathlib import Path

from ..plotting.translations import TRANSLATIONS, translator
from ..transfer.config import field_of
from ..transfer.fields import rule_of

_GROUPS = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))

LABELS = {key: tuple(words) for group in _GROUPS.values() for key, words in group.items()}
"""Every label: English, Vietnamese."""


def studio_translator(language: str = "en") -> Callable[[str], str]:
    """Return a function that says the labels of the studio and of figures in one language.

    Raises
    ------
    UnknownNameError
        If the language does not exist.
    """
    return translator(language, TRANSLATIONS | LABELS)


def field_name(field: str, say: Callable[[str], str]) -> str:
    """Return what a field of the recipe is called in the panel, in the language of `say`.

    Examples
    --------
    >>> field_name("beta", studio_translator()), field_name("a_new_one", studio_translator())
    ('beta (style)', 'a new one')
    """
    label = f"field {field}"
    return say(label) if label in LABELS else field.replace("_", " ")


def field_help(field: str, say: Callable[[str], str]) -> str:
    """Return what a field of the recipe does, in the language of `say`.

    Examples
    --------
    >>> field_help("beta", studio_translator()), field_help("beta", studio_translator("vi"))
    ('weight of the style loss', 'trọng số của mất mát phong cách')
    """
    label = f"help {field}"
    return say(label) if label in LABELS else rule_of(field_of(field)).help
