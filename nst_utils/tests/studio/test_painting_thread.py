from nst_utils.studio.history import History, Passage
from nst_utils.studio.painting_thread import PaintingThread
from nst_utils.studio.state import Frame
from nst_utils.transfer.config import Recipe

TINY = Recipe(size=48, scales=(32, 48), steps=(2, 3), weights="random")


def test_a_job_is_painted_into_the_history(tiny, pictures):
    history = History(*map(str, pictures), TINY)
    thread = PaintingThread(history, budget=3)
    assert thread.status().state == "loading" and thread.frame() is None
    thread.begin()
    try:
        assert thread.wait(20).state == "ready"
        with thread.changed:
            thread.state, thread.job = "running", Passage(TINY)
            thread.changed.notify_all()
        assert thread.wait(20).state == "finished"
        assert history.step == 3 and [point.step for point in history.points] == [0, 1, 2]
        assert isinstance(thread.frame(), Frame) and thread.frame() is None
    finally:
        thread.close()
        assert thread.join(20)
