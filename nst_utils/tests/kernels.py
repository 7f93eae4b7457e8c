"""Kernels for nbval that start in no time: forked from a process that holds the libraries.

Fifteen kernels would load torch, scipy and matplotlib anew, three seconds of a core each. Here one
process loads them once, and nothing of this package; each kernel is a fork of it. A file of its
own, run as a script, since neither side may load the package: ``kernels.py serve SOCKET`` forks,
``kernels.py ask SOCKET CONNECTION_FILE`` is what Jupyter takes for the kernel's process.
"""

import importlib
import json
import os
import socket
import socketserver
import sys
import threading

# Not pandas, nor scikit-learn, which loads it: it asks when it is loaded whether in a notebook.
LIBRARIES = (
    "ipykernel.kernelapp ipywidgets matplotlib.backends.backend_agg matplotlib.pyplot "
    "scipy.ndimage scipy.stats skimage.color torch torch._dynamo torchvision"
).split()


class Kernel(socketserver.BaseRequestHandler):
    """A fork of the server that becomes a kernel."""

    def handle(self) -> None:
        said, files, _, _ = socket.recv_fds(self.request, 1 << 20, 3)
        for number, file in enumerate(files):
            os.dup2(file, number)
        asked = json.loads(said)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["world"])
        threading.Thread(target=self.leave, daemon=True).start()
        from ipykernel.kernelapp import launch_new_instance

        launch_new_instance(argv=["-f", asked["file"]])

    def leave(self) -> None:
        """End this kernel when Jupyter ends the process that asked for it."""
        self.request.recv(1)
        os._exit(0)


class Server(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    """Load the libraries when the first kernel is asked for; end with the test run."""

    parent = os.getppid()

    def verify_request(self, *_) -> bool:
        os.environ["MPLBACKEND"] = "module://matplotlib_inline.backend_inline"
        for name in LIBRARIES:
            importlib.import_module(name)
        return True

    def service_actions(self) -> None:
        super().service_actions()
        if os.getppid() != self.parent:
            os._exit(0)


def ask(path: str, file: str) -> None:
    """Ask for a kernel and stay until it ends."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(path)
        asked = {"file": file, "folder": os.getcwd(), "world": dict(os.environ)}
        socket.send_fds(line, [json.dumps(asked).encode()], [0, 1, 2])
        line.recv(1)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        Server(sys.argv[2], Kernel).serve_forever()
    else:
        ask(*sys.argv[2:])
