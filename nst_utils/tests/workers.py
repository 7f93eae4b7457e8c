"""Threads of the test workers; a plugin of pytest's, so that it comes before torch is loaded.

Tests and notebooks run side by side, one worker a core. Waiting threads would spin and take the
other worker's core: each worker, and each notebook's kernel, gets one thread.
"""

import os

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(_name, "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a notebook's cells together, and a module's tests that share a fixture."""
    for item in items:
        shared = item.path.suffix == ".ipynb" or item.get_closest_marker("shared") is not None
        if shared:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
