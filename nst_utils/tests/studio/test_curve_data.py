import dataclasses

import pytest

from nst_utils.plotting.translations import LANGUAGES
from nst_utils.studio.browser_widgets import LossCurve
from nst_utils.studio.curve_data import MOST, curve_of
from nst_utils.studio.history import History, Point
from nst_utils.studio.labels import LABELS, studio_translator
from nst_utils.transfer.config import Recipe

from .browser_page import mount

FIELDS = [field.name for field in dataclasses.fields(Recipe)]


def painted(steps, marks=()):
    history = History("a", "b", Recipe())
    for i in range(steps):
        terms = {"content": i / 30, "style": 100 / (i + 1), "tv": 0.0, "own": 2.0}
        history.points.append(Point(i, 128 if i < steps // 3 else 256, sum(terms.values()), terms))
    history.marks = list(marks)
    return history


def test_every_field_that_can_change_has_a_name_in_both_languages():
    assert {name.removeprefix("field ") for name in LABELS if name.startswith("field ")} == {
        *FIELDS
    }
    for language in LANGUAGES:
        say = studio_translator(language)
        marks = [(i, name) for i, name in enumerate(FIELDS)]
        named = curve_of("A", painted(9, marks), say)["marks"]
        assert all(name and "_" not in name for _, name in named)


def test_a_drag_has_one_name_and_a_term_of_zeros_no_line():
    marks = [(4, "beta"), (5, "beta"), (6, "beta"), (9, "alpha, tv")]
    curve = curve_of("A", painted(30, marks), studio_translator())
    assert [name for _, name in curve["marks"]] == ["beta", "", "", "alpha, smoothness"]
    assert [term["name"] for term in curve["terms"]] == ["total", "content", "style", "own"]
    assert curve["sizes"] == [(0, 128), (10, 256)]


@pytest.mark.parametrize("steps", [0, 1, MOST, MOST + 1, 5 * MOST + 3])
def test_a_long_curve_is_thinned_and_ends_at_the_last_step(steps):
    curve = curve_of("A", painted(steps), studio_translator())
    assert len(curve["steps"]) <= MOST + 1 and curve["steps"][-1:] == [steps - 1][: min(steps, 1)]
    assert all(len(term["values"]) == len(curve["steps"]) for term in curve["terms"])


@pytest.mark.parametrize("width", [380, 560, 900])
def test_names_never_overprint_and_values_stand_under_the_pointer(page, width):
    say = studio_translator()
    marks = [(2 * i, name) for i, name in enumerate(FIELDS[:12])]
    runs = [curve_of(name, painted(60, marks), say) for name in "AB"]
    shown = mount(page, LossCurve(runs=runs[:1], words={"step": "step", "loss": "loss"}), width)
    boxes = shown.locator("text").evaluate_all(
        "all => all.filter(t => !t.hasAttribute('transform')).map(t => t.getBoundingClientRect())"
        ".map(b => [b.left, b.top, b.right, b.bottom])"
    )
    assert len(boxes) > 10
    inner = shown.bounding_box()
    for i, (left, top, right, bottom) in enumerate(boxes):
        assert inner["x"] <= left and right <= inner["x"] + inner["width"]
        for other in boxes[:i]:
            apart = right <= other[0] or other[2] <= left or bottom <= other[1] + 3
            assert apart or other[3] <= top + 3, (boxes[i], other)
    svg = shown.locator("svg[role=img]")
    assert svg.bounding_box()["width"] == pytest.approx(inner["width"], abs=1)
    page.mouse.move(inner["x"] + 58, inner["y"] + 100)
    tip = shown.locator(".nst-tip")
    assert "step 0" in tip.inner_text() and "β style 100" in tip.inner_text()
    svg.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    assert "step 3" in tip.inner_text()
    assert "step" in svg.get_attribute("aria-label") or "total" in svg.get_attribute("aria-label")


def test_a_curve_follows_its_painting_and_two_stand_in_one_plot(page):
    say = studio_translator()
    curve = LossCurve(runs=[curve_of("A", painted(0), say)], words={"step": "step", "loss": "loss"})
    shown = mount(page, curve)
    assert shown.locator("path").count() == 0
    curve.runs = [curve_of(name, painted(40), say) for name in "AB"]
    shown.locator("path").first.wait_for(state="attached")
    assert shown.locator("path[data-term=style]").count() == 2
    assert "A" in shown.locator(".nst-legend").inner_text()
