import re

from nst_utils.labels import LABELS
from nst_utils.registry import ROOT


def test_both_languages_say_something_and_take_the_same_values():
    for english, vietnamese in LABELS.values():
        assert english and vietnamese
        assert english.count("{}") == vietnamese.count("{}")


def test_every_label_is_used():
    texts = "".join(
        (ROOT / "nst_utils" / f"{name}.py").read_text(encoding="utf-8")
        for name in ("studio", "pickers", "config", "controller")
    )
    unused = [key for key in LABELS if not re.search(rf'"{re.escape(key)}"|\b{key}\b', texts)]
    assert unused == []
