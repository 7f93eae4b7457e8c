"""Work spread over processes with Dask: a local cluster as large as the cores, or a scheduler.

Free of torch: what runs there imports what it needs.
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
"""Environment variable that names a scheduler, as Dask's own tools read it."""

_WAIT = "15s"

_LAST_STEP = 20.0
"""Seconds that interrupted workers get to end their step and save what they have."""


class ClusterError(NSTError, RuntimeError):
    """A scheduler that cannot be reached."""


def hides_bar(progress: bool = True) -> bool:
    """Tell whether no bar is shown: nobody wants one, or there is no console to show it on."""
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

    A worker that dies costs no job: what it had goes to another one. When the caller is asked to
    end (Ctrl-C, SIGTERM, SIGHUP), the runs on local workers end after their step.

    Parameters
    ----------
    function : callable
        Importable on the workers; called as ``function(job, threads)``, where `threads` is what
        torch may use there, so that the processes together do not ask for more than the cores.
    jobs : sequence
        Anything that can be pickled.
    workers : int, optional
        Processes of the local cluster; as many as cores (or as jobs) when left out.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://host:8786``; ``DASK_SCHEDULER_ADDRESS`` when left
        out; a local cluster when that is not set either. Its workers need this package installed
        and the same folders mounted.
    title : str
        Of the progress bar.
    progress : bool
        Show the bar, with the time left.

    Yields
    ------
    (int, result or Exception)
        The job's place in `jobs`, and what came of it.

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
                memory_limit=0,  # a run that takes too much fails by itself, with its reason
                dashboard_address=":0",  # any free port: other clusters may run here
                local_directory=scratch,
                silence_logs=logging.CRITICAL,
            )
            client = stack.enter_context(Client(stack.enter_context(local)))
            client.register_plugin(_worker_plugin())
        # Impure: the same job twice is two jobs. No priority among them: in order.
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
        """Set up in the worker's main thread, also in one that replaces a dead one."""

        def setup(self, worker: Any) -> None:
            take_on_worker()

    return EndSoftly()


@contextlib.contextmanager
def without_main() -> Iterator[None]:
    """Let processes be started from a script that has no ``if __name__ == "__main__"``.

    A fresh process runs the script of its parent again, to find functions that it defines; none of
    ours is there, and a script without that line would start processes without end.
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
    """Call a function in a fresh process of its own, whose memory nothing else has touched.

    Parameters
    ----------
    work : callable
        At the top of a module, as pickling asks.
    *arguments
        For it.
    """
    spawn = multiprocessing.get_context("spawn")
    with without_main(), ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(work, *arguments).result()
