import threading

from nst_utils.studio.history import History, Passage
from nst_utils.studio.painting_thread import FairLock, PaintingThread
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


def test_two_threads_step_one_after_the_other():
    turns, order, ready = FairLock(), [], threading.Barrier(2)

    def steps(name):
        ready.wait(5)
        with turns:
            # Whoever came first begins alone; from its first handing on, both alternate.
            for _ in range(50):
                order.append(name)
                while len(turns._waiting) < 2 and len(order) < 60:
                    pass
                turns.pass_on()

    threads = [threading.Thread(target=steps, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert len(order) == 100
    both = order[2:98]
    assert all(x != y for x, y in zip(both, both[1:], strict=False))


def test_never_two_at_once():
    turns, inside, most = FairLock(), [], []

    def work():
        for _ in range(100):
            with turns:
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert set(most) == {1} and len(most) == 400


def test_alone_a_turn_comes_back_at_once():
    with FairLock() as turns:
        for _ in range(10):
            turns.pass_on()
