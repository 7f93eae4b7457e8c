"""Run jobs on several processes: on local ones, or with Dask on those of a scheduler.

Local processes are talked to through pipes, so nothing listens on the network, and neither
semaphores nor shared memory are needed. Free of torch: the jobs import what they need.
"""

import contextlib
import importlib.machinery
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Any

from tqdm import tqdm

from .errors import NSTError, one_line
from .signals import ASKED, request_stop, take_on_worker, watching_signals

ADDRESS = "DASK_SCHEDULER_ADDRESS"
"""Environment variable that names a scheduler; Dask's own tools read it, too."""

_WAIT = "15s"

_LAST_STEP = 20.0
"""Seconds that interrupted workers get to end their step and save their pictures."""


_TRIES = 3
"""How often a job is begun whose process dies with it."""

_SPAWN = multiprocessing.get_context("spawn")


_STARTING = threading.Lock()
"""Several threads start processes, and `without_main` changes what they share."""


class ClusterError(NSTError, RuntimeError):
    """A scheduler that cannot be reached, or a process that died with its job."""


def hides_bar(progress: bool = True) -> bool:
    """Tell whether to hide a progress bar: it is not wanted, or there is no console."""
    return not progress or sys.stderr is None


def count_cores() -> int:
    """Return the cores that this process may use, within a container's quota."""
    from joblib import cpu_count

    return cpu_count()


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
    SIGHUP), the runs on local workers end after their step.

    Parameters
    ----------
    function : callable
        Importable on the workers; called as ``function(job, threads)``. `threads` is how many torch
        may use, so that all processes together use no more than the cores; None on a scheduler.
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
        stack.enter_context(watching_signals())
        bar = stack.enter_context(
            tqdm(total=len(jobs), desc=title, unit="run", disable=hides_bar(progress))
        )
        if address:
            results = _on_scheduler(function, jobs, address)
        else:
            results = _on_processes(function, jobs, min(workers or count_cores(), len(jobs)))
        for result in stack.enter_context(contextlib.closing(results)):
            bar.update()
            yield result


def _on_scheduler(
    function: Callable[..., Any], jobs: Sequence[Any], address: str
) -> Iterator[tuple[int, Any]]:
    from distributed import Client, as_completed

    with ExitStack() as stack:
        stack.enter_context(without_main())
        try:
            client = stack.enter_context(Client(address, timeout=_WAIT))
        except (OSError, ValueError, TimeoutError) as error:
            raise ClusterError(
                f"no Dask scheduler answers at {address} ({one_line(error, 80)})"
            ) from None
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
    todo, done = deque(enumerate(jobs)), SimpleQueue()
    drivers = [_Driver(function, todo, done, max(1, count_cores() // count)) for _ in range(count)]
    for driver in drivers:
        driver.start()
    try:
        for _ in jobs:
            yield done.get()
    except BaseException:
        todo.clear()
        for driver in drivers:
            driver.ask_to_end()
        raise
    finally:
        deadline = time.monotonic() + _LAST_STEP
        for driver in drivers:
            driver.join(max(0.1, deadline - time.monotonic()))
            driver.kill()


class _Driver(threading.Thread):
    """A thread that gives one process after another job; a process that dies is replaced."""

    def __init__(self, function: Callable, todo: deque, done: SimpleQueue, threads: int) -> None:
        super().__init__(daemon=True)
        self._function, self._todo, self._done, self._threads = function, todo, done, threads
        self._worker: _Worker | None = None
        self._ending = False

    def run(self) -> None:
        """Do jobs until there are none."""
        _block_signals()
        while not self._ending:
            try:
                place, job = self._todo.popleft()
            except IndexError:
                break
            self._done.put((place, self._answer(job)))
        if self._worker:
            self._worker.end()

    def _answer(self, job: Any) -> Any:
        for _ in range(_TRIES):
            try:
                self._worker = self._worker or _Worker(self._threads)
                return self._worker.call(self._function, job, self._threads)
            except (EOFError, OSError):
                if self._worker:
                    self._worker.end()
                self._worker = None
                if self._ending:
                    break
            except Exception as error:  # the job cannot be sent
                return error
        return ClusterError("the process of this run died, again and again")

    def ask_to_end(self) -> None:
        """Let the process end after its step, and begin no other job."""
        self._ending = True
        if self._worker:
            self._worker.process.terminate()

    def kill(self) -> None:
        """End the process at once."""
        if self.is_alive() and self._worker:
            self._worker.process.kill()


class _Worker:
    """A fresh process that calls functions, one at a time.

    Parameters
    ----------
    threads : int
        For libraries that read the number of their threads when they are loaded.
    """

    def __init__(self, threads: int) -> None:
        self._pipe, theirs = _SPAWN.Pipe()
        self.process = _SPAWN.Process(target=_serve, args=(theirs, threads))
        with _STARTING, without_main():
            self.process.start()
        theirs.close()

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return the function's result or the exception that it raised.

        Raises
        ------
        EOFError, OSError
            If the process dies.
        """
        self._pipe.send((function, arguments))
        return self._pipe.recv()

    def end(self) -> None:
        """Close the pipe, which ends an idle process."""
        self._pipe.close()
        self.process.join()


def _block_signals(how: str = "SIG_BLOCK") -> None:
    """Keep signals to end from this thread, and from processes that it starts."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(getattr(signal, how), ASKED)


def _serve(pipe: Any, threads: int) -> None:
    """Call what comes through the pipe, on a worker, until it is closed."""
    take_on_worker()
    _block_signals("SIG_UNBLOCK")
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = str(threads)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            function, arguments = pipe.recv()
            try:
                answer = function(*arguments)
            except Exception as error:
                answer = error
            try:
                pipe.send(answer)
            except (pickle.PicklingError, TypeError, AttributeError) as error:
                pipe.send(ClusterError(f"a result cannot be sent: {one_line(error, 80)}"))


def _end_with_parent() -> None:
    multiprocessing.parent_process().join()
    request_stop()
    time.sleep(_LAST_STEP)
    os._exit(1)


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
    """
    worker = _Worker(count_cores())
    try:
        answer = worker.call(work, *arguments)
    except (EOFError, OSError):
        raise ClusterError("the process of this measurement died") from None
    finally:
        worker.end()
    if isinstance(answer, Exception):
        raise answer
    return answer
