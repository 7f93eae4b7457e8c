import numpy as np
import pandas as pd
import pytest
from PIL import Image

from nst_utils.experiments.film_measures import (
    expected_flicker,
    flicker,
    style_gap,
    warping_error,
)
from nst_utils.images.inputs import open_input
from nst_utils.paths import RESULTS
from nst_utils.transfer.video.sample import SampleScene

SCENE = SampleScene((128, 96))


def images(count, noise=0.0):
    rng = np.random.default_rng(0)
    for number in range(count):
        frame = SCENE.frame(number) + rng.normal(0, 255 * noise, (96, 128, 3))
        yield Image.fromarray(frame.clip(0, 255).astype(np.uint8))


def test_the_error_of_known_noise():
    # Differences of two independent noises: twice the variance.
    frame = np.full((96, 128, 3), 128.0)
    rng = np.random.default_rng(0)
    one, two = ((frame + rng.normal(0, 20, frame.shape)).round().astype(np.uint8) for _ in "ab")
    still, seen = np.zeros((96, 128, 2), np.float32), np.ones((96, 128), np.float32)
    assert warping_error(one, two, still, seen) == pytest.approx(2 * (20 / 255) ** 2, rel=0.02)
    seen[:, :64] = 0
    two[:, :64] = 0
    assert warping_error(one, two, still, seen) == pytest.approx(2 * (20 / 255) ** 2, rel=0.02)


def test_a_film_that_is_its_own_painting_has_the_floors_error():
    found = flicker(zip(images(4), images(4), strict=True))
    assert found.painted == found.floor
    assert list(found.floor) == [1, 2, 3]
    assert 0 < found.mean()["floor"] < 0.001
    noisy = flicker(zip(images(4), images(4, 0.1), strict=True)).mean()
    assert noisy["warping_error"] > 0.01 > 10 * noisy["floor"]


def test_nothing_is_measured_across_a_cut():
    frames = list(images(2))
    other = Image.fromarray(np.full((96, 128, 3), (20, 200, 40), np.uint8))
    pairs = [(image, image) for image in (*frames, other)]
    assert list(flicker(pairs).floor) == [1]
    assert flicker(pairs[:1]).mean() == {"warping_error": 0.0, "floor": 0.0}


def test_the_style_gap_is_measured_on_frames_evenly_spread():
    pairs = [(image, image) for image in images(3)]
    gaps = style_gap(iter(pairs), 3, pairs[0][0].rotate(90))
    assert gaps["ssim"] == pytest.approx(1)
    assert gaps["color"] == pytest.approx(1)


def test_styles_of_strong_contrast_are_expected_to_flicker():
    stored = pd.read_csv(RESULTS / "12_film" / "styles.csv").set_index("style")["warping_error"]
    told = {name: expected_flicker(open_input(name, 800)) for name in stored.index}
    true = stored / stored.mean()
    gaps = [max(told[name] / error, error / told[name]) for name, error in true.items()]
    assert np.mean(gaps) < 1.4 and max(gaps) < 2
    assert (round(true.min(), 1), round(true.max(), 1)) == (0.2, 2.2)  # as the command says
    gray = Image.new("RGB", (40, 40), (128, 128, 128))
    assert expected_flicker(open_input(gray, 40)) == 0
