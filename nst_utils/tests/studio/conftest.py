import pytest

from nst_utils.studio.controller import Controller
from nst_utils.transfer.config import Recipe

TINY = Recipe(size=48, scales=(32, 48), steps=(4, 10), weights="random")


@pytest.fixture
def studio(tiny, pictures, tmp_path):
    """A painting of two small pictures by the tiny network; it pauses after three steps."""
    controller = Controller(*map(str, pictures), TINY, budget=3, folder=tmp_path / "kept")
    yield controller
    controller.close()
    assert controller.join(20)
