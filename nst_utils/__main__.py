"""``python -m nst_utils``, or ``nst``."""

import os
import signal
import sys


def run() -> None:
    """Run the command line; a signal that comes before it listens ends the process quietly."""
    for name in ("SIGINT", "SIGTERM"):
        if signal.getsignal(number := getattr(signal, name)) is not signal.SIG_IGN:
            signal.signal(number, _end)
    from nst_utils.cli.main import run as run_command

    run_command()


def _end(*_: object) -> None:
    os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, b"Error: interrupted\n")
    os._exit(1)


if __name__ == "__main__":
    run()
