import numpy as np
import pytest
from PIL import ImageOps

from nst_utils.images.samples import open_picture
from nst_utils.transfer.video.flow import common_colors, find_flow, is_cut, motion, visible, warp
from nst_utils.transfer.video.sample import SampleScene, sample_clip

SCENE = SampleScene((192, 144))


@pytest.mark.parametrize(("number", "earlier"), [(1, 0), (24, 23), (24, 20), (40, 38)])
def test_the_sample_clips_true_flow_warps_one_frame_to_the_other(number, earlier):
    frame, before = SCENE.frame(number), SCENE.frame(earlier)
    true = SCENE.motion(number, earlier)
    gap = np.abs(warp(before, true.flow) - frame).mean(-1) / 255
    seen = true.seen > 0
    assert gap[seen].mean() < 0.006
    assert gap[~seen].mean() > 5 * gap[seen].mean()  # what was hidden is something else
    still = np.abs(before.astype(float) - frame).mean() / 255
    assert gap[seen].mean() < 0.2 * still


@pytest.mark.parametrize(("number", "earlier"), [(1, 0), (24, 20)])
def test_the_flow_found_is_the_true_one(number, earlier):
    found, true = (
        motion(SCENE.frame(number), SCENE.frame(earlier)),
        SCENE.motion(number, earlier),
    )
    error = np.linalg.norm(found.flow - true.flow, axis=-1)
    assert error[true.seen > 0].mean() < 0.4
    hidden = true.seen == 0
    assert (found.seen[hidden] == 0).mean() > 0.6
    assert (found.seen[~hidden] == 0).mean() < 0.05


def test_a_shift_of_whole_pixels():
    y, x = np.mgrid[:96, :128]
    waves = 127 + 60 * np.sin(x / 6) + 60 * np.cos(y / 5 + x / 11)
    picture = np.repeat(waves[..., None], 3, -1).astype(np.uint8)
    moved = np.roll(picture, 3, axis=1)  # what is at x was at x - 3
    flow = find_flow(moved, picture)[20:-20, 20:-20]
    assert np.abs(flow - [-3, 0]).mean() < 0.2


def test_occlusion_of_a_square_that_moves():
    back, forth = np.zeros((2, 40, 40, 2), np.float32)
    back[10:20, 14:24, 0] = -4  # the square is at 14 now, and was at 10
    forth[10:20, 10:20, 0] = 4
    seen = visible(back, forth)
    assert seen[12:18, 16:22].min() == 1
    assert seen[12:18, 10:14].max() == 0  # the square was there
    assert seen[25:, 30:].min() == 1
    assert visible(np.full((8, 8, 2), -3, np.float32), np.full((8, 8, 2), 3, np.float32))[0, 0] == 0


def test_cuts():
    photos = [
        np.asarray(ImageOps.fit(open_picture(name), (192, 144)))
        for name in ("chelsea", "coffee", "astronaut")
    ]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        move = motion(photos[one], photos[other])
        assert is_cut(photos[one], photos[other], move)
    for number in (1, 20, 47):
        frame, before = SCENE.frame(number), SCENE.frame(number - 1)
        assert not is_cut(frame, before, motion(frame, before))
    assert common_colors(photos[0], photos[0]) == pytest.approx(1)


def test_the_sample_is_a_clip():
    frames = list(sample_clip((96, 72), 5).frames(64))
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4]
    assert frames[0].image.size == (64, 48)
    assert [float(frame.time) for frame in frames][1] == pytest.approx(1 / 12)
