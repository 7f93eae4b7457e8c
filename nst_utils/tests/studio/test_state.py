import pytest
from PIL import Image

from nst_utils.studio import state
from nst_utils.studio.state import FILM_FRAMES, FILM_SIDE, Film, Pace, share_steps


def picture(shade: int, size=(640, 480)) -> Image.Image:
    return Image.new("RGB", size, (shade % 256, 0, 255 - shade % 256))


def test_a_long_run_keeps_few_frames_at_even_steps():
    film = Film()
    for step in range(1, 1001):
        film.add(step, picture(step))
    steps = [step for step, _ in film.frames]
    assert len(steps) <= FILM_FRAMES and steps[-1] > 1000 - film.stride
    assert {b - a for a, b in zip(steps, steps[1:], strict=False)} == {film.stride}
    assert max(film.frames[0][1].size) == FILM_SIDE


def test_what_came_later_is_cut():
    film = Film()
    for step in range(1, 6):
        film.add(step, picture(step))
    film.cut(3)
    assert [step for step, _ in film.frames] == [1, 2, 3]
    film.cut(0)
    assert not film.frames and film.stride == 1


def test_a_new_size_is_measured_anew_and_coarse_steps_foretell_fine_ones(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(state.time, "monotonic", lambda: now[0])
    pace = Pace()
    for _ in range(20):
        now[0] += 0.1
        pace.step(128)
    assert pace.rate == pytest.approx(10)
    # 40 steps at 128 pixels, then 160 at four times the pixels; a part of a step is fixed.
    assert pace.foretell((128, 256), (40, 160)) == pytest.approx(4 + 40)
    now[0] += 9
    pace.step(256)
    assert pace.rate == 0  # the old one does not stand for the new size
    for _ in range(3):
        now[0] += 0.3
        pace.step(256)
    assert pace.rate == pytest.approx(1 / 0.3)
    assert pace.foretell((128, 256), (40, 160)) == pytest.approx(4 + 48)
    pace.pause()
    assert pace.rate == 0 and pace.known[256] == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("taken", "budget", "counts"),
    [(0, 10, [10, 0, 0]), (0, 100, [40, 20, 40]), (50, 100, [0, 10, 90]), (70, 5, [0, 0, 5])],
)
def test_a_budget_is_shared_among_scales(taken, budget, counts):
    assert share_steps((40, 20, 10**6), taken, budget) == counts
