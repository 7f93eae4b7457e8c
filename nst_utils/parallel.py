"""Run jobs on several processes with Dask: on local ones, or on those of a scheduler.

Free of torch: the jobs import what they need.
"""

import contextlib
import importlib.machinery
import logging
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from typing import Any

from tqdm import tqdm

from .errors import NSTError, one_line
from .signals import request_stop, take_on_worker, watching_signals

ADDRESS = "DASK_SCHEDULER_ADDRESS"
"""Environment variable that names a scheduler; Dask's own tools read it, too."""

_WAIT = "15s"

_LAST_STEP = 20.0
"""Seconds that interrupted workers get to end their step and save their pictures."""


class ClusterError(NSTError, RuntimeError):
    """A scheduler that cannot be reached."""


def hides_bar(progress: bool = True) -> bool:
    """Tell whether to hide a progress bar: it is not wanted, or there is no console."""
    return not progress or sys.stderr is None


def count_cores() -> int:
    """Return the cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
        may use, so that all processes together use no more than the cores.
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
    from distributed import Client, LocalCluster, as_completed, wait

    address = scheduler or os.environ.get(ADDRESS)
    with ExitStack() as stack:
        stack.enter_context(watching_signals())
        stack.enter_context(without_main())
        if address:
            try:
                client = stack.enter_context(Client(address, timeout=_WAIT))
            except (OSError, ValueError, TimeoutError) as error:
                raise ClusterError(
                    f"no Dask scheduler answers at {address} ({one_line(error, 80)})"
                ) from None
            threads = None
        else:
            count = max(1, min(workers or count_cores(), len(jobs)))
            threads = max(1, count_cores() // count)
            scratch = stack.enter_context(
                tempfile.TemporaryDirectory(ignore_cleanup_errors=True, prefix="nst_dask")
            )
            local = LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                memory_limit=0,  # a run that needs too much fails with its own error
                host="127.0.0.1",
                dashboard_address=None,  # the page would listen on every interface
                local_directory=scratch,
                silence_logs=logging.CRITICAL,
            )
            client = stack.enter_context(Client(stack.enter_context(local)))
            client.register_plugin(_worker_plugin())
        # Impure: the same job twice is two jobs.
        futures = client.map(function, jobs, [threads] * len(jobs), pure=False)
        places = {future.key: i for i, future in enumerate(futures)}
        bar = stack.enter_context(
            tqdm(total=len(jobs), desc=title, unit="run", disable=hides_bar(progress))
        )
        try:
            for future in as_completed(futures):
                bar.update()
                error = future.exception()
                yield places[future.key], error if error is not None else future.result()
                future.release()
        except (KeyboardInterrupt, GeneratorExit):
            if not address:
                with contextlib.suppress(OSError, TimeoutError):
                    client.run(request_stop)
                    wait([f for f in futures if f.status == "pending"], timeout=_LAST_STEP)
            raise


def _worker_plugin() -> Any:
    from distributed import WorkerPlugin

    class EndSoftly(WorkerPlugin):
        """Dask calls `setup` in the main thread of every worker, replacements included."""

        def setup(self, worker: Any) -> None:
            take_on_worker()

    return EndSoftly()


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
    spawn = multiprocessing.get_context("spawn")
    with without_main(), ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(work, *arguments).result()
