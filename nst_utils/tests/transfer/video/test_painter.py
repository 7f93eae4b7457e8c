from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from nst_utils.images.clips import Frame
from nst_utils.images.inputs import InputPicture
from nst_utils.images.mask_forms import MaskError
from nst_utils.images.samples import open_picture
from nst_utils.images.tensors import to_tensor
from nst_utils.transfer import pictures
from nst_utils.transfer import run as transfer_run
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import RecipeError
from nst_utils.transfer.style import Style
from nst_utils.transfer.video.flow import Motion
from nst_utils.transfer.video.painter import (
    Moving,
    Painter,
    Stillness,
    checked_changes,
    recipe_at,
    warped,
    with_motion,
)
from nst_utils.transfer.video.sample import sample_clip

QUICK = Recipe(size=64, scales=(32, 64), steps=(4, 4), weights="random")


class InMemory:
    """Frames that are kept in memory."""

    def __init__(self):
        self.done = {}

    def has(self, index):
        return index in self.done

    def raw(self, index):
        return self.done[index][1]

    def picture(self, index):
        return self.done[index][0]

    def save(self, index, image, raw, needed, record):
        self.done[index] = image, raw


@pytest.fixture
def style():
    return [InputPicture.open("mosaic", 128)]


def frames(count=5):
    return list(sample_clip((64, 48), count).frames())


def test_the_network_and_the_style_are_there_once(tiny, style, monkeypatch):
    loaded, learned = [], []
    original, load = Style.__init__, transfer_run.load_backbone
    monkeypatch.setattr(
        Style, "__init__", lambda self, *words: (learned.append(1), original(self, *words))[1]
    )
    monkeypatch.setattr(
        transfer_run, "load_backbone", lambda *a, **k: (loaded.append(1), load(*a, **k))[1]
    )
    kept = InMemory()
    painted = list(Painter(style, QUICK, Stillness(3), kept).paint(frames()))
    assert [frame.index for frame, _ in painted] == [0, 1, 2, 3, 4]
    assert len(loaded) == 1
    assert len(learned) == 2  # at each scale
    steps = [len(result.history) for _, result in painted]
    assert steps == [8, 3, 3, 3, 3]


@pytest.mark.parametrize("follows", [True, False])
def test_a_frame_begins_with_the_warped_last_painting_or_the_photo(tiny, style, follows):
    starts = []

    def first(live):
        if live.record.step == 0:
            starts.append(live.picture(clip=False))

    recipe = QUICK.replace(color="free")
    kept, shown = InMemory(), frames(3)
    painter = Painter(style, recipe, Stillness(2, warped=follows), kept)
    list(painter.paint(shown, first))
    moving = list(with_motion(shown, lambda index: False))[2]
    last = warped(kept.raw(1), moving.moves[1])
    seen = torch.from_numpy(cv2.medianBlur(moving.moves[1].seen, 3))[None, None]
    assert 0.5 < seen.mean() < 1
    photo = to_tensor(shown[2].image)
    expected = torch.where(seen > 0, last, photo) if follows else photo
    assert torch.allclose(starts[2], expected, atol=1e-5)


def test_single_hidden_pixels_leave_no_dots(tiny, style):
    starts, (first, second) = [], frames(2)
    kept, last = InMemory(), torch.rand(1, 3, 48, 64)
    kept.save(0, first.image, last, (), None)
    seen = np.ones((48, 64), np.float32)
    seen[20, 20] = seen[30:36, 40:46] = 0
    still = {1: Motion(np.zeros((48, 64, 2), np.float32), seen)}
    painter = Painter(style, QUICK.replace(color="free"), Stillness(1), kept)
    painter.paint_one(
        Moving(second, 0, first.image, still, first.image),
        lambda live: starts.append(live.picture(clip=False)),
    )
    photo = to_tensor(second.image)
    assert torch.allclose(starts[0][..., 20, 20], last[..., 20, 20], atol=1e-5)
    assert torch.allclose(starts[0][..., 33, 43], photo[..., 33, 43], atol=1e-5)


def test_a_film_keeps_stiller_than_frames_by_themselves(tiny, style):
    from nst_utils.experiments.film_measures import flicker

    recipe = QUICK.replace(steps=(12, 12), start_noise=0.05)
    shown = frames(4)
    kept = InMemory()
    painter = Painter(style, recipe, Stillness(6), kept)
    list(painter.paint(shown))
    alone = [painter.paint_alone(Frame(i, f.time, f.image)).image for i, f in enumerate(shown)]
    pairs = [(f.image, kept.picture(f.index)) for f in shown]
    film = flicker(pairs).mean()
    single = flicker(zip((f.image for f in shown), alone, strict=True)).mean()
    assert film["floor"] == single["floor"] > 0
    assert film["warping_error"] < 0.7 * single["warping_error"]


