import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from nst_utils.errors import NSTError
from nst_utils.experiments import building_blocks as blocks
from nst_utils.networks.backbone import load_backbone


@given(
    st.integers(1, 9), st.integers(1, 9), st.integers(1, 4), st.integers(1, 3), st.integers(0, 2)
)
def test_convolution_and_its_side_agree_with_torch(height, width, side, stride, padding):
    rng = np.random.default_rng(height)
    x, kernel = rng.normal(size=(height, width)), rng.normal(size=(side, side))
    if side > min(height, width) + 2 * padding:
        with pytest.raises(NSTError, match="does not fit"):
            blocks.convolve(x, kernel, stride=stride, padding=padding)
        return
    ours = blocks.convolve(x, kernel, stride=stride, padding=padding)
    pair = (torch.from_numpy(a)[None, None] for a in (x, kernel))
    theirs = functional.conv2d(*pair, stride=stride, padding=padding)[0, 0]
    np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-12)


def test_first_filters():
    vgg = load_backbone("vgg19", "random")
    filters = blocks.first_filters(vgg, 6)
    assert filters.shape == (6, 3, 3, 3)
    assert np.abs(filters).max(axis=(1, 2, 3)) == pytest.approx(np.ones(6))
