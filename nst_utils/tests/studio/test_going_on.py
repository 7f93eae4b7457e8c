"""A painting goes on after its kernel was restarted."""

import json
import os

import numpy as np
import pytest

from nst_utils.errors import NSTError
from nst_utils.studio import going_on
from nst_utils.studio.controller import Controller
from nst_utils.studio.going_on import CHECKPOINT, RECORD, list_unfinished
from nst_utils.transfer.config import Recipe
from nst_utils.transfer.state import CheckpointError

TINY = Recipe(size=48, scales=(32, 48), steps=(2, 3), weights="random")


@pytest.fixture
def left(tiny, pictures, tmp_path, monkeypatch):
    """A folder in which a process that is dead was painting; the picture that it had."""
    monkeypatch.setattr("nst_utils.studio.painting_thread.SAVE_EVERY", 0.0)
    controller = Controller(*map(str, pictures), TINY, budget=6, folder=tmp_path / "one")
    controller.wait(20)
    controller.start()
    controller.wait(20)
    controller.set(beta=33.0)
    controller.start()
    assert controller.wait(20).step == 12
    image = np.asarray(controller.result().image)
    controller.close()
    controller.join(20)
    path = tmp_path / "one" / RECORD
    record = json.loads(path.read_text()) | {"process": 2**22 + 1}  # above the largest number
    path.write_text(json.dumps(record))
    return tmp_path, image


def test_it_is_offered_and_goes_on_from_there(left, pictures):
    folder, _ = left
    [unfinished] = list_unfinished(folder)
    assert unfinished.content == str(pictures[0]) and unfinished.passages == ()
    other = Controller("chelsea", "mosaic", TINY, budget=3, folder=folder / "two")
    other.wait(20)
    other.go_on(unfinished)
    status = other.wait(20)
    assert status.step == 15 and other.content == str(pictures[0])
    assert other.wanted.beta == 33.0 and [p.step for p in other.history.points] == list(range(15))
    assert (6, "beta") in other.history.marks
    assert other.passages()[0].schedule == ((6, "beta", 33.0),)
    assert list_unfinished(folder) == []
    with pytest.raises(NSTError, match="another panel goes on"):
        other.go_on(unfinished)
    other.close()
    other.join(20)


def test_what_is_damaged_or_still_painted_is_not_offered(left, tmp_path):
    folder, _ = left
    record = folder / "one" / RECORD
    told = json.loads(record.read_text())
    for wrong in (told | {"process": os.getpid()}, told | {"styles": []}, [], "x"):
        record.write_text(json.dumps(wrong))
        assert list_unfinished(folder) == []
    record.write_text(json.dumps(told))


def test_a_number_that_another_process_has_by_now_is_no_obstacle(left):
    path = left[0] / "one" / RECORD
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"process": os.getpid(), "started": 1.0}))
    assert len(list_unfinished(left[0])) == 1


def test_a_damaged_state_is_refused_and_nothing_is_changed(left):
    folder, _ = left
    [unfinished] = list_unfinished(folder)
    unfinished.path.write_bytes(unfinished.path.read_bytes()[:-9])
    other = Controller("chelsea", "mosaic", TINY, folder=folder / "two")
    other.wait(20)
    with pytest.raises(CheckpointError):
        other.go_on(unfinished)
    assert other.content == "chelsea"
    other.close()
    other.join(20)


def test_only_the_newest_are_kept(tmp_path):
    told = {"content": "a.jpg", "styles": ["b.jpg"], "passages": [], "process": 2**22 + 1}
    for i in range(5):
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / CHECKPOINT).write_bytes(b"state")
        (folder / RECORD).write_text(json.dumps(told))
        os.utime(folder / CHECKPOINT, (i, i))
    assert [u.path.parent.name for u in list_unfinished(tmp_path)] == ["4", "3", "2"]
    assert sorted(path.parent.name for path in tmp_path.rglob(RECORD)) == ["2", "3", "4"]
    assert going_on.MOST == 3
