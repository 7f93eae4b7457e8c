"""What the test workers hand on; a plugin of pytest's, so that it comes before torch is loaded.

Tests and notebooks run side by side, one worker a core and one more, because some tests wait: for
a browser, a signal, another process. Waiting threads would spin and take the other workers' cores:
each worker, and each notebook's kernel, gets one thread.
"""

import gc
import json
import os
import shlex
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

# jsonschema, which nbval loads, would load a parser of grammars only to check addresses: seconds.
sys.modules["rfc3987_syntax"] = None
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
FORKED = "NST_FORKED_PYTHON"
PYTHON = shlex.split(os.environ.get(FORKED, "")) or [sys.executable]
"""How a test starts Python: a fork that has the libraries, where there are forks."""
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
if "PYTEST_XDIST_WORKER" in os.environ:
    for _name, _one in ONE_THREAD.items():
        os.environ.setdefault(_name, _one)
    # Some hundred processes import the package: they compile it once, not once each.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.hookimpl(wrapper=True, optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Return one worker more than there are cores."""
    return (yield) + 1


def pytest_configure(config) -> None:
    """Let workers, kernels and commands be forks of one process with the libraries; see `forks`."""
    workers = getattr(config.option, "tx", None) or []
    kernels = config.option.nbval or config.option.nbval_lax
    if hasattr(config, "workerinput") or not (workers or kernels):
        return
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):  # only Linux has it, and some containers forbid it
        return
    _serve_forks(config)
    if FORKED in os.environ:
        forked = f"popen//python={os.environ[FORKED]}"
        config.option.tx = [forked if worker == "popen" else worker for worker in workers]


def pytest_collection_finish() -> None:
    """Look for garbage only among what tests make, and less often: a million objects are loaded."""
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _serve_forks(config) -> None:
    folder = tempfile.TemporaryDirectory(prefix="nst-forks-")
    script, address = str(Path(__file__).with_name("forks.py")), f"{folder.name}/socket"
    if len(address) > 100:  # Linux allows no longer one: then each process loads the libraries
        return folder.cleanup()
    launcher = [sys.executable, "-I", "-S", script, "ask", address]
    spec = {
        "argv": [*launcher, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "forked", "language": "python", "interrupt_mode": "message",
    }  # fmt: skip
    place = Path(folder.name, "kernels", "python3", "kernel.json")
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(spec))
    known = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, (folder.name, known)))
    os.environ[FORKED] = shlex.join(launcher)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen()
        server = subprocess.Popen(
            [sys.executable, script, "serve", str(listener.fileno())],
            env=ONE_THREAD | dict(os.environ), stdin=subprocess.PIPE,
            pass_fds=[listener.fileno()],
        )  # fmt: skip

    def end() -> None:
        server.stdin.close()
        server.wait()
        folder.cleanup()

    config.add_cleanup(end)
