"""What the test workers hand on; a plugin of pytest's, so that it comes before torch is loaded.

Tests and notebooks run side by side, one worker a core. Waiting threads would spin and take the
other worker's core: each worker, and each notebook's kernel, gets one thread.
"""

import os
import sys

# jsonschema, which nbval loads, would load a parser of grammars only to check addresses: seconds.
sys.modules["rfc3987_syntax"] = None
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(_name, "1")
    # Some hundred processes import the package: they compile it once, not once each.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
