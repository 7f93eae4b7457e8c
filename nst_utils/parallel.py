"""Run jobs on several processes: on local ones, or on the workers of a Dask scheduler.

A local process takes its jobs through a pipe of its own: nothing listens, and no semaphore or
shared memory is needed. Free of torch: the jobs import what they need.
"""

import contextlib
import importlib.machinery
import io
import itertools
import math
import multiprocessing
import os
import pickle
import queue
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from multiprocessing import connection, resource_tracker
from pathlib import Path
from typing import Any

from tqdm import tqdm

from . import signals
from .errors import NSTError, one_line

ADDRESS = "DASK_SCHEDULER_ADDRESS"
"""Environment variable that names a scheduler; Dask's own tools read it, too."""

_WAIT = "15s"

_LAST_STEP = 15.0
"""Seconds that interrupted processes get to end their step and save their pictures."""

_TRIES = 3
"""How often a job may lose its process."""


class ClusterError(NSTError, RuntimeError):
    """A scheduler that cannot be reached, or a process that died with its job."""


class _Died(ClusterError):
    pass


def bar_options(progress: bool = True) -> dict[str, Any]:
    """Return where a progress bar is written and whether it is hidden, as options of `tqdm`.

    A notebook shows standard error on red, as if it were a warning: there a bar goes to standard
    output. A process without a console (a service) has neither: then the bar is hidden.
    """
    shell = sys.modules.get("IPython")
    stream = sys.stdout if shell and shell.get_ipython() else sys.stderr
    return {"file": stream or io.StringIO(), "disable": not progress or stream is None}


