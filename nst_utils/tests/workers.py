"""What the test workers hand on; a plugin of pytest's, so that it comes before torch is loaded.

Tests and notebooks run side by side, one worker a core and one more, because some tests wait: for
a browser, a signal, another process. Waiting threads would spin and take the other workers' cores:
each worker, and each notebook's kernel, gets one thread.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

# jsonschema, which nbval loads, would load a parser of grammars only to check addresses: seconds.
sys.modules["rfc3987_syntax"] = None
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
FORKED = "nst-kernels-"
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
    """Let nbval's kernels be forks of one process that holds the libraries; see `kernels`."""
    asked = config.option.nbval or config.option.nbval_lax
    if asked and sys.platform == "linux" and not hasattr(config, "workerinput"):
        _serve_kernels(config)
    if FORKED in os.environ.get("JUPYTER_PATH", ""):
        config.option.nbval_kernel_name = "forked"


def _serve_kernels(config) -> None:
    folder = tempfile.TemporaryDirectory(prefix=FORKED)
    command = [sys.executable, "-P", str(Path(__file__).with_name("kernels.py"))]
    address = f"{folder.name}/socket"
    if len(address) > 100:  # Linux allows no longer one: then each kernel loads the libraries
        return folder.cleanup()
    spec = {
        "argv": [*command, "ask", address, "{connection_file}"],
        "display_name": "forked", "language": "python", "interrupt_mode": "message",
    }  # fmt: skip
    place = Path(folder.name, "kernels", "forked", "kernel.json")
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(spec))
    known = os.environ.get("JUPYTER_PATH")
    os.environ["JUPYTER_PATH"] = os.pathsep.join(filter(None, (folder.name, known)))
    server = subprocess.Popen([*command, "serve", address], env=ONE_THREAD | dict(os.environ))

    def end() -> None:
        server.kill()
        server.wait()
        folder.cleanup()

    config.add_cleanup(end)
