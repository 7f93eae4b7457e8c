import numpy as np
import pytest

from nst_utils.painters import PAINTERS, paint
from nst_utils.registry import UnknownNameError


@pytest.mark.parametrize("name", PAINTERS)
def test_deterministic_from_a_seed(name):
    first, again, other = (np.asarray(paint(name, 160, seed)) for seed in (0, 0, 1))
    assert first.shape == (128, 160, 3)
    assert np.array_equal(first, again)
    assert np.abs(first.astype(int) - other).mean() > 1


@pytest.mark.parametrize("name", PAINTERS)
def test_rich_in_tone_and_color(name):
    pixels = np.asarray(paint(name, 320)).reshape(-1, 3).astype(float)
    assert np.ptp(np.percentile(pixels.mean(1), [2, 98])) > 60
    assert len(np.unique((pixels // 32).astype(int), axis=0)) > 20


def test_unknown_manner():
    with pytest.raises(UnknownNameError, match="did you mean 'cubism'"):
        paint("cubims")
