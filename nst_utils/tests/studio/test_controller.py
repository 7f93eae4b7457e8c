import threading
import time
from collections import deque

import numpy as np
import pytest

from nst_utils.images.io import ImageError
from nst_utils.studio import history
from nst_utils.studio.controller import (
    COARSE_STEPS,
    Controller,
    begin_comparison,
    close_all,
    end_comparison,
    studio_recipe,
)
from nst_utils.studio.history import StudioError
from nst_utils.studio.painting_thread import ENGINE_LOCK
from nst_utils.studio.replay import replay_passages
from nst_utils.studio.state import BUDGET, share_steps
from nst_utils.transfer import run as transfer_run
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.fields import RecipeError

TINY = Recipe(size=48, scales=(32, 48), steps=(6, 10), weights="random")


@pytest.fixture
def studio(tiny, pictures, tmp_path):
    made = []

    def open_one(settings=TINY, **options):
        controller = Controller(*map(str, pictures), settings, folder=tmp_path / "kept", **options)
        made.append(controller)
        return controller

    yield open_one
    for controller in made:
        controller.close()
        assert controller.join(60), "a thread is left"


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


def at_rest():
    """Wait until the step that was being taken when a painting was paused has ended."""
    for _ in range(2):  # the first turn may come between two steps
        with ENGINE_LOCK:
            pass


def painted(controller, steps):
    """Take so many steps and wait."""
    controller.budget = steps
    controller.start()
    return controller.wait(60)


def same(one, other):
    return np.array_equal(np.asarray(one), np.asarray(other))


def test_it_is_ready_by_itself_and_paints_until_its_budget_is_spent(studio):
    controller = studio()
    assert controller.wait(60).state == "ready"
    assert controller.frame() is None
    status = painted(controller, 9)
    assert (status.state, status.step, status.done, status.budget) == ("finished", 9, 9, 9)
    assert status.label == "tiny" and status.scale == 48
    assert controller.frame().step == 9 and controller.frame() is None
    assert [point.step for point in controller.history.points] == list(range(9))
    assert painted(controller, 3).step == 12


def test_steering_changes_the_weights_at_the_next_step(studio):
    # So short a step leaves the picture as it is: only the weight changes what is read.
    controller = studio(TINY.replace(optimizer="adam", learning_rate=1e-5))
    painted(controller, 8)
    controller.set(beta=77.0)
    assert controller.passages()[-1].schedule == ()  # not yet in effect
    painted(controller, 4)
    [passage] = controller.passages()
    assert passage.schedule == ((8, "beta", 77.0),) and passage.steps == (6, 6)
    assert controller.history.marks == [(8, "beta")]
    before, after = controller.history.points[7], controller.history.points[8]
    assert after.terms["style"] / before.terms["style"] == pytest.approx(
        77 / passage.beta, rel=0.02
    )


def test_a_move_is_seen_at_once_and_what_is_kept_is_the_best(studio):
    controller = studio(TINY.replace(optimizer="adam", learning_rate=1e-3))
    painted(controller, 8)
    controller.thread.frames = deque()  # keeps all of them
    controller.set(beta=77.0)
    painted(controller, 3)
    first, second, last = list(controller.thread.frames)
    # The step at the move evaluates the picture from before; what it led to is read in the next.
    assert first.step == 9 and same(first.image, second.image)
    assert same(last.image, controller.result().image)
    controller.set(beta=5.0)
    painted(controller, 1)
    assert same(controller.thread.frames[-1].image, controller.result().image)


def test_a_drag_is_one_entry_a_step_and_one_snapshot(studio):
    controller = studio()
    painted(controller, 7)
    for beta in range(21, 60):
        controller.set(beta=float(beta))
    painted(controller, 2)
    assert controller.passages()[0].schedule == ((7, "beta", 59.0),)
    assert [snapshot.step for snapshot in controller.history.snapshots if snapshot.moved] == [7]


def test_what_is_on_the_screen_is_painted_again(studio, pictures):
    controller = studio()
    painted(controller, 8)
    controller.set(beta=77.0, pooling="average")
    painted(controller, 4)
    controller.set(size=64)  # another run, from this picture
    painted(controller, 3)
    controller.set(alpha=3.0)
    painted(controller, 3)
    passages = controller.passages()
    assert [passage.size for passage in passages] == [48, 64]
    shown = controller.frame().image
    assert max(shown.size) == 64
    assert same(replay_passages(*pictures, passages).image, shown)
    result = controller.result()
    assert same(result.image, shown) and result.recipe == passages[-1]
    assert result.provenance["recipe"] == passages[-1].to_dict()


