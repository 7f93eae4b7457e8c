from PIL import Image

from nst_utils.studio.film import FRAMES, SIDE, Film


def picture(shade: int, size=(640, 480)) -> Image.Image:
    return Image.new("RGB", size, (shade % 256, 0, 255 - shade % 256))


def test_a_long_run_keeps_few_frames_at_even_steps():
    film = Film()
    for step in range(1, 1001):
        film.add(step, picture(step))
    steps = [step for step, _ in film.frames]
    assert len(steps) <= FRAMES and steps[-1] > 1000 - film.stride
    assert {b - a for a, b in zip(steps, steps[1:], strict=False)} == {film.stride}
    assert max(film.frames[0][1].size) == SIDE


def test_what_came_later_is_cut():
    film = Film()
    for step in range(1, 6):
        film.add(step, picture(step))
    film.cut(3)
    assert [step for step, _ in film.frames] == [1, 2, 3]
    film.cut(0)
    assert not film.frames and film.stride == 1
