import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from nst_utils.errors import NSTWarning
from nst_utils.images.inputs import InputPicture
from nst_utils.images.mask_forms import MaskError
from nst_utils.images.masks import as_mask_picture, read_mask
from nst_utils.images.samples import open_sample
from nst_utils.images.tensors import to_tensor

RAMP = torch.linspace(0, 1, 60).expand(1, 3, 40, 60).contiguous()


def test_boxes_and_lightness():
    upper = read_mask("box:0,0,1,0.5", RAMP)
    assert upper.shape == (1, 1, 40, 60)
    assert upper[..., :15, :].min() > 0.99 and upper[..., 25:, :].max() < 0.01
    assert 0 < upper[0, 0, 17, 0] - upper[0, 0, 22, 0] < 0.95  # a soft border
    assert read_mask("box:0.5,0.5,0.6,0.6", RAMP).max() > 0.9  # of a small box something is left
    light, dark = read_mask("light:0.5", RAMP), read_mask("dark:0.5", RAMP)
    assert light[..., -5:].min() > 0.99 and light[..., :20].max() < 0.01
    assert torch.allclose(light + dark, torch.ones_like(light), atol=1e-5)


TRI = np.tri(8, 12)


KINDS = ["?", "u1", "i1", "<i4", "f2", "f8", ">u2", ">i8", "u8", ">f4"]  # torch lacks the last four


@pytest.mark.parametrize(
    ("form", "kind"),
    [(form, kind) for form in ("array", "flipped", "stacked") for kind in KINDS]
    + [(form, kind) for form in ("tensor", "sparse") for kind in KINDS[:6]],
)
def test_arrays_of_0_and_1_are_read_alike_in_every_type(kind, form):
    mask = TRI.astype(kind)
    if form == "flipped":
        mask = np.ascontiguousarray(mask[::-1])[::-1]
    elif form == "stacked":
        mask = mask[None, ..., None]
    elif form != "array":
        mask = torch.from_numpy(mask)
        mask = mask.to_sparse() if form == "sparse" else mask
    found = read_mask("mine", RAMP, as_mask_picture(mask))
    assert found.shape == (1, 1, 40, 60)
    assert found[0, 0, -2, 2] > 0.95 and found[0, 0, 2, -2] < 0.05


@pytest.mark.parametrize(
    "mask",
    [
        (255 * TRI).astype(np.uint8),
        (255 * TRI).astype(np.int64),
        (65535 * TRI).astype(np.uint16),
        np.stack([255 * TRI.astype(np.uint8)] * 3, axis=2),
        Image.fromarray((255 * TRI).astype(np.uint8)),
        Image.fromarray(TRI.astype(np.uint8)),  # a label map
        Image.fromarray(TRI.astype(bool)),
        Image.merge("LA", [Image.new("L", (12, 8), 255), Image.fromarray(255 * TRI.astype("u1"))]),
    ],
)
def test_other_forms_are_read_alike_from_memory_and_from_a_file(mask, tmp_path):
    sources = [mask]
    if isinstance(mask, Image.Image):
        mask.save(tmp_path / "mask.png")
        sources += [tmp_path / "mask.png", (tmp_path / "mask.png").read_bytes()]
    for source in sources:
        found = read_mask("mine", RAMP, as_mask_picture(source))
        assert found[0, 0, -2, 2] > 0.95 and found[0, 0, 2, -2] < 0.05


@pytest.mark.parametrize(
    "mask",
    [
        3 * TRI.astype(np.uint8),  # a map of labels, or a faint mask
        Image.fromarray(20 * TRI.astype(np.uint8)),
        -TRI.astype(int),
        255 * TRI,
        TRI * np.nan,
        TRI.astype(complex),
        (1000 * TRI).astype(np.uint16),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(mask):
    with pytest.raises(MaskError, match="expected true and false, 0 and 1, 0 to 255"):
        as_mask_picture(mask)


def test_a_mask_of_other_proportions_is_told():
    with pytest.warns(NSTWarning, match="0.67 times as wide as high, the picture 1.50 times"):
        read_mask("mine", RAMP, as_mask_picture(np.tri(30, 20)))
    read_mask("mine", RAMP, as_mask_picture(np.tri(20, 30)))


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
    with pytest.raises(MaskError, match="two dimensions"):
        as_mask_picture(np.zeros((0, 4)))


@pytest.mark.parametrize("high", [1, 255, 2**16 - 1])
@pytest.mark.parametrize("kind", [".png", ".tif"])
def test_masks_with_16_bits_are_read_as_arrays_are(high, kind, tmp_path):
    values = np.zeros((6, 8), np.uint16)
    values[:, :4] = high
    Image.fromarray(values).save(tmp_path / f"mask{kind}")
    expected = np.asarray(as_mask_picture(values).image)
    assert expected[0, 0, 0] == 255 and expected[0, -1, 0] == 0
    for mask in (tmp_path / f"mask{kind}", Image.open(tmp_path / f"mask{kind}")):
        assert np.array_equal(np.asarray(as_mask_picture(mask).image), expected)


def test_a_masked_array_covers_what_it_shows():
    hidden = np.arange(8) < 4
    mask = np.ma.masked_where(np.broadcast_to(hidden, (6, 8)), np.ones((6, 8)))
    assert (np.asarray(as_mask_picture(mask).image)[0, :, 0] == 255 * ~hidden).all()


def test_a_mask_that_is_counted_from_white_is_not_turned_around(tmp_path):
    values = np.zeros((6, 8), np.uint16)
    values[:, :4] = 2**16 - 1
    tifffile.imwrite(tmp_path / "mask.tif", 2**16 - 1 - values, photometric="miniswhite")
    expected = np.asarray(as_mask_picture(values).image)
    assert np.array_equal(np.asarray(as_mask_picture(tmp_path / "mask.tif").image), expected)