def test_pause_and_go_on(studio):
    controller = studio(budget=100_000)
    controller.start()
    until(lambda: controller.status().step > 3)
    controller.pause()
    at_rest()
    step = controller.status().step
    time.sleep(0.1)
    assert controller.status().step == step and controller.status().state == "paused"
    controller.step()
    assert controller.wait(60).state == "paused" and controller.status().step == step + 1
    controller.start()
    until(lambda: controller.status().step > step + 3)


def test_start_right_after_step_is_not_lost(studio):
    controller = studio(budget=9)
    controller.step()
    controller.start()
    assert controller.wait(60).state == "finished" and controller.status().step == 9


def test_undo_goes_back_to_the_picture_and_the_recipe_before_a_move(studio):
    controller = studio()
    painted(controller, 8)
    shown = controller.result().image
    controller.set(beta=500.0)
    painted(controller, 4)
    assert not same(controller.result().image, shown)
    controller.undo()
    assert controller.status().step == 8 and controller.status().state == "paused"
    assert controller.wanted.beta == TINY.beta
    assert same(controller.frame().image, shown) and same(controller.result().image, shown)
    assert [point.step for point in controller.history.points] == list(range(8))
    assert controller.history.marks == []
    with pytest.raises(StudioError, match="nothing to undo"):
        controller.undo()
    painted(controller, 2)  # and it goes on from there
    assert [sum(passage.steps) for passage in controller.passages()] == [8, 2]


def test_snapshots_come_by_themselves_and_can_be_gone_back_to(studio, pictures):
    controller = studio()
    painted(controller, 60)
    assert [snapshot.step for snapshot in controller.history.snapshots] == [25, 50]
    first = controller.history.snapshots[0]
    controller.back_to(first)
    assert same(controller.frame().image, first.image)
    assert controller.history.snapshots[-1].step == 60  # where it came from is not lost
    assert same(replay_passages(*pictures, controller.passages()).image, first.image)


def test_what_is_pinned_stays_under_its_name(studio, monkeypatch):
    monkeypatch.setattr(history, "SNAPSHOTS", 2)
    controller = studio()
    with pytest.raises(StudioError, match="press start first"):
        controller.pin("too early")
    painted(controller, 8)
    controller.pin("  the  first one ")
    first = controller.history.snapshots[-1]
    assert (first.name, first.pinned) == ("the first one", True)
    for _ in range(4):
        painted(controller, 2)
        controller.history.snap()
    kept = controller.history.snapshots
    assert [(s.step, s.pinned) for s in kept] == [(8, True), (14, False), (16, False)]
    controller.back_to(first)
    controller.pin("x" * 99)
    assert kept[0].name == "x" * history.NAME and sum(s.pinned for s in kept) == 1
    for step in (14, 16):
        controller.back_to(next(s for s in kept if s.step == step))
        if step == 14:
            controller.pin()
    with pytest.raises(StudioError, match="too many"):
        controller.pin()
    controller.back_to(kept[0])
    controller.pin()  # again, without a name: no longer
    assert (kept[0].pinned, kept[0].name) == (False, "")


def test_reset_begins_anew_and_keeps_the_painting_as_a_snapshot(studio):
    controller = studio()
    painted(controller, 8)
    first = controller.result().image
    controller.set(beta=77.0)
    controller.reset()
    assert controller.status().state == "ready" and controller.status().step == 0
    assert controller.history.points == [] and controller.wanted.beta == 77.0
    assert same(controller.history.snapshots[-1].image, first)
    with pytest.raises(StudioError, match="press start first"):
        controller.passages()
    painted(controller, 8)
    assert controller.passages()[0].beta == 77.0
    controller.undo()
    assert same(controller.result().image, first)


def test_the_start_waits_for_reset(studio):
    controller = studio()
    painted(controller, 8)
    controller.set(start="noise", seed=5)
    painted(controller, 2)
    assert len(controller.passages()) == 1 and controller.passages()[0].start == "content"
    controller.reset()
    painted(controller, 1)
    assert controller.passages()[0].start == "noise"


def test_other_pictures_begin_anew_and_a_bad_one_changes_nothing(studio, pictures, tmp_path):
    controller = studio()
    painted(controller, 8)
    (tmp_path / "note.png").write_text("hello")
    for bad in (str(tmp_path / "note.png"), "no-such-sample", str(tmp_path / "missing.jpg")):
        with pytest.raises(ImageError):
            controller.choose(style=bad)
    assert controller.status().step == 8 and controller.style == str(pictures[1])
    controller.choose(content=str(pictures[1]), style=str(pictures[0]))
    assert controller.status().step == 0
    assert painted(controller, 2).state == "finished"


