import av
import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from nst_utils.images.io import ImageError, read_alpha, read_image
from nst_utils.images.outputs import FORMATS, save_painting
from nst_utils.images.png import read_provenance
from nst_utils.images.tensors import load

RECORD = {"recipe": {"beta": 8.0}, "content": {"source": "a \u00e9 photo"}}


@pytest.fixture
def painting():
    """A slope that 8 bits cannot hold, and a smooth picture below it."""
    slope = torch.linspace(0.2, 0.21, 300).expand(1, 3, 20, 300).clone()
    return torch.cat([slope, slope.flip(3) * torch.tensor([1.0, 2.0, 4.0]).view(1, 3, 1, 1)], 2)


def channels(png):
    """Return a PNG's samples as ffmpeg reads them."""
    with av.open(str(png)) as film:
        [frame] = film.decode(video=0)
    assert frame.format.name in ("rgb48be", "rgba64be")
    return frame.to_ndarray(format=frame.format.name)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_holds_picture_and_record(suffix, painting, tmp_path):
    path = save_painting(painting, tmp_path / f"a{suffix}", RECORD)
    error = (load(path) - painting).abs()
    assert error.mean() < 0.005 if suffix in FORMATS[3:] else error.max() < 0.51 / 255
    assert read_provenance(path) == RECORD
    with Image.open(path) as image:
        assert image.size == (300, 40)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_are_kept(suffix, painting, tmp_path):
    path = save_painting(painting, tmp_path / f"a{suffix}", RECORD, depth=16)
    array = tifffile.imread(path) if suffix == ".tif" else channels(path)
    assert np.abs(array / 65535 - painting[0].permute(1, 2, 0).numpy()).max() < 0.6 / 65535
    assert len(np.unique(array[0])) > 200
    assert read_provenance(path) == RECORD
    # Pillow reads it, too, with 8 bits.
    assert (load(path) - painting).abs().max() < 1.1 / 255


@pytest.mark.parametrize(
    ("suffix", "depth"), [(".png", 8), (".png", 16), (".tif", 16), (".webp", 8)]
)
def test_an_alpha_channel_is_kept(suffix, depth, painting, tmp_path):
    alpha = Image.linear_gradient("L").resize((150, 20))
    path = save_painting(painting, tmp_path / f"a{suffix}", RECORD, depth=depth, alpha=alpha)
    if suffix == ".tif":
        kept = Image.fromarray((tifffile.imread(path)[..., 3] >> 8).astype(np.uint8))
    else:
        kept = read_alpha(path)
    wanted = np.asarray(alpha.resize((300, 40), Image.Resampling.LANCZOS), int)
    assert np.abs(np.asarray(kept, int) - wanted).max() <= 1
    assert read_provenance(path) == RECORD


def test_what_a_format_cannot_hold_is_refused(painting, tmp_path):
    with pytest.raises(ImageError, match=r"\.jpg holds 8 bits a channel; for 16 end it in \.png"):
        save_painting(painting, tmp_path / "a.jpg", RECORD, depth=16)
    with pytest.raises(ImageError, match="a JPEG holds no alpha channel"):
        save_painting(painting, tmp_path / "a.jpg", RECORD, alpha=Image.new("L", (3, 3)))
    with pytest.raises(ImageError, match="depth must be 8 or 16"):
        save_painting(painting, tmp_path / "a.png", RECORD, depth=12)
    with pytest.raises(ImageError, match="must end in .png or .tif"):
        save_painting(painting, tmp_path / "a.bmp", RECORD)


def test_a_long_record_leaves_its_masks_out_of_a_jpeg(painting, tmp_path):
    record = RECORD | {"mask 1": {"source": "m", "png": "x" * 70_000}}
    kept = read_provenance(save_painting(painting, tmp_path / "a.jpg", record))
    assert kept["mask 1"] == {"source": "m"} and kept["recipe"] == RECORD["recipe"]
    assert read_provenance(save_painting(painting, tmp_path / "a.png", record)) == record
    with pytest.raises(ImageError, match="record is too long"):
        save_painting(painting, tmp_path / "b.jpg", {"long": "x" * 70_000})
    assert not (tmp_path / "b.jpg").exists()


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"nst_utils": 3}', '{"other": {}}', "a photo"])
def test_a_description_that_is_no_record(text, tmp_path):
    exif = Image.Exif()
    exif[0x010E] = text
    Image.new("RGB", (8, 8)).save(tmp_path / "a.jpg", exif=exif)
    assert read_provenance(tmp_path / "a.jpg") is None


def test_alpha_is_read_upright(tmp_path):
    image = Image.new("RGBA", (40, 20), (9, 9, 9, 255))
    image.putpixel((0, 0), (9, 9, 9, 7))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned
    image.save(tmp_path / "a.png", exif=exif)
    alpha = read_alpha(tmp_path / "a.png")
    assert alpha.size == (20, 40) and alpha.getpixel((19, 0)) == 7
    read_image(tmp_path / "a.png").save(tmp_path / "b.png")
    assert read_alpha(tmp_path / "b.png") is None and read_alpha("chelsea") is None
    assert read_alpha(image).getpixel((0, 0)) == 7
