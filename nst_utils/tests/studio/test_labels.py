import re

from nst_utils.paths import ROOT
from nst_utils.studio.labels import LABELS


def test_both_languages_say_something_and_take_the_same_values():
    for english, vietnamese in LABELS.values():
        assert english and vietnamese
        assert english.count("{}") == vietnamese.count("{}")


def test_every_label_is_used():
    texts = "".join(
        path.read_text(encoding="utf-8")
        for folder in ("studio", "transfer")
        for path in (ROOT / "nst_utils" / folder).glob("*.py")
        if path.stem != "labels"
    )
    named = [key for key in LABELS if not key.startswith(("field ", "value ", "pick "))]
    unused = [key for key in named if not re.search(rf'"{re.escape(key)}"|\b{key}\b', texts)]
    assert unused == []
