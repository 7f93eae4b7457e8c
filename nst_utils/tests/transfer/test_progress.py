from nst_utils.transfer.config import Recipe
from nst_utils.transfer.progress import Watch
from nst_utils.transfer.run import stylize


def test_pictures_are_kept_at_intervals_and_at_the_end(tiny, pictures, capsys):
    recipe = Recipe(size=32, steps=8, weights="random")
    with Watch(8, show_every=3) as watch:
        result = stylize(*pictures, recipe, on_step=watch)
    assert [record.step for record, _ in watch.frames] == [0, 3, 6, 7]
    assert all(image.size == result.image.size for _, image in watch.frames)
    assert "painting at 32 px" in capsys.readouterr().err


def test_nothing_is_kept_unless_asked_for(tiny, pictures):
    with Watch(2) as watch:
        stylize(*pictures, Recipe(size=32, steps=2, weights="random"), on_step=watch)
    assert watch.frames == []
