from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from nst_utils.errors import NSTError
from nst_utils.experiments import metrics
from nst_utils.images import to_pil, to_tensor
from nst_utils.images.colors import recolor
from nst_utils.images.samples import open_picture

from ..conftest import tiny_backbone

PHOTO = open_picture("chelsea", 160)

STYLE = open_picture("mosaic", 160)


def test_the_same_picture_is_at_no_distance():
    assert metrics.ssim(PHOTO, PHOTO) == pytest.approx(1)
    assert metrics.edge_agreement(PHOTO, PHOTO) == pytest.approx(1)
    assert metrics.color_distance(PHOTO, PHOTO) == 0
    assert metrics.texture_distance(PHOTO, PHOTO) == 0
    assert metrics.gram_distance(PHOTO, PHOTO, tiny_backbone(), ["relu1_1"]) == 0


def test_pictures_too_small_for_a_measure_are_one_sentence():
    small = PHOTO.resize((30, 6))
    gram = partial(metrics.gram_distance, judge=tiny_backbone(), layers=["relu5_1"])
    for measure in (metrics.ssim, metrics.texture_distance, gram):
        assert np.isfinite(measure(PHOTO.resize((16, 16)), PHOTO.resize((64, 64))))
        with pytest.raises(NSTError, match="pictures of 30 x 6 and .* too small; choose a larger"):
            measure(small, PHOTO)


def test_gaps_of_the_ends():
    judges = {"tiny": (tiny_backbone(), ["relu1_1", "relu2_1"])}
    photo = metrics.measure(PHOTO, PHOTO, STYLE, judges)
    style = metrics.measure(STYLE, PHOTO.resize(STYLE.size), STYLE, judges)
    for name in ("color", "texture", "tiny"):
        assert photo[name] == pytest.approx(1)
        assert style[name] == pytest.approx(0, abs=1e-6)
    assert photo["ssim"] == pytest.approx(1)
    assert style["ssim"] < 0.4


def test_color_does_not_see_places_and_texture_does_not_see_hues():
    rng = np.random.default_rng(0)
    pixels = np.asarray(PHOTO).reshape(-1, 3)
    shuffled = Image.fromarray(rng.permutation(pixels).reshape(np.asarray(PHOTO).shape))
    assert metrics.color_distance(shuffled, PHOTO) == pytest.approx(0, abs=1e-6)
    assert metrics.texture_distance(shuffled, PHOTO) > 2
    gray = PHOTO.convert("L").convert("RGB")
    assert metrics.texture_distance(gray, PHOTO) < 0.3
    assert metrics.color_distance(gray, PHOTO) > 3


def test_the_histogram_sees_ratios_of_colors_and_no_brightness():
    half = Image.fromarray((np.asarray(PHOTO.convert("RGB")) // 2).astype(np.uint8))
    assert metrics.histogram_distance(PHOTO, PHOTO) == 0
    assert metrics.histogram_distance(half, PHOTO) < 0.05
    far = metrics.histogram_distance(STYLE, PHOTO)
    assert far == pytest.approx(metrics.histogram_distance(PHOTO, STYLE)) and far > 0.3
    orange, teal = (Image.new("RGB", (20, 20), name) for name in ("orange", "teal"))
    assert 0.8 < metrics.histogram_distance(orange, teal) <= 1


def test_recoloring_imposes_the_color_distance_more_than_the_histogram():
    photo, style = map(to_tensor, (PHOTO, STYLE))
    recolored = to_pil(recolor(photo, style))
    left = [
        measure(recolored, STYLE) / measure(PHOTO, STYLE)
        for measure in (metrics.color_distance, metrics.histogram_distance)
    ]
    assert left[0] < 0.5 * left[1]


def test_a_known_color_shift():
    # From black to white every direction moves by 100 times its lightness component.
    black, white = (Image.new("RGB", (20, 20), name) for name in ("black", "white"))
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(3, 64))
    expected = 100 * np.abs(directions[0] / np.linalg.norm(directions, axis=0)).mean()
    assert metrics.color_distance(black, white) == pytest.approx(expected, rel=1e-3)


def test_texture_tells_orientations_apart():
    stripes = np.tile(np.sin(np.arange(160) / 3) * 100 + 128, (160, 1)).astype(np.uint8)
    upright, level = (Image.fromarray(a).convert("RGB") for a in (stripes, stripes.T))
    assert metrics.texture_distance(upright, level) > 5


def test_blur_loses_structure_step_by_step():
    soft, softer = (PHOTO.filter(ImageFilter.GaussianBlur(r)) for r in (1, 4))
    assert 1 > metrics.ssim(soft, PHOTO) > metrics.ssim(softer, PHOTO)
    assert metrics.edge_agreement(soft, PHOTO) > metrics.edge_agreement(softer, PHOTO)


def test_sizes_may_differ():
    small = PHOTO.resize((96, 64))
    found = metrics.measure(small, PHOTO, STYLE)
    assert found["ssim"] > 0.8
    assert all(np.isfinite(value) for value in found.values())


def test_entropy_and_peak_by_known_answers():
    assert metrics.entropy(torch.ones(1, 4, 3, 3)) == pytest.approx(1)
    one = torch.zeros(1, 4, 3, 3)
    one[0, 1, 2, 0] = 5
    assert metrics.entropy(one) == pytest.approx(0)
    assert metrics.peak(one) == pytest.approx(36)
    half = torch.tensor([1.0, 1.0, 0.0, -7.0])  # negatives count as 0
    assert metrics.entropy(half) == pytest.approx(0.5)
    assert metrics.peak(half) == pytest.approx(2)
    assert metrics.entropy(torch.zeros(3)) == 0


def test_distances_of_the_untouched_photo_are_measured_once():
    known = {}
    first = metrics.measure(PHOTO, PHOTO, STYLE, untouched=known)
    assert set(known) == {"color", "texture"}
    assert metrics.measure(PHOTO, PHOTO, STYLE, untouched=known) == first
    halved = metrics.measure(PHOTO, PHOTO, STYLE, untouched={k: 2 * v for k, v in known.items()})
    assert halved["color"] == pytest.approx(0.5)
