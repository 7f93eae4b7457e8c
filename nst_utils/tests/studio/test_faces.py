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
    finally:
        studio.close()
        assert studio.controller.join(20)


def test_the_strength_that_keeps_so_much_is_found_and_set(tiny, pictures, tmp_path, monkeypatch):
    from nst_utils.studio import panel

    studio = Studio(*map(str, pictures), TINY, folder=tmp_path)
    try:
        asked = []
        monkeypatch.setattr(panel, "find_strength", lambda *given: asked.append(given[3]) or 3.5)
        studio._controls.keep.value = 0.7
        studio._keep(0.7)
        until(lambda: studio._status.news.endswith("about 70% of the photo stays"))
        assert asked == [0.7] and studio.controller.wanted.beta == 3.5
        assert studio._controls.strength.value == 3.5
    finally:
        studio.close()
        assert studio.controller.join(20)


def test_less_is_kept_by_a_stronger_style(tiny, pictures):
    paths = tuple(map(str, pictures))
    much, little = (find_strength(*paths, TINY, keep, lambda: False) for keep in (0.95, 0.05))
    assert much < little
