import pytest

from nst_utils.studio import faces
from nst_utils.studio.faces import KINDS, fields_for, find_strength, kind_of
from nst_utils.studio.panel import Studio
from nst_utils.transfer.config import Recipe

from .test_controller import until

TINY = Recipe(size=48, scales=(32, 48), steps=(4, 10), weights="random")


@pytest.mark.parametrize("regions", [(), (("sky.png", 2, ""), ("rest", 1, ""))])
def test_every_kind_can_be_chosen_after_every_other(regions):
    recipe = Recipe(regions=regions)
    for first in KINDS:
        for second in KINDS:
            changed = recipe.replace(**fields_for(recipe, first))
            changed = changed.replace(**fields_for(changed, second))
            assert kind_of(changed) == second
            assert changed.regions[-len(regions) :] == regions or not regions
    assert kind_of(Recipe()) == "recognizable"
    assert recipe.replace(**fields_for(recipe, "painted")).regions == regions


def test_faces_are_offered_where_one_was_found(tiny, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr(faces, "_has_face", lambda content: content.endswith("style.png"))
    studio = Studio(*map(str, pictures), TINY, folder=tmp_path)
    try:
        menu = studio._controls.faces
        until(lambda: studio._face[1].done())
        studio.refresh()
        assert menu.layout.display == "none"
        studio._choose(content=str(pictures[1]))
        until(lambda: studio._face[1].done())
        studio.refresh()
        assert menu.layout.display == "" and menu.value == "recognizable"
        menu.value = "photo"
        assert studio.controller.wanted.regions[0] == ("faces", 0, "")
        studio._toolbar.buttons["undo"].click()
        assert menu.value == "recognizable" and studio.controller.wanted.regions == ()
        studio._regions.second.path.value = str(pictures[0])
        assert studio.controller.wanted.blend == (0.5, 0.5)
        menu.value = "photo"  # which leaves no place for a second style
        assert studio.controller.history.others == () and studio.controller.wanted.blend == ()
        assert studio.controller.wanted.regions[0] == ("faces", 0, "")
        studio._choose(content=str(pictures[1]))
        studio._choose(content=str(pictures[0]))  # the region goes with the photo
        assert menu.value == kind_of(studio.controller.wanted) == "recognizable"
    finally:
        studio.close()
        assert studio.controller.join(20)


def test_the_strength_that_keeps_so_much_is_found_and_set(tiny, pictures, tmp_path, monkeypatch):
    from nst_utils.studio import panel

    studio = Studio(*map(str, pictures), TINY, folder=tmp_path)
    try:
        asked = []
        found = 3.5, 0.7
        monkeypatch.setattr(panel, "find_strength", lambda *given: asked.append(given[3]) or found)
        studio._controls.keep.value = 0.7
        studio._keep(0.7)
        until(lambda: studio._status.news.endswith("about 70% of the photo stays"))
        assert asked == [0.7] and studio.controller.wanted.beta == 3.5
        assert studio._controls.strength.value == 3.5
        found = 0.01, 0.31
        studio._keep(0.8)
        until(lambda: studio._status.news.endswith("the nearest is 31%"))
        studio._keep(5.0)
        assert "between 0 and 1" in studio._status.complaint and asked == [0.7, 0.8]
    finally:
        studio.close()
        assert studio.controller.join(20)


def test_less_is_kept_by_a_stronger_style(tiny, pictures):
    paths = tuple(map(str, pictures))
    much, little = (find_strength(*paths, TINY, keep, lambda: False)[0] for keep in (0.95, 0.05))
    assert much < little


def test_a_share_that_is_out_of_reach_is_told_with_the_nearest(tiny, pictures, monkeypatch):
    monkeypatch.setattr("nst_utils.experiments.metrics.ssim", lambda *_: 0.3)
    _, kept = find_strength(*map(str, pictures), TINY, 0.8, lambda: False)
    assert kept == 0.3
