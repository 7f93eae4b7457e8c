import pytest

from nst_utils.benchmark import studio_latency
from nst_utils.benchmark.common import BenchError
from nst_utils.studio.controller import Controller
from nst_utils.transfer.config import Recipe


def test_a_move_is_timed_until_the_picture_that_it_led_to(tiny, pictures, tmp_path):
    recipe = Recipe(size=48, scales=(32, 48), steps=(4, 10), weights="random")
    controller = Controller(*map(str, pictures), recipe, budget=10_000, folder=tmp_path)
    try:
        controller.wait()
        controller.start()
        studio_latency._until(lambda: controller.frame() is not None)
        seconds = studio_latency._move(controller, 77.0)
        assert 0 < seconds < studio_latency.PATIENCE
        assert controller.history.marks[-1][1] == "beta" and controller.wanted.beta == 77
    finally:
        controller.close()
        assert controller.join(20)


def test_a_studio_that_paints_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(studio_latency, "PATIENCE", 0.01)
    with pytest.raises(BenchError, match="within 0.01 s"):
        studio_latency._until(lambda: False)