def test_a_bad_value_is_refused_and_nothing_changes(studio):
    controller = studio()
    painted(controller, 3)
    with pytest.raises(RecipeError, match="all came as 0"):
        controller.set(style_layers=dict.fromkeys(TINY.style_layers, 0.0))
    with pytest.raises(RecipeError, match="beta must be"):
        controller.set(beta=-1)
    assert controller.wanted == TINY and painted(controller, 2).step == 5


def test_a_network_without_weights_says_so_and_can_be_left_again(studio, tmp_path):
    controller = studio()
    painted(controller, 8)
    shown = controller.result().image
    controller.set(backbone="resnet50")  # every download goes to a closed port here
    status = painted(controller, 2)
    assert status.state == "failed"
    assert status.message.startswith("needs weights: ResNet-50 has no trained weights")
    assert "resnet50-0676ba61.pth" in status.message
    controller.set(backbone="vgg19", weights="random")
    assert controller.status().state == "paused"
    assert painted(controller, 2).step == 10
    assert same(controller.history.snapshots[0].image, shown)  # nothing was lost


def test_an_unexpected_error_becomes_a_sentence(studio, monkeypatch):
    controller = studio()
    controller.wait(60)

    def broken(*_, **__):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(transfer_run, "stylize", broken)
    status = painted(controller, 2)
    assert (status.state, status.message) == ("failed", "unexpected ZeroDivisionError: by zero")
    monkeypatch.undo()


def test_changes_while_it_runs_do_not_disturb_each_other(studio):
    controller = studio(budget=100_000)
    controller.start()
    for i in range(30):
        controller.set(beta=10.0 + i, tv=0.01 * (i % 3))
        if i % 5 == 0:
            controller.set(size=48 if i % 2 else 40)
        if i % 7 == 0:
            controller.reset()
            controller.start()
        if i % 11 == 0 and controller.history.snapshots:
            controller.back_to(controller.history.snapshots[0])
        time.sleep(0.005)
    until(lambda: controller.status().step > 5 and controller.status().state == "running")
    controller.pause()
    at_rest()
    assert sum(sum(passage.steps) for passage in controller.passages()) == len(
        controller.history.points
    )


def test_two_take_turns_and_both_get_on(studio):
    one, two = studio(budget=100_000), studio(budget=100_000)
    one.start()
    two.start()
    until(lambda: min(one.status().step, two.status().step) > 20)
    one.pause()  # and a paused one holds nobody up
    step = two.status().step
    until(lambda: two.status().step > step + 10)
    assert {point.total for point in one.history.points}  # each with losses of its own


def test_closing_ends_the_thread_at_any_time(studio):
    for moment in ("loading", "running", "paused"):
        controller = studio()
        if moment != "loading":
            controller.start()
            until(lambda controller=controller: controller.status().step > 2)
        if moment == "paused":
            controller.pause()
        controller.close()
        assert controller.join(60) and controller.status().state == "closed"
        with pytest.raises(StudioError, match="closed"):
            controller.start()
    left = studio()
    close_all()
    assert left.join(60)
    assert not [t for t in threading.enumerate() if t.name == "nst-studio" and t.is_alive()]


def test_two_folders_and_the_studio_recipe():
    assert studio_recipe(1024).scales == (256, 512, 1024)
    assert studio_recipe(96).scales == (96,)
    assert studio_recipe(1024).steps == (COARSE_STEPS, COARSE_STEPS, BUDGET)
    assert history.ENDLESS > 1000 * BUDGET


def test_every_size_is_painted_whatever_size_was_chosen_before(studio):
    """200 steps reach the last scale, also after sizes with more scales or fewer."""
    controller = studio()
    controller.set(**studio_recipe(256).to_dict() | {"weights": "random"})
    for size in (768, 128, 1024, 256):
        controller.set(size=size)
        assert controller.wanted.scales == studio_recipe(size).scales
        assert controller.wanted.steps == studio_recipe(size).steps
        assert share_steps(controller.wanted.steps, 0, BUDGET)[-1] >= 120


@pytest.fixture
def two(studio, tmp_path):
    """Two paintings that are compared; the first one had steps and a change before."""
    first = studio(budget=3)
    painted(first, 3)
    first.set(beta=5.0)
    second = begin_comparison(first, tmp_path)
    yield first, second
    second.close()
    assert second.join(60)