def test_a_cut_begins_anew(tiny, style):
    shown = frames(4)
    other = open_picture("astronaut").resize(shown[0].image.size)
    shown = [Frame(i, f.time, other if i > 1 else f.image) for i, f in enumerate(shown)]
    moving = list(with_motion(shown, lambda index: False))
    assert [entry.scene for entry in moving] == [0, 0, 2, 2]
    assert [sorted(entry.moves) for entry in moving] == [[], [1], [], [1]]
    painted = list(Painter(style, QUICK, Stillness(3), InMemory()).paint(shown))
    assert [len(result.history) for _, result in painted] == [8, 3, 8, 3]


def test_long_term_and_what_is_done(tiny):
    done = {0, 1, 2}
    moving = list(with_motion(frames(6), done.__contains__))
    assert [sorted(entry.moves) for entry in moving] == [[], [1], [1], [1, 2], [1, 2, 4], [1, 2, 4]]


def test_a_film_that_goes_on_is_the_same(tiny, style):
    for still in (Stillness(3), Stillness(3, difference=1.0)):
        whole, part = InMemory(), InMemory()
        list(Painter(style, QUICK, still, whole).paint(frames()))
        list(Painter(style, QUICK, still, part).paint(frames()[:3]))
        list(Painter(style, QUICK, still, part).paint(frames()))
        for index in range(5):
            assert torch.equal(whole.raw(index), part.raw(index)), index


def test_a_damaged_frame_takes_the_painting_before_it(tiny, style):
    shown = frames(3)
    shown[1] = Frame(1, shown[1].time, shown[0].image, True)
    kept = InMemory()
    painted = list(Painter(style, QUICK, Stillness(3), kept).paint(shown))
    assert painted[1][1] is None
    assert kept.picture(1).tobytes() == kept.picture(0).tobytes()


def test_a_frame_in_which_a_mask_finds_nothing_takes_the_last_one(tiny, style, monkeypatch):
    found = iter([1, 0, 1, 0, 0])

    def faces(form, picture, file=None):
        if form != "faces" or file is not None:
            return original(form, picture, file)
        if not next(found):
            raise MaskError("no face was found")
        return torch.ones_like(picture[:, :1]) * (torch.arange(picture.shape[-1]) > 20)

    original = pictures.read_mask
    monkeypatch.setattr(pictures, "read_mask", faces)
    recipe = QUICK.replace(regions=(("faces", 0), ("rest", 1)))
    kept, shown = InMemory(), frames(4)
    list(Painter(style, recipe, Stillness(2), kept).paint(shown))
    for frame in shown:  # the photo stays where the face is
        gap = np.asarray(kept.picture(frame.index), float) - np.asarray(frame.image)
        assert np.abs(gap[:, 30:]).max() <= 1 < np.abs(gap[:, :10]).max()
    with pytest.raises(MaskError):
        list(Painter(style, recipe, Stillness(2), InMemory()).paint(shown))


def test_the_schedule_of_a_film_lets_the_style_grow_in(tiny, style):
    changes = checked_changes(QUICK, [[0, "beta", 1], [0.25, "beta", 9]])
    betas = []
    painter = Painter(style, QUICK, Stillness(2), InMemory(), changes=changes)
    for _, result in painter.paint(frames()):
        betas.append(result.recipe.beta)
    assert betas == pytest.approx([1, 1 + 8 / 3, 1 + 16 / 3, 9, 9])
    assert recipe_at(QUICK, [(2.0, "beta", 3.0)], 1).beta == QUICK.beta
    for wrong, told in (
        ("beta", "a list of"),
        ([[1, 2]], "one entry is"),
        ([[0, "size", 64]], "cannot change"),
        ([[0, "beta", -1]], "beta must"),
        ([[-1, "beta", 1]], "one entry is"),
    ):
        with pytest.raises(RecipeError, match=told):
            checked_changes(QUICK, wrong)


def test_numbers_that_are_refused():
    for wrong in ({"steps": 0}, {"temporal": -1}, {"difference": "many"}, {"warped": 1}):
        with pytest.raises(RecipeError):
            Stillness(**wrong)


def test_warping_leads_a_painting_where_the_motion_goes():
    picture = torch.rand(1, 3, 8, 8)
    flow = np.full((8, 8, 2), (1, 0), np.float32)
    moved = warped(picture, Motion(flow, np.ones((8, 8), np.float32)))
    assert torch.allclose(moved[..., :-1], picture[..., 1:], atol=1e-5)


def test_times_are_fractions():
    assert frames(2)[1].time == Fraction(1, 12)
    assert isinstance(frames(2)[1].image, Image.Image)