def control_groups() -> list[Path]:
    """Return the folders of this process's control groups and of those around them, on Linux."""
    top, found = Path("/sys/fs/cgroup"), []
    with contextlib.suppress(OSError, ValueError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, place = line.split(":", 2)
            group = top / controllers / place.lstrip("/")
            found += [folder for folder in (group, *group.parents) if folder.is_relative_to(top)]
    return found


def count_cores() -> int:
    """Return the cores that this process may use, within the quota of a container or a job."""
    from joblib import cpu_count

    return max(1, min(cpu_count(), core_quota()))  # joblib looks at the outermost group alone


def core_quota() -> int:
    """Return the cores' time that this process's control groups allow; many where none is set."""
    quotas = [10**6]
    files = ["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]  # of both versions of groups
    for group, names in itertools.product(control_groups(), files):
        with contextlib.suppress(OSError, ValueError):  # "max" is no number
            told = " ".join((group / name).read_text() for name in names)
            quota, period = map(int, told.split())
            quotas += [math.ceil(quota / period)] if quota > 0 else []
    return max(1, min(quotas))


def ahead(items: Iterable[Any]) -> Iterator[Any]:
    """Yield items; the next one is made on another thread meanwhile."""
    source, end = iter(items), object()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(next, source, end)
        while (item := waiting.result()) is not end:
            waiting = pool.submit(next, source, end)
            yield item


def map_jobs(
    function: Callable[..., Any],
    jobs: Sequence[Any],
    *,
    workers: int | None = None,
    scheduler: str | None = None,
    title: str = "runs",
    progress: bool = True,
) -> Iterator[tuple[int, Any]]:
    """Call a function on every job, on several processes, and yield results as they come.

    If a worker dies, another one takes its jobs. When the caller is asked to end (Ctrl-C, SIGTERM,
    SIGHUP) or dies, the runs on local workers end after their step, and no other job is begun.

    Parameters
    ----------
    function : callable
        At the top of a module; called as ``function(job, threads)``. On local processes `threads`
        is how many threads torch may use, so that all processes together use no more than the
        cores. On a Dask scheduler it is None.
    jobs : sequence
        Anything that can be pickled.
    workers : int, optional
        Local processes; by default one for each core, but no more than jobs.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://host:8786``; by default ``DASK_SCHEDULER_ADDRESS``, and
        if that is not set, local processes. Its workers need this package installed and the same
        folders mounted.
    title : str
        Title of the progress bar.
    progress : bool
        Show the bar, with the time left.

    Yields
    ------
    (int, result or Exception)
        The job's index in `jobs`, and its result, or the exception that ended it.

    Raises
    ------
    ClusterError
        If the scheduler does not answer.
    """
    if not jobs:
        return
    address = scheduler or os.environ.get(ADDRESS)
    with ExitStack() as stack:
        stack.enter_context(signals.watching_signals())
        if address:
            answers = _on_cluster(function, jobs, address)
        else:
            count = max(1, min(workers or count_cores(), len(jobs)))
            answers = _on_processes(function, jobs, count)
        bar = stack.enter_context(
            tqdm(total=len(jobs), desc=title, unit="run", **bar_options(progress))
        )
        for place, answer in stack.enter_context(contextlib.closing(answers)):
            bar.update()
            yield place, answer


def _on_cluster(
    function: Callable[..., Any], jobs: Sequence[Any], address: str
) -> Iterator[tuple[int, Any]]:
    from distributed import Client, as_completed

    try:
        client = Client(address, timeout=_WAIT)
    except (OSError, ValueError, TimeoutError) as error:
        raise ClusterError(
            f"no Dask scheduler answers at {address} ({one_line(error, 80)}); start it, or name "
            f"none and unset {ADDRESS} to use local processes"
        ) from None
    with client:
        # Impure: the same job twice is two jobs.
        futures = client.map(function, jobs, [None] * len(jobs), pure=False)
        places = {future.key: i for i, future in enumerate(futures)}
        for future in as_completed(futures):
            error = future.exception()
            yield places[future.key], error if error is not None else future.result()
            future.release()


def _on_processes(
    function: Callable[..., Any], jobs: Sequence[Any], count: int
) -> Iterator[tuple[int, Any]]:
    threads = max(1, count_cores() // count)
    left, tries = deque(range(len(jobs))), Counter[int]()
    every: list[_Worker] = []
    idle: list[_Worker] = []
    busy: dict[Any, tuple[_Worker, int]] = {}
    try:
        while left or busy:
            while left and len(busy) < count:
                if not idle:
                    idle.append(_Worker({name: "1" for name in _THREADS}))
                    every.append(idle[0])
                worker, place = idle.pop(), left.popleft()
                try:
                    worker.send(function, jobs[place], threads)
                except Exception as error:  # the job cannot be sent
                    idle.append(worker)
                    yield place, error
                else:
                    busy[worker.pipe] = worker, place
            for pipe in connection.wait(list(busy)) if busy else ():
                worker, place = busy.pop(pipe)
                answer = worker.receive()
                if not isinstance(answer, _Died):
                    idle.append(worker)
                    yield place, answer
                    continue
                tries[place] += 1
                if tries[place] < _TRIES:
                    left.append(place)
                else:
                    yield place, answer
    finally:
        _end(every)


_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class _Worker:
    """A fresh process that takes one job after the other.

    Parameters
    ----------
    environment : mapping of str to str
        Variables that it sets before it loads anything.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self.pipe, theirs = spawn.Pipe()
        self.process = spawn.Process(target=_serve, args=(theirs, environment))
        if os.name == "posix":
            resource_tracker.ensure_running()  # else it is started now, and lets signals through
        with without_main(), signals.holding_back():
            self.process.start()
        theirs.close()

    def send(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Give it a job; whether it has died shows when it should answer."""
        with contextlib.suppress(OSError):
            self.pipe.send_bytes(pickle.dumps((work, arguments)))

    def receive(self) -> Any:
        """Return its answer, or the exception that ended its job: `_Died` where it died."""
        try:
            return pickle.loads(self.pipe.recv_bytes())
        except (EOFError, OSError):
            self.process.join()
            return _Died(
                "the job failed: each process died with it, the last one with status "
                f"{self.process.exitcode}; if memory was short, take fewer workers or a smaller "
                "size"
            )


def _end(workers: Sequence[_Worker]) -> None:
    """Let processes end; runs that go on in them end after their step."""
    until = time.monotonic() + _LAST_STEP
    try:
        for worker in workers:
            worker.pipe.close()
        for worker in workers:
            worker.process.join(max(0.0, until - time.monotonic()))
    finally:
        for worker in workers:
            worker.process.kill()


def _serve(pipe: Any, environment: dict[str, str]) -> None:
    """Take jobs through a pipe until its other end is closed, also because its owner died."""
    signals.exit_on_signals("")
    os.environ.update(environment)
    tqdm.set_lock(threading.RLock())  # its own is a semaphore, which a process that ends leaves
    jobs: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, jobs), daemon=True).start()
    asked = ""
    while not asked and (job := jobs.get()) is not None:
        try:
            with signals.watching_signals():
                work, arguments = pickle.loads(job)
                answer = work(*arguments)
                asked = signals.requested()
        except KeyboardInterrupt:  # before there was anything to save
            return
        except Exception as error:
            answer = error
        try:
            pipe.send_bytes(pickle.dumps(answer))
        except OSError:  # nobody waits for it any more
            return
        except Exception as error:
            told = ClusterError(f"a result cannot be sent: {one_line(error, 80)}")
            pipe.send_bytes(pickle.dumps(told))


def _listen(pipe: Any, jobs: "queue.SimpleQueue[bytes | None]") -> None:
    with contextlib.suppress(OSError, EOFError):
        while True:
            jobs.put(pipe.recv_bytes())
    jobs.put(None)
    signals.interrupt_main_thread()


@contextlib.contextmanager
def without_main() -> Iterator[None]:
    """Let a script without ``if __name__ == "__main__"`` start processes.

    A fresh process runs its parent's script again, to find functions that it defines. Ours are
    elsewhere, and a script without that line would start processes without end.
    """
    main = sys.modules["__main__"]
    before = getattr(main, "__spec__", None)
    if before is None:
        main.__spec__ = importlib.machinery.ModuleSpec(__name__, None)
    try:
        yield
    finally:
        main.__spec__ = before


def run_in_fresh_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a fresh process, whose memory nothing else has used.

    Parameters
    ----------
    work : callable
        Function at the top level of a module, so that it can be pickled.
    *arguments
        Its arguments.

    Returns
    -------
    object
        What the function returned.

    Raises
    ------
    ClusterError
        If the process died, or its result cannot be sent.
    Exception
        The function's own error.
    """
    worker = _Worker({})
    try:
        worker.send(work, *arguments)
        answer = worker.receive()
    finally:
        _end([worker])
    if isinstance(answer, Exception):
        raise answer
    return answer
