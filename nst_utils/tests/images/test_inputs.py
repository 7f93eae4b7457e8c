import numpy as np
import pytest
import torch
from PIL import Image

from nst_utils.images import samples
from nst_utils.images.inputs import InputPicture
from nst_utils.images.io import ImageError
from nst_utils.images.outputs import save_painting
from nst_utils.images.tensors import load


def test_a_tensor_never_passes_through_8_bits():
    tensor = torch.rand(1, 3, 40, 50, generator=torch.Generator().manual_seed(0))
    opened = InputPicture.open(tensor)
    assert torch.equal(opened.at(50), tensor) and torch.equal(opened.filling(40, 50), tensor)
    assert (opened.at(50) * 255).frac().abs().max() > 0.01
    assert opened.size == (50, 40) and opened.source == "tensor" and len(opened.sha256) == 64


def test_a_tensor_is_resized_as_a_picture_is(pictures):
    whole, tensor = InputPicture.open(pictures[0]), InputPicture.open(load(pictures[0])[0])
    for one, other in (
        (whole.at(30), tensor.at(30)),
        (whole.filling(9, 20), tensor.filling(9, 20)),
    ):
        assert one.shape == other.shape and (one - other).abs().max() <= 0.5 / 255 + 1e-6


def test_what_is_open_is_not_opened_again(pictures, monkeypatch):
    opened = InputPicture.open(pictures[0], 24)
    monkeypatch.setattr(samples, "read_image", None)
    assert InputPicture.open(opened) is opened and opened.size == (24, 18)
    assert opened.source == "content.png" and opened.image.mode == "RGB"


def test_other_shapes_and_ranges_are_refused():
    for bad in (torch.rand(1, 4, 9, 9), torch.rand(9, 9), torch.rand(2, 3, 9, 9), torch.empty(0)):
        with pytest.raises(ImageError, match=r"shape \(1, 3, H, W\)"):
            InputPicture.open(bad)
    for bad in (torch.full((3, 9, 9), 2.0), torch.full((3, 9, 9), np.nan)):
        with pytest.raises(ImageError, match="divide by the maximum"):
            InputPicture.open(bad)


def test_arrays_and_pictures_are_named(pictures):
    image = Image.open(pictures[0]).convert("RGB")
    assert InputPicture.open(np.asarray(image)).source == "array"
    assert InputPicture.open(image).source == "picture"
    assert InputPicture.open("mosaic", 64).source == "sample mosaic"


def test_a_copy_with_16_bits_is_painted_at_the_same_size(tmp_path):
    shallow = Image.new("RGB", (600, 401), (120, 130, 140))
    shallow.save(tmp_path / "a.png")
    save_painting(load(shallow), tmp_path / "b.png", {}, depth=16)
    for bound in (50, 94, 202, 640):
        one, other = (InputPicture.open(tmp_path / name, bound) for name in ("a.png", "b.png"))
        assert one.size == other.size and isinstance(other.pixels, torch.Tensor)
        assert one.at(bound // 2).shape == other.at(bound // 2).shape
