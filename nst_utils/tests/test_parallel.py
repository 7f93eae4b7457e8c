import contextlib
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from nst_utils import parallel, paths
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
    assert isinstance(error, ClusterError) and "died with it, the last" in str(error)


def not_sendable(job, threads):
    return lambda: job


def test_what_cannot_be_sent_is_an_answer():
    [(_, error)] = parallel.map_jobs(not_sendable, [0], progress=False)
    assert "cannot be sent" in str(error)
    [(_, error)] = parallel.map_jobs(double, [lambda: 0], progress=False)
    assert isinstance(error, Exception)


def wait_for_an_end(folder, threads):
    """Work as a run does: what there is to save is saved when it is asked to end."""
    from nst_utils.signals import defer, requested

    place = os.path.join(folder, str(os.getpid()))
    defer()
    open(place + " began", "x").close()
    while not requested():
        time.sleep(0.01)
    open(place + " saved", "x").close()


def names(folder):
    return sorted(name.split()[1] for name in os.listdir(folder))


def wait_until(true, seconds=60):
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:
        time.sleep(0.05)
    assert true()


OWNER = """
import sys
from nst_utils import parallel, paths
from nst_utils.tests.test_parallel import wait_for_an_end
try:
    list(parallel.map_jobs(wait_for_an_end, [sys.argv[1]] * 6, workers=2, progress=False))
except KeyboardInterrupt:
    print("ended")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=str)
def test_who_is_asked_to_end_begins_no_other_job_and_saves_the_running(tmp_path, number):
    """Also where the owner of the processes is killed; a terminal's Ctrl-C goes to all of them."""
    command = [sys.executable, "-c", OWNER, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(paths.ROOT)}
    owner = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )  # fmt: skip
    try:
        wait_until(lambda: names(tmp_path) == ["began", "began"])
        ask = os.killpg if number == signal.SIGINT else os.kill
        ask(owner.pid, number)
        wait_until(lambda: names(tmp_path) == ["began", "began", "saved", "saved"], 20)
        printed, _ = owner.communicate(timeout=20)
    finally:
        owner.kill()
    assert printed.strip() == ("" if number == signal.SIGKILL else "ended")
    assert names(tmp_path) == ["began", "began", "saved", "saved"]


def threads_of(job, threads):
    return os.environ["OMP_NUM_THREADS"], threads


def test_a_container_s_quota_bounds_the_processes(monkeypatch):
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert parallel.count_cores() == 1
    assert dict(parallel.map_jobs(threads_of, [0], progress=False)) == {0: ("1", 1)}


def test_the_quota_of_every_group_around_is_counted(monkeypatch, tmp_path):
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    monkeypatch.setattr(parallel, "control_groups", lambda: [tmp_path / "a", tmp_path])
    assert parallel.count_cores() == 8
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "cpu.max").write_text("max 100000\n")
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert parallel.count_cores() == 2
    (tmp_path / "a" / "cpu.max").write_text("50000 100000\n")
    assert parallel.count_cores() == 1


def test_the_quota_of_the_older_groups_is_counted(monkeypatch, tmp_path):
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    monkeypatch.setattr(parallel, "control_groups", lambda: [tmp_path])
    (tmp_path / "cpu.cfs_period_us").write_text("100000\n")
    for quota, cores in (("-1", 8), ("300000", 3)):
        (tmp_path / "cpu.cfs_quota_us").write_text(quota)
        assert parallel.count_cores() == cores


def test_one_item_is_made_ahead():
    made = []

    def items():
        for i in range(4):
            made.append(i)
            yield i

    for item in parallel.ahead(items()):
        assert made[-1] <= item + 1
    assert made == [0, 1, 2, 3]
    with pytest.raises(ZeroDivisionError):
        list(parallel.ahead(1 // i for i in (1, 0)))


BAR = """
from tqdm import tqdm


def job(number, threads):
    return sum(tqdm(range(number)))
"""


def test_a_bar_in_a_worker_leaves_no_semaphore(tmp_path):
    (tmp_path / "bars.py").write_text(BAR)
    code = "import bars; from nst_utils.parallel import map_jobs as run; print(*run(bars.job, [3]))"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert ran.stdout.strip() == "(0, 3)" and "leaked" not in ran.stderr, ran.stderr
