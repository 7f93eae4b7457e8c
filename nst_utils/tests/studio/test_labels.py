import ast
import re

from nst_utils.paths import ROOT
from nst_utils.studio.controller import studio_recipe
from nst_utils.studio.controls import Controls
from nst_utils.studio.labels import LABELS, studio_translator
from nst_utils.studio.toolbar import _BUTTONS
from nst_utils.transfer.config import field_of
from nst_utils.transfer.fields import rule_of


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
    texts += "".join(f'"{name.capitalize()}" "{name} help"' for name in _BUTTONS)
    named = [key for key in LABELS if not key.startswith(("field ", "value ", "pick ", "help "))]
    unused = [key for key in named if not re.search(rf'"{re.escape(key)}"|\b{key}\b', texts)]
    assert unused == []


def test_every_control_explains_itself_in_both_languages():
    controls = Controls(studio_recipe(), studio_translator("vi"), print, print, print)
    for name in (*controls.menus, *controls.sliders, "style_layers"):
        english, vietnamese = LABELS[f"help {name}"]
        assert english == rule_of(field_of(name)).help != vietnamese
        if name in controls.sliders:
            assert controls.sliders[name].help == vietnamese
        if name in controls.menus:
            assert controls.menus[name].tooltip == vietnamese


def test_the_studios_own_errors_are_said_in_both_languages():
    """An error that is said in English only would be a stranger in a Vietnamese panel."""
    sentences = []
    for path in (ROOT / "nst_utils" / "studio").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "StudioError":
                sentences.append(ast.literal_eval(node.args[0]))
    assert len(sentences) > 8 and set(sentences) <= set(LABELS)
