from nst_utils.studio.labels import LABELS, studio_translator
from nst_utils.studio.state import Status
from nst_utils.studio.toolbar import _BUTTONS, StatusBar, Toolbar


def test_every_button_has_its_words_and_does_its_own():
    done = []
    actions = {name: lambda name=name: done.append(name) for name in _BUTTONS}
    bar = Toolbar(studio_translator("vi"), actions, done.append, done.append)
    for name in _BUTTONS:
        assert name.capitalize() in LABELS and f"{name} help" in LABELS
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
    bar.show_side(True)
    assert bar.side.layout.display == ""
    bar.show_side(False)
    assert bar.side.layout.display == "none"


def test_state_message_and_numbers_are_said_and_escaped():
    bar = StatusBar(studio_translator())
    bar.news, bar.complaint = "saved: <a>", "no & no"
    bar.show(
        Status("running", step=7, done=3, budget=9, rate=2.5, left=61.0, scale=64, label="VGG19")
    )
    for part in (
        "running",
        "step 7",
        "64 px",
        "2.5 steps a second",
        "about 1 min left",
        "VGG19",
        "&lt;a&gt;",
    ):
        assert part in bar.line.value
    assert "no &amp; no" in bar.line.value and (bar.progress.value, bar.progress.max) == (3, 9)
    bar.clear()
    bar.show(Status("running"))
    assert "starting" in bar.line.value and "saved" not in bar.line.value


def test_text_to_copy_is_escaped():
    bar = StatusBar(studio_translator("vi"))
    bar.offer("</textarea><b>x</b>")
    assert "<b>x" not in bar.text.value and "&lt;b&gt;x" in bar.text.value
