import pytest
import torch
from PIL import Image

from nst_utils.errors import NSTWarning, UnknownNameError
from nst_utils.images.formats import ImageError
from nst_utils.wikiart.catalog import WikiArt
from nst_utils.wikiart.torch_dataset import Paintings, augmentation, preparation


@pytest.fixture
def wikiart(tmp_path):
    for i, name in enumerate(("Cubism/a_x.jpg", "Pop_Art/b_y.jpg", "Cubism/c_z.jpg")):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        Image.effect_noise((300 + i, 200), 60).convert("RGB").save(path)
    (tmp_path / "Cubism" / "d_bad.jpg").write_bytes(b"")
    return WikiArt(tmp_path)


def test_paintings_are_tensors_with_labels_and_damaged_ones_are_left_out(wikiart):
    wikiart.verify(progress=False)
    data = Paintings(wikiart)
    assert len(data) == 3
    assert data.classes == ["Cubism", "Pop_Art"]
    images, labels = next(iter(torch.utils.data.DataLoader(data, batch_size=3)))
    assert images.shape == (3, 3, 224, 224) and images.dtype == torch.float32
    assert labels.tolist() == [0, 0, 1]
    assert len(list(data)) == 3 and torch.equal(data[-1][0], data[2][0])
    assert Paintings(wikiart, label="artist").classes == ["a", "b", "c"]
    with pytest.raises(UnknownNameError, match="did you mean 'style'"):
        Paintings(wikiart, label="styles")


def test_augmentation_is_random_and_preparation_is_not():
    image = (torch.rand(3, 100, 160) * 255).to(torch.uint8)
    torch.manual_seed(0)
    augment, prepare = augmentation(64), preparation(64)
    assert augment(image).shape == prepare(image).shape == (3, 64, 64)
    assert not torch.equal(augment(image), augment(image))
    assert torch.equal(prepare(image), prepare(image))


def test_augmentation_leaves_no_empty_corners():
    white = torch.full((3, 90, 120), 255, dtype=torch.uint8)
    expected = preparation(64)(white).min().item()
    for seed in range(30):
        torch.manual_seed(seed)
        assert augmentation(64)(white).min().item() == pytest.approx(expected, abs=1e-3)


def test_a_file_that_cannot_be_read_does_not_end_a_training(wikiart):
    data = Paintings(wikiart, label="artist")
    bad = data.paths.index("Cubism/c_z.jpg")
    (wikiart.root / "Cubism/c_z.jpg").write_bytes(b"<html>")
    with pytest.warns(NSTWarning, match="skipped"):
        _, label = data[bad]
    assert data.classes[label] == "b"  # the next one that can be read, with its own label
    for path in data.paths:
        (wikiart.root / path).write_bytes(b"")
    with pytest.warns(NSTWarning), pytest.raises(ImageError, match="empty"):
        data[0]
