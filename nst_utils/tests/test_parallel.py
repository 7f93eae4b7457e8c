import contextlib
import os
import time

import psutil
import pytest

from nst_utils import parallel
from nst_utils.parallel import ClusterError


def double(job, threads):
    time.sleep(0.05 * (job == 0))
    if job == 3:
        raise ValueError("three is not wanted")
    return 2 * job, threads, os.getpid()


def test_every_job_comes_back_once_and_a_failure_is_an_answer():
    found = dict(parallel.map_jobs(double, range(8), workers=2, progress=False))
    assert sorted(found) == list(range(8))
    assert isinstance(found.pop(3), ValueError)
    assert all(value[0] == 2 * place for place, value in found.items())
    # The processes together use no more threads than there are cores.
    threads = {value[1] for value in found.values()}
    assert threads == {max(1, parallel.count_cores() // 2)}
    assert os.getpid() not in {value[2] for value in found.values()}


def test_nothing_to_do_starts_nothing(monkeypatch):
    monkeypatch.setenv(parallel.ADDRESS, "tcp://127.0.0.1:9")
    assert list(parallel.map_jobs(double, [])) == []


def test_a_scheduler_that_does_not_answer_is_one_sentence(monkeypatch):
    monkeypatch.setattr(parallel, "_WAIT", "1s")
    monkeypatch.setenv(parallel.ADDRESS, "tcp://127.0.0.1:9")
    with pytest.raises(ClusterError, match="no Dask scheduler answers at tcp://127.0.0.1:9") as e:
        list(parallel.map_jobs(double, [1]))
    assert "\n" not in str(e.value)


def listening():
    me, found = psutil.Process(), []
    for process in (me, *me.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):  # a process of before that ends just now
            found += process.net_connections("inet")
    return [c.laddr for c in found if c.status in (psutil.CONN_LISTEN, "NONE")]


def test_nothing_listens_while_jobs_run():
    before = listening()
    for _ in parallel.map_jobs(double, range(4), workers=2, progress=False):
        assert psutil.Process().children()
        assert listening() == before


def die_once(job, threads):
    if not job.exists():
        job.touch()
        os.kill(os.getpid(), 9)
    return "alive"


def die(job, threads):
    os._exit(3)


def test_a_process_that_dies_is_replaced_and_its_job_done_again(tmp_path):
    jobs = [tmp_path / "a", tmp_path / "b"]
    found = dict(parallel.map_jobs(die_once, jobs, workers=1, progress=False))
    assert found == {0: "alive", 1: "alive"}
    [(_, error)] = parallel.map_jobs(die, [0], progress=False)
    assert isinstance(error, ClusterError) and "died, again and again" in str(error)


def not_sendable(job, threads):
    return lambda: job


def test_what_cannot_be_sent_is_an_answer():
    [(_, error)] = parallel.map_jobs(not_sendable, [0], progress=False)
    assert "cannot be sent" in str(error)
    [(_, error)] = parallel.map_jobs(double, [lambda: 0], progress=False)
    assert isinstance(error, Exception)


def slow(job, threads):
    from nst_utils.signals import requested

    for _ in range(600):
        if name := requested():
            job.write_text(name)
            return name
        time.sleep(0.05)


def slow_or_quick(job, threads):
    return "quick" if job is None else slow(job, threads)


def test_leaving_early_asks_the_runs_to_end_and_leaves_no_process(tmp_path):
    jobs = [tmp_path / str(i) for i in range(4)]
    results = parallel.map_jobs(slow_or_quick, [None, *jobs], workers=2, progress=False)
    assert next(results) == (0, "quick")
    time.sleep(2)
    results.close()
    assert [path.read_text() for path in jobs if path.exists()] == ["SIGTERM"] * 2
    assert not [p for p in psutil.Process().children() if "_serve" in " ".join(p.cmdline())]


def threads_of(job, threads):
    return os.environ["OMP_NUM_THREADS"], threads


def test_a_container_s_quota_bounds_the_processes(monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert parallel.count_cores() == 1
    assert dict(parallel.map_jobs(threads_of, [0], progress=False)) == {0: ("1", 1)}
