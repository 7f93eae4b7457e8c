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


def test_nothing_listens_beyond_this_machine():
    heard = set()
    for _ in parallel.map_jobs(double, range(2), workers=2, progress=False):
        me = psutil.Process()
        for process in (me, *me.children(recursive=True)):
            listening = process.net_connections("tcp")
            heard |= {c.laddr.ip for c in listening if c.status == psutil.CONN_LISTEN}
    assert heard == {"127.0.0.1"}
