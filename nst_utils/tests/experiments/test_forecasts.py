import pytest
from PIL import Image

from nst_utils.errors import NSTError
from nst_utils.experiments import forecasts as module
from nst_utils.experiments.film_runs import film
from nst_utils.experiments.folders import paint_folder
from nst_utils.experiments.reproduce import repeat_run
from nst_utils.experiments.structure_search import keep_structure
from nst_utils.experiments.sweeps import sweep
from nst_utils.images.png import read_provenance, save_png
from nst_utils.transfer import memory
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.memory import Plan, number_format
from nst_utils.transfer.run import stylize

SMALL = Recipe(size=512, weights="random", device="cpu")


@pytest.fixture
def probed(monkeypatch):
    """Let the probe find these times and peaks."""
    rows = [
        {"size": 256, "mb": 500.0, "seconds_per_step": 0.01, "overhead": 1.0, "change": 0.1},
        {"size": 448, "mb": 600.0, "seconds_per_step": 0.3, "overhead": 1.0, "change": 2.0,
         "margin": 80, "texture_margin": 16, "texture_seconds_per_step": 0.1},
    ]  # fmt: skip
    monkeypatch.setattr(module, "run_in_fresh_process", lambda *_: rows)


def test_a_run_is_scaled_up_by_its_pixels(tiny, pictures, probed):
    told = module.forecast(*pictures, SMALL)
    assert (told.width, told.height) == (512, 384)
    steps = 0.3 / (448 * 336) * (60 * 256 * 192 + 30 * 512 * 384)
    change = 2.0 / (448 * 336) * 512 * 384  # to one finer scale
    assert told.seconds == pytest.approx(1 + steps + change)
    grown = 100 / (448 * 336 - 256 * 192) + 16 * 24 / 1e6
    assert told.megabytes == pytest.approx(600 + grown * (512 * 384 - 448 * 336))
    assert told.free_megabytes > 0


def test_a_run_in_tiles_takes_what_its_tiles_read(tiny, pictures, probed):
    recipe = SMALL.replace(size=1024, scales=(1024,), steps=(10,), tile=512, texture_steps=4)
    told = module.forecast(*pictures, recipe)
    assert told.tile == 512
    # Two by two tiles, each with 80 pixels more on two sides, or with 16.
    read, shallow = 4 * (512 + 80) * (384 + 80), 4 * (512 + 16) * (384 + 16)
    steps = module.TILED_STEP * (6 * 0.3 * read + 4 * 0.1 * shallow) / (448 * 336)
    assert told.seconds == pytest.approx(1 + steps)
    expected = Plan(512).bytes(recipe, 1024 * 768, number_format(recipe), 80)
    assert told.megabytes == pytest.approx(expected / 1e6)


def test_matching_grows_faster_than_the_pixels_until_positions_are_drawn(tiny, pictures, probed):
    matching = SMALL.replace(style_statistic="hypercolumns", scales=(512,), steps=(10,))
    plain = module.forecast(*pictures, SMALL.replace(scales=(512,), steps=(10,)))
    told = module.forecast(*pictures, matching)
    # Between the probes a step took 30 times as long for three times the pixels: the most is taken.
    assert told.seconds - 1 == pytest.approx((plain.seconds - 1) * (512 / 448) ** 2)
    large = [
        module.forecast(*pictures, r.replace(size=2048, scales=(2048,)))
        for r in (matching, SMALL.replace(steps=(10,)))
    ]
    known = 448 * 336
    assert large[0].seconds - 1 == pytest.approx((large[1].seconds - 1) * 512 * 512 / known)


def test_the_probe_measures(tiny, pictures):
    [row] = module._probe(*pictures, SMALL, [32], None)
    assert row["seconds_per_step"] > 0 and row["mb"] > 50 and row["change"] >= 0
    [single] = module._probe(*pictures, SMALL.replace(scales=(512,), steps=9), [32], None)
    assert single["change"] == 0
    assert row["margin"] == 80 and row["texture_seconds_per_step"] == row["seconds_per_step"]
    [row] = module._probe(*pictures, SMALL.replace(texture_steps=5), [32], None)
    assert row["texture_margin"] == 16 and row["texture_seconds_per_step"] > 0


def test_what_does_not_fit_is_refused_in_every_way_to_run(here, pictures, tmp_path, monkeypatch):
    with Image.open(pictures[0]) as image:
        image.save(tmp_path / "clip.gif", save_all=True, append_images=[image.rotate(9)])
    path = stylize(*pictures, SMALL.replace(size=32, steps=1)).save(tmp_path / "small.png")
    record = read_provenance(path)
    record["recipe"] |= {"size": 8192, "scales": [8192], "steps": [1]}
    with Image.open(path) as image:
        save_png(image.copy(), tmp_path / "large.png", record)
    monkeypatch.setattr(memory, "room", lambda device: 2e9)
    large, names = SMALL.replace(size=8192), [str(path) for path in pictures]
    runs = {
        "stylize": lambda: stylize(*pictures, large),
        "rerun": lambda: repeat_run(tmp_path / "large.png"),
        "keep": lambda: keep_structure(*pictures, large, 0.5),
        "film": lambda: film(
            tmp_path / "clip.gif", pictures[1], large, output=tmp_path / "film.gif"
        ),
    }
    for name, run in runs.items():
        with pytest.raises(NSTError, match=r"8192 pixels need about .*; the largest .*size=\d+"):
            run()
            pytest.fail(name)
    rows = sweep({"size": [8192]}, base=SMALL, pairs=[names], out=tmp_path / "sweep")
    folder = paint_folder(*names, tmp_path / "folder", large)
    for error in (rows["error"][0], folder["error"][0]):
        assert error.startswith("8192 pixels need about")
