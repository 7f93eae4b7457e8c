import re

import pytest

from nst_utils.registry import ROOT, UnknownNameError
from nst_utils.words import LANGUAGES, WORDS, words


def test_every_entry_has_both_languages():
    for key, entry in WORDS.items():
        assert len(entry) == len(LANGUAGES), key
        assert all(entry), key


def test_every_label_that_is_said_is_in_the_catalog():
    said = set()
    for path in (ROOT / "nst_utils").glob("*.py"):
        said |= set(re.findall(r"""\bsay\(["']([^"']+)["']\)""", path.read_text(encoding="utf-8")))
    assert said
    assert said <= set(WORDS)


def test_vietnamese_and_unknown_languages():
    assert words("vi")("style") == "phong cách"
    with pytest.raises(UnknownNameError, match="valid: en, vi"):
        words("fr")
