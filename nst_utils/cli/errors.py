"""Errors on the command line: one sentence each, with their exit status."""

import io
import os
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from ..errors import MOST, NSTError, NSTWarning, UnknownNameError, one_line, show
from ..signals import watching_signals
from ..transfer.fields import RecipeError


def say(text: str, err: bool = False) -> None:
    """Print text for a user; characters that do not print are escaped.

    Raises
    ------
    ClickException
        If the standard output takes no more, for example on a full disk.
    """
    try:
        click.echo("\n".join(map(show, text.split("\n"))), err=err)
    except BrokenPipeError:
        raise
    except OSError as error:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")
        raise click.ClickException(
            f"nothing more can be printed ({error.strerror}); files that were written stay"
        ) from None


class OneLineGroup(click.Group):
    """A click group whose errors are one sentence each, with their exit status."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run the command line; show an error as one line, without click's three lines of usage."""
        if not options.pop("standalone_mode", True):
            return super().main(*args, standalone_mode=False, **options)
        _make_streams_safe()
        try:
            with watching_signals():
                status = super().main(*args, standalone_mode=False, **options)
        except click.ClickException as error:
            say(f"Error: {error.format_message()}", err=True)
            sys.exit(error.exit_code)
        except (click.Abort, KeyboardInterrupt):
            say("Error: interrupted", err=True)
            sys.exit(1)
        except BrokenPipeError:
            # The reader of the output has closed it (`| head`).
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        sys.exit(status if isinstance(status, int) else 0)

    def invoke(self, context: click.Context) -> Any:
        """Run a command; turn its errors into click's, which carry the exit status."""
        try:
            with _plain_warnings():
                return super().invoke(context)
        except (UnknownNameError, RecipeError) as error:
            raise click.UsageError(self._message(error, context)) from None
        except (NSTError, MemoryError) as error:
            raise click.ClickException(self._message(error, context)) from None
        except KeyboardInterrupt:
            raise click.ClickException("interrupted before there was anything to save") from None
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise
        except Exception as error:
            if os.environ.get("NST_DEBUG"):
                raise
            raise click.ClickException(_explain(error)) from None

    def _message(self, error: BaseException, context: click.Context) -> str:
        """Return an error's message with options for arguments.

        It becomes ``--trust`` where it says ``trust=True``, and ``--style-size`` where it begins
        with ``style_size must be``.
        """
        text = one_line(error, MOST)
        command = self.get_command(context, context.invoked_subcommand or "") or self
        for option in command.params:
            if isinstance(option, click.Option):
                flag, argument = max(option.opts, key=len), rf"(?<![^\s(]){option.name}="
                text = re.sub(rf"{argument}True\b", flag, text)
                text = re.sub(rf"{argument}(?=\S)", f"{flag} ", text)
                text = re.sub(rf"^{option.name} must\b", f"{flag} must", text)
        return re.sub(r'--input \{("[a-z0-9 ]+"): FILE\}', r"--input \1 FILE", text)


def _explain(error: Exception) -> str:
    """Describe an unexpected error."""
    if isinstance(error, ImportError):
        return (
            f"a library cannot be loaded ({one_line(error, 200)}); give the process more memory if "
            "that is limited, else run pip install -r requirements.txt again"
        )
    if isinstance(error, OSError) and error.filename and error.strerror:
        return f"{error.filename}: cannot be read or written ({error.strerror})"
    where = "(set NST_DEBUG=1 to see where)"
    return f"unexpected {type(error).__name__}: {one_line(error)} {where}"


def _make_streams_safe() -> None:
    """Let any text be printed: escape what the encoding lacks; print nothing without a console."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # a service, or closed by the parent process
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
            if name == "stderr":
                sys.stderr = _Log(stream)


class _Log:
    """Standard error that may take no more, on a full disk: the work goes on without it."""

    def __init__(self, stream: io.TextIOWrapper) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print each warning as one line, once, without its place in the code."""
    told = set()

    def tell(message: Warning | str, *_: Any, **__: Any) -> None:
        from tqdm import tqdm

        text = one_line(message, MOST)
        if text not in told:  # each frame of a film may have the same one
            told.add(text)
            # tqdm prints it, so that it does not break a progress bar.
            tqdm.write(f"Warning: {text}", file=sys.stderr)

    with warnings.catch_warnings():
        warnings.simplefilter("always", NSTWarning)
        warnings.showwarning = tell
        yield
