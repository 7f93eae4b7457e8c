from nst_utils.studio.labels import LABELS, studio_translator
from nst_utils.studio.toolbar import _BUTTONS, Toolbar


def test_every_button_has_its_words_and_does_its_own():
    done = []
    actions = {name: lambda name=name: done.append(name) for name in _BUTTONS}
    bar = Toolbar(studio_translator("vi"), actions, done.append, done.append)
    for name, (label, help, _) in _BUTTONS.items():
        assert label in LABELS and help in LABELS
        bar.buttons[name].click()
    assert done == list(_BUTTONS)
    assert bar.row.children[-1] is bar.buttons["close"] and bar.swap not in bar.row.children
    bar.compare.value = True
    bar.side.value = 1
    assert done[-2:] == [True, 1]


def test_state_and_side_are_shown():
    bar = Toolbar(studio_translator(), dict.fromkeys(_BUTTONS, lambda: None), print, print)
    bar.show_state("running")
    assert (bar.buttons["start"].button_style, bar.buttons["pause"].button_style) == (
        "", "warning"
    )  # fmt: skip
    bar.show_side(1, True)
    assert "keeps B" in bar.kept.value and bar.side.layout.display == ""
    bar.show_side(0, False)
    assert bar.kept.layout.display == "none"
