import numpy as np
import pytest
import torch

from nst_utils.images.inputs import InputPicture
from nst_utils.images.mask_forms import MaskError
from nst_utils.images.masks import as_mask_picture, read_mask
from nst_utils.images.samples import open_sample
from nst_utils.images.tensors import to_tensor

RAMP = torch.linspace(0, 1, 60).expand(1, 3, 40, 60).contiguous()


def test_boxes_and_lightness():
    upper = read_mask("box:0,0,1,0.5", RAMP)
    assert upper.shape == (1, 1, 40, 60)
    assert upper[..., :18, :].min() > 0.99 and upper[..., 22:, :].max() < 0.01
    assert 0 < upper[0, 0, 20, 0] < 1  # a soft border
    light, dark = read_mask("light:0.5", RAMP), read_mask("dark:0.5", RAMP)
    assert light[..., -5:].min() > 0.99 and light[..., :20].max() < 0.01
    assert torch.allclose(light + dark, torch.ones_like(light), atol=1e-5)


@pytest.mark.parametrize(
    "mask",
    [
        np.tri(8, 8),
        np.tri(8, 8, dtype=bool),
        (255 * np.tri(8, 8)).astype(np.uint8),
        torch.from_numpy(np.tri(8, 8)).float(),
    ],
)
def test_arrays_of_any_size_and_kind(mask):
    found = read_mask("mine", RAMP, as_mask_picture(mask))
    assert found.shape == (1, 1, 40, 60)
    assert found[0, 0, -2, 2] > 0.95 and found[0, 0, 2, -2] < 0.05


def test_faces_are_found_and_their_absence_is_told():
    astronaut = to_tensor(open_sample("astronaut", 256))
    mask = read_mask("faces", astronaut)
    assert mask[0, 0, 50, 112] > 0.9 and mask[0, 0, 200:, :].max() < 0.05
    assert 0.005 < mask.mean() < 0.15
    with pytest.raises(MaskError, match="no face was found"):
        read_mask("faces", RAMP)


def test_other_shapes_are_refused():
    with pytest.raises(MaskError, match="two dimensions"):
        as_mask_picture(np.zeros((2, 2, 2, 2)))
    with pytest.raises(MaskError, match="not understood"):
        read_mask("circle:1", RAMP)
    assert isinstance(as_mask_picture(np.ones((4, 4))), InputPicture)
