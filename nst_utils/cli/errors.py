"""Errors on the command line: one sentence each, with the right exit status."""

import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from ..errors import MOST, NSTError, NSTWarning, UnknownNameError, one_line, show
from ..signals import watching_signals
from ..transfer.fields import RecipeError


def say(text: str, err: bool = False) -> None:
    """Write text for a user, line by line; what does not print in it is escaped."""
    click.echo("\n".join(map(show, text.split("\n"))), err=err)


class OneLineGroup(click.Group):
    """A click group whose errors are one sentence each, with the right exit status."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line; show an error as one line, where click adds three of usage."""
        if not options.pop("standalone_mode", True):
            return super().main(*args, standalone_mode=False, **options)
        _make_streams_safe()
        try:
            with watching_signals():
                status = super().main(*args, standalone_mode=False, **options)
        except click.ClickException as error:
            say(f"Error: {error.format_message()}", err=True)
            sys.exit(error.exit_code)
        except click.Abort:
            say("Error: interrupted", err=True)
            sys.exit(1)
        except KeyboardInterrupt:
            say("Error: interrupted", err=True)
            sys.exit(1)
        except BrokenPipeError:
            # Whoever read the output has enough (`| head`); nothing is left to say.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        sys.exit(status if isinstance(status, int) else 0)

    def invoke(self, context: click.Context) -> Any:
        """Run a command; turn what went wrong into click's errors, which carry the status."""
        try:
            with _plain_warnings():
                return super().invoke(context)
        except (UnknownNameError, RecipeError) as error:
            raise click.UsageError(one_line(error, MOST)) from None
        except (NSTError, MemoryError) as error:
            raise click.ClickException(one_line(error, MOST)) from None
        except KeyboardInterrupt:
            raise click.ClickException("interrupted before there was anything to save") from None
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if os.environ.get("NST_DEBUG"):
                raise
            raise click.ClickException(_explain(error)) from None


def _explain(error: Exception) -> str:
    """Say what an error is that nobody foresaw."""
    if isinstance(error, ImportError):
        return (
            f"a library cannot be loaded ({one_line(error, 200)}); give the process more memory if "
            "that is limited, else run pip install -r requirements.txt again"
        )
    where = "(set NST_DEBUG=1 to see where)"
    return f"unexpected {type(error).__name__}: {one_line(error)} {where}"


def _make_streams_safe() -> None:
    """Let any text be written: escaped where an encoding lacks it, nowhere without a console."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # a service, or closed by who started us
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print warnings as one line without a place in the code."""
    with warnings.catch_warnings():
        warnings.simplefilter("always", NSTWarning)
        warnings.showwarning = _show_warning
        yield


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    from tqdm import tqdm

    # Written by tqdm, so that it does not run into a progress bar.
    tqdm.write(f"Warning: {one_line(message, MOST)}", file=sys.stderr)