def paint_both(two, steps):
    for one in two:
        one.budget = steps
    two[0].start()
    for one in two:
        assert one.wait(60).state in ("finished", "paused")
    return steps_of(two)


def steps_of(two):
    return [one.history.step for one in two]


def test_what_is_done_to_one_of_two_is_done_to_both(two, pictures):
    first, second = two
    assert steps_of(two) == [0, 0]
    with pytest.raises(StudioError, match="nothing to undo"):  # nothing of before the comparison
        second.undo()
    assert paint_both(two, 30) == [30, 30]
    second.set(beta=99.0)
    assert paint_both(two, 4) == [34, 34]
    first.undo()  # the move was made on the other side
    assert steps_of(two) == [30, 30] and second.wanted.beta == first.wanted.beta == 5.0
    second.redo()
    assert steps_of(two) == [34, 34] and second.wanted.beta == 99.0
    second.back_to(next(s for s in second.history.snapshots if s.step == 25))
    assert steps_of(two) == [25, 25]
    assert paint_both(two, 2) == [27, 27]
    before = next(s for s in first.history.snapshots if s.step == 3)
    first.back_to(before)
    assert steps_of(two) == [3, 3] and same(first.frame().image, second.frame().image)
    second.reset()
    assert steps_of(two) == [0, 0]
    second.choose(content=str(pictures[1]))
    assert first.content == second.content


def until_calm(two):
    """Wait until both sides stand still at the same step; return their steps."""
    seen = [steps_of(two)]

    def calm():
        time.sleep(0.03)
        seen.append(steps_of(two))
        return seen[-8:] == [seen[-1][:1] * 2] * 8

    until(calm)
    return seen[-1]


def test_two_that_are_paused_wait_at_the_same_step(two):
    two[0].budget = two[1].budget = 100_000
    for i in range(5):
        two[i % 2].start()
        time.sleep(0.02 + 0.01 * i)
        two[1 - i % 2].pause()
        assert until_calm(two) == [two[0].history.step] * 2


def test_a_failing_side_does_not_leave_the_other_alone(two):
    first, second = two
    paint_both(two, 4)
    second.set(backbone="resnet50")  # has no weights here
    first.start()
    assert second.wait(60).state == "failed" and first.wait(20).state == "paused"
    assert abs(first.history.step - 4) <= 1


@pytest.mark.parametrize("kept", [0, 1])
def test_what_both_were_is_kept(two, kept):
    one, other = two[kept], two[1 - kept]
    second = two[1]
    paint_both(two, 26)
    second.set(beta=99.0)
    paint_both(two, 4)
    end_comparison(one, other)
    snapshots = one.history.snapshots
    assert len({s.number for s in snapshots}) == len(snapshots) and other.join(60)
    assert [s.step for s in snapshots if s.wanted.beta == 99.0] == [30] * (one is two[0])
    assert sorted(s.step for s in snapshots if s.wanted.beta == 5.0)[:4] == [25, 25, 26, 26]
    assert [s.step for s in snapshots if s.wanted.beta == TINY.beta] == [3]
    for beta, step in ((5.0, 26), (5.0, 3), (TINY.beta, 3)):  # back to before the comparison
        one.undo()
        assert (one.wanted.beta, one.history.step) == (beta, step)
    assert painted(one, 2).step == 5


def test_everything_that_a_hand_changes_is_one_step_back(studio, pictures):
    controller = studio()
    painted(controller, 6)
    shown = controller.result().image
    changes = [
        lambda: controller.set(beta=3.0),
        controller.reset,
        lambda: controller.choose(content=str(pictures[1])),
        lambda: controller.choose(style=str(pictures[0])),
        lambda: controller.set(size=64),
        lambda: controller.back_to(controller.history.snapshots[0]),
    ]
    moments = []
    for change in changes:
        moments.append((controller.pictures, controller.wanted, controller.history.step))
        change()
    with controller.one_move():
        moments.append((controller.pictures, controller.wanted, controller.history.step))
        controller.choose(others=[str(pictures[0])])
        controller.set(blend=(1, 1))
    for moment in reversed(moments):
        controller.undo()
        assert (controller.pictures, controller.wanted, controller.history.step) == moment
    assert same(controller.frame().image, shown)
    with pytest.raises(StudioError, match="nothing to undo"):
        controller.undo()
    for _ in moments:
        controller.redo()
    assert controller.wanted.blend == (1, 1) and len(controller.pictures[1]) == 2
