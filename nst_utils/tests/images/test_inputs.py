import numpy as np
import pytest
import torch
from PIL import Image

from nst_utils.images import samples
from nst_utils.images.inputs import InputPicture
from nst_utils.images.io import ImageError
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
    assert InputPicture.open(opened) is opened and opened.image.size == (24, 18)
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


def test_a_reduced_picture_keeps_the_proportions_of_its_file(tmp_path):
    Image.new("RGB", (1999, 1333)).save(tmp_path / "a.jpg")  # 12 x 8.002
    Image.new("RGB", (1333, 1999)).save(tmp_path / "b.png")
    for name in ("a.jpg", "b.png"):
        whole = InputPicture.open(tmp_path / name)
        for bound in (50, 93, 201, 640):
            reduced = InputPicture.open(tmp_path / name, bound)
            assert reduced.size == whole.size and max(reduced.image.size) == bound
            for size in (33, 47, 500):
                assert reduced.at(size).shape == whole.at(size).shape
