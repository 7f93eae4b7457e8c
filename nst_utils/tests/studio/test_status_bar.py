from nst_utils.studio.labels import studio_translator
from nst_utils.studio.state import Status
from nst_utils.studio.status_bar import StatusBar


def test_state_message_and_numbers_are_said_and_escaped():
    bar = StatusBar(studio_translator())
    bar.news, bar.complaint = "saved: <a>", "no & no"
    bar.show(Status("running", step=7, done=3, budget=9, rate=2.5, scale=64, label="VGG19"))
    for part in ("running", "step 7", "64 px", "2.5 steps a second", "VGG19", "&lt;a&gt;"):
        assert part in bar.line.value
    assert "no &amp; no" in bar.line.value and (bar.progress.value, bar.progress.max) == (3, 9)
    bar.clear()
    bar.show(Status("running"))
    assert "starting" in bar.line.value and "saved" not in bar.line.value


def test_text_to_copy_is_escaped():
    bar = StatusBar(studio_translator("vi"))
    bar.offer("</textarea><b>x</b>")
    assert "<b>x" not in bar.text.value and "&lt;b&gt;x" in bar.text.value
