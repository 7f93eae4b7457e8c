"""Sliders in a real browser: what is shown is what holds."""

import pytest

from nst_utils.studio.browser_widgets import ExpertSwitch, NumberSlider
from nst_utils.studio.controls import SLIDERS

from .browser_page import mount, until


@pytest.mark.parametrize("name", list(SLIDERS))
def test_what_is_shown_is_what_holds(page, name):
    low, high = SLIDERS[name]
    made = NumberSlider(
        low=low, high=high, log=True, zero=name == "tv", value=8, usual=3, label=name
    )
    shown = mount(page, made)
    field, handle = shown.locator(".nst-number"), shown.locator("input[type=range]")
    assert field.input_value() == "8"
    for typed, value in (("8", 8), ("7.94", 7.94), ("0,123456", 0.123456), ("30", 30)):
        field.fill(typed)
        field.press("Enter")
        until(page, lambda v=value: made.value == v and field.input_value() == str(v))
    for typed in ("", "many", "1e999"):
        field.fill(typed)
        field.press("Tab")
        until(page, lambda: field.input_value() == "30")
        assert made.value == 30
    for key, value in (("Home", 0 if name == "tv" else low), ("End", high)):
        handle.press(key)
        until(page, lambda v=value: made.value == pytest.approx(v))
        until(page, lambda: float(field.input_value()) == made.value)
    handle.press("ArrowLeft")
    until(page, lambda: made.value < high)
    assert made.value == float(f"{made.value:.3g}")
    handle.dblclick()
    until(page, lambda: made.value == 3 and field.input_value() == "3")
    made.value = 55.5  # the kernel: an undo, a preset, a refusal
    until(page, lambda: field.input_value() == "55.5")


def test_a_word_below_the_slider_sets_its_number(page):
    marks = [[3.0, "subtle"], [30.0, "wild"]]
    made = NumberSlider(low=1, high=100, log=True, value=8, label="strength", marks=marks)
    shown = mount(page, made)
    shown.get_by_text("wild").click()
    until(page, lambda: made.value == 30)
    assert not shown.locator(".nst-number").is_visible()


def test_a_browser_remembers_who_is_an_expert(page):
    page.route("**/*", lambda route: route.fulfill(body="<p></p>", content_type="text/html"))
    page.goto("http://panel.test/")  # a place of its own, which may remember
    shown = mount(page, ExpertSwitch(label="Expert"))
    panel = page.locator(".nst-studio")
    assert "nst-expert" not in panel.get_attribute("class")
    shown.get_by_label("Expert").check()
    assert "nst-expert" in panel.get_attribute("class")
    page.reload()
    mount(page, ExpertSwitch(label="Expert"), again=True)
    page.locator(".nst-studio.nst-expert").wait_for()
