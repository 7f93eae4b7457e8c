"""Python that starts in no time: forks of one process that holds the libraries.

The test workers, the kernels of notebooks and the commands that tests start would each load torch,
scipy and matplotlib, two to three seconds of a core. ``forks.py serve NUMBER`` loads them once, and
nothing of this package; the number is that of an open socket, so that nobody asks too early.
``forks.py ask SOCKET -m MODULE …`` then does what ``python -m MODULE …`` does (or ``-c CODE …``),
in a fork: with the asker's files, folder, environment, signals and status.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import types

LIBRARIES = (
    "av cv2 dask ipykernel.kernelapp ipywidgets matplotlib.backends.backend_agg "
    "matplotlib.pyplot nbformat pandas.io.formats.style papermill scipy.ndimage scipy.stats "
    "skimage.color sklearn.cluster sklearn.decomposition sklearn.linear_model torch "
    "torch._dynamo torchvision"
).split()


def ask(path: str, *words: str) -> int:
    """Let a fork run ``python`` with these words; return its status."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as line:
        line.connect(path)
        asked = json.dumps([words, os.getcwd(), dict(os.environ)])
        socket.send_fds(line, [asked.encode()], [0, 1, 2])
        process = int(line.recv(100))
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _: os.kill(process, number))
        status = int(line.recv(100) or 1)
    if status < 0:
        signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def serve(number: str) -> None:
    """Load the libraries and fork for all who ask at a socket, until who started this ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(fileno=int(number))
    # jsonschema, which nbformat loads, would load a parser of grammars only to check addresses.
    sys.modules["rfc3987_syntax"] = None
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.freeze()  # else each fork would look through all of this for garbage, and so copy it
    gc.set_threshold(10_000, 20, 20)
    while listener in select.select([listener, 0], [], [])[0]:  # 0 ends with who started this
        line, _ = listener.accept()
        if not os.fork():
            listener.close()
            return attend(line)
        line.close()


def attend(line: socket.socket) -> None:
    """Fork once more, and tell the asker how it ends; end it when the asker or the server ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    said, files, _, _ = socket.recv_fds(line, 1 << 20, 3)
    server, process = os.pidfd_open(os.getppid()), os.fork()
    if not process:
        os.close(server)
        line.close()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return become(files, *json.loads(said))
    ended = os.pidfd_open(process)
    line.send(b"%d" % process)
    if ended not in select.select([line, server, ended], [], [])[0]:
        os.kill(process, signal.SIGKILL)
    _, status = os.waitpid(process, 0)
    with contextlib.suppress(OSError):
        line.send(b"%d" % os.waitstatus_to_exitcode(status))


def become(files: list[int], words: list[str], folder: str, world: dict[str, str]) -> None:
    """Do what ``python`` does with these words."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    # The server's own may be of a file, in which one can seek, and these of a pipe.
    sys.stdin = open(0, closefd=False)
    sys.stdout = open(1, "w", closefd=False)
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(world)
    sys.path[:0] = filter(None, world.get("PYTHONPATH", "").split(os.pathsep))
    while words[0] not in ("-c", "-m"):  # -u, -B
        words.pop(0)
    way, what, *sys.argv = words
    sys.argv.insert(0, way)
    sys.modules["__main__"] = main = types.ModuleType("__main__")
    if "ipykernel_launcher" in words:
        # What they ask about the notebook when they are loaded.
        sys.modules["matplotlib"].rcParams["backend"] = "module://matplotlib_inline.backend_inline"
        sys.modules["pandas"].options.display.max_columns = 20
    sys.path.insert(0, "" if way == "-c" else folder)
    status = 1

    def leave() -> None:
        """End without taking the libraries apart, half a second each time."""
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(status)

    atexit.register(leave)  # the first of all, so it comes last
    try:
        if way == "-c":
            exec(what, vars(main))
        else:
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
        raise


if __name__ == "__main__":
    del sys.path[0]  # the folder of this file, whose names are those of the package
    sys.exit({"ask": ask, "serve": serve}[sys.argv[1]](*sys.argv[2:]))
