import asyncio
import threading
import time

import ipywidgets as widgets
import pytest

from nst_utils.studio.door import Door, within
from nst_utils.studio.panel import Studio
from nst_utils.transfer.config import Recipe

TINY = Recipe(size=48, scales=(32, 48), steps=(4, 10), weights="random")


def message(**data):
    return {"content": {"data": data}, "buffers": []}


def moved(widget, **state):
    """Send what a browser sends when a control was moved."""
    widget.comm.handle_msg(message(method="update", state=state))


def at_once(*acts):
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()


class Meeting:
    """Counts how many threads are in a function at once."""

    def __init__(self, function):
        self.function, self.inside, self.most, self.calls = function, 0, 0, 0

    def __call__(self, *arguments, **options):
        self.inside += 1
        self.calls += 1
        self.most = max(self.most, self.inside)
        time.sleep(0.02)
        try:
            return self.function(*arguments, **options)
        finally:
            self.inside -= 1


@pytest.fixture
def panel(tiny, pictures, tmp_path):
    studio = Studio(*map(str, pictures), TINY, folder=tmp_path / "kept")
    yield studio
    studio.close()
    assert studio.controllers[0].join(20)


def test_every_widget_of_the_panel_is_behind_the_door(panel):
    parts = list(within(panel))
    assert len(parts) > 60 and all(part in panel._door._guarded for part in parts)
    panel._controls.menus["backbone"].value = "resnet50"  # makes sliders of its own
    panel.refresh()
    assert all(part in panel._door._guarded for part in within(panel))


def test_two_messages_at_once_are_taken_one_after_the_other(panel):
    panel.refresh = met = Meeting(panel.refresh)
    menus = panel._controls.menus
    at_once(
        *(lambda i=i: moved(menus["gram"], index=i) for i in (0, 1)),
        *(lambda i=i: moved(menus["pooling"], index=i) for i in (1, 0, 1)),
        lambda: panel._toolbar.buttons["undo"].comm.handle_msg(
            message(method="custom", content={"event": "click"})
        ),
    )
    assert met.most == 1 and met.calls >= 4
    assert menus["gram"].value == panel.controller.wanted.gram
    assert menus["pooling"].value == panel.controller.wanted.pooling


def test_the_notebook_does_not_wait_for_a_slow_callback(tiny, pictures, tmp_path):
    async def notebook():
        studio = Studio(*map(str, pictures), TINY, folder=tmp_path / "kept")
        slow = threading.Thread(target=studio._door.through(lambda: time.sleep(0.6)))
        slow.start()
        began = time.monotonic()
        await asyncio.sleep(0.25)
        assert time.monotonic() - began < 0.5
        slow.join()
        closing = threading.Thread(target=studio.close)  # in the thread of the widgets
        closing.start()
        while closing.is_alive() or not studio._task.done():
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(notebook(), 20))


def test_a_door_is_closed_to_others_only():
    door, seen = Door(), []

    def look():
        with door.try_open() as is_open:
            seen.append(is_open)

    with door:
        look()
        at_once(look)
    at_once(look)
    assert seen == [True, False, True]
    button = widgets.Button()
    door.guard(widgets.VBox([button]))
    button.on_click(lambda _: seen.append(door._lock._is_owned()))
    button.comm.handle_msg(message(method="custom", content={"event": "click"}))
    assert seen[-1] is True
