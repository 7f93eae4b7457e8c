import pytest
import torch
from PIL import Image

from nst_utils.errors import NSTWarning
from nst_utils.images.samples import list_samples
from nst_utils.transfer.feedforward import photos
from nst_utils.transfer.feedforward.photos import HELD_OUT, Crops, PhotosError, open_photos

from ...images.clip_helpers import film, moving


def crops(side=32, size=(80, 60)):
    return Crops(moving(3, size), lambda photo: photo, side)


def test_shifted_crops_show_the_same_place():
    source, random = crops(), torch.Generator().manual_seed(1)
    offsets = set()
    for _ in range(8):
        one, two, _ = source.draw(3, random, shift=4)
        dy, dx = source.offset
        offsets.add((dy, dx))
        assert one.shape == two.shape == (3, 3, 32, 32)
        assert torch.equal(two[..., : 32 - dy, : 32 - dx], one[..., dy:, dx:])
    assert len(offsets) > 3


def test_crops_are_drawn_by_the_seed():
    source = crops()
    one, again, other = (source.draw(2, torch.Generator().manual_seed(s))[0] for s in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert one.min() >= 0 and one.max() <= 1


def test_of_too_many_photos_evenly_spread_ones_are_taken(tmp_path, monkeypatch):
    monkeypatch.setattr(photos, "MOST_PHOTOS", 6)
    for number in range(11):
        Image.new("RGB", (300, 300), (20 * number,) * 3).save(tmp_path / f"{number:02}.png")
    taken = [image.getpixel((0, 0))[0] // 20 for image in open_photos(tmp_path)]
    assert taken == [0, 2, 4, 6, 8, 10]


def test_small_photos_are_enlarged_and_recolored_once():
    made = Crops([Image.new("RGB", (20, 30), (10, 200, 30))], lambda photo: 1 - photo, 32)
    crop, _, mask = made.draw(1, torch.Generator().manual_seed(0))
    assert torch.allclose(crop[0, :, 0, 0] * 255, torch.tensor([245.0, 55, 225]), atol=1)
    assert mask.shape == (1, 1, 32, 32) and not mask.any()


def test_the_mask_of_a_crop_lies_where_the_photo_has_it():
    white = Image.new("RGB", (200, 100))
    white.paste((255, 255, 255), (120, 10, 160, 80))
    made = Crops([white, Image.new("RGB", (64, 64))], lambda photo: photo, 32, lambda x: x[:, :1])
    random, covered = torch.Generator().manual_seed(2), 0.0
    for _ in range(20):
        crops, _, masks = made.draw(2, random, shift=3)
        assert masks.shape == (2, 1, 32, 32)
        # The mask was made at another size: it is a little softer at its border.
        assert (masks - crops[:, :1]).abs().mean() < 0.02
        covered += masks.mean().item()
    assert covered > 0.5


def test_faces_are_looked_for_in_few_of_many_photos():
    asked = []
    many = [Image.new("RGB", (32, 32), (n, n, n)) for n in range(100)]
    Crops(many, lambda photo: photo, 32, lambda x: asked.append(round(255 * x.max().item())))
    assert 30 <= len(asked) <= 40 and max(asked) > 95


def test_of_a_strip_the_middle_is_taken(tmp_path):
    strip = Image.new("RGB", (20_000, 16))
    strip.paste("white", (9_900, 0, 10_100, 16))
    strip.save(tmp_path / "strip.png")
    [photo] = open_photos(tmp_path / "strip.png")
    assert photo.size == (16 * 288, 288) and min(photo.getpixel((8 * 288, 144))) > 250


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_an_animation_is_a_clip_and_a_single_picture_none(tmp_path, suffix):
    first, *others = (Image.new("RGB", (40, 30), color) for color in ("red", "green", "blue"))
    moving, still = tmp_path / f"moving{suffix}", tmp_path / f"still{suffix}"
    first.save(moving, save_all=True, append_images=others)
    first.save(still)
    assert [len(list(open_photos(path))) for path in (moving, still)] == [3, 1]


def test_where_photos_come_from(tmp_path):
    contents = [s.name for s in list_samples().values() if s.kind == "content"]
    assert len(list(open_photos())) == len(contents) - 1
    assert HELD_OUT in contents
    folder = tmp_path / "photos" / "deeper"
    folder.mkdir(parents=True)
    for i, image in enumerate(moving(2)):
        image.save(folder / f"{i}.png")
    (folder / "bad.png").write_bytes(b"no picture")
    with pytest.warns(NSTWarning, match="1 of 3 photos cannot be read and are left out"):
        assert len(list(open_photos(tmp_path / "photos"))) == 2
    with pytest.raises(PhotosError, match=r"must be a folder, a film or a picture, not \[\]"):
        list(open_photos([]))
    assert len(list(open_photos(film(tmp_path / "clip.mp4", 4)))) == 4
    assert len(list(open_photos(folder / "0.png"))) == 1
    with pytest.raises(PhotosError, match="name a folder of photos"):
        (tmp_path / "empty").mkdir()
        list(open_photos(tmp_path / "empty"))
