import threading

from nst_utils.studio.fair_lock import FairLock


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
