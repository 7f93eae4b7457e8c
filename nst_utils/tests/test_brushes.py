import numpy as np

from nst_utils import brushes


def test_ramp_passes_through_its_colors():
    colors = brushes.ramp(np.array([0, 0.5, 1]), "000000", "ff0000", "ffffff")
    assert np.allclose(colors, [[0, 0, 0], [1, 0, 0], [1, 1, 1]])


def test_mix_and_passage():
    below, above = np.zeros((2, 2, 3)), np.ones((2, 2, 3))
    assert np.allclose(brushes.mix(below, above, np.full((2, 2), 0.25)), 0.25)
    assert np.allclose(brushes.passage(np.array([-9, 0, 9.0])), [0, 0.5, 1])


def test_noise_is_bounded_and_smooth():
    noise = brushes.noise(np.random.default_rng(0), 60, 80, 20, octaves=1)
    assert noise.shape == (60, 80)
    assert np.abs(noise).max() <= 1
    assert np.abs(np.diff(noise, axis=1)).max() < 0.5


def test_hairs_lie_along_the_field():
    level = brushes.hairs(np.random.default_rng(0), np.zeros((64, 64)))
    along, across = np.abs(np.diff(level, axis=1)).mean(), np.abs(np.diff(level, axis=0)).mean()
    assert along < 0.6 * across


def test_strokes_take_the_pictures_colors():
    red = np.zeros((64, 64, 3))
    red[..., 0] = 0.8
    painted = brushes.strokes(
        np.random.default_rng(0), red, np.zeros((64, 64)), ((5, 2, 4),), ground="ffffff"
    )
    assert painted[..., 0].mean() > 0.6
    assert painted[..., 1].mean() < 0.4
