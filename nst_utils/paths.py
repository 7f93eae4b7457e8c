"""Folders of the project, paths given by users, and files written whole or not at all.

Notebooks run in ``notebooks/``, so no path of the project depends on the working directory.
"""

import contextlib
import datetime
import errno
import itertools
import os
import platform
import secrets
import stat
import tempfile
import time
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from .errors import NSTError, NSTWarning, brief, one_line, public_address

PACKAGE = Path(__file__).absolute().parent
ROOT = PACKAGE.parent
CLONE = (ROOT / "pyproject.toml").is_file()


def _results_home() -> Path:
    if named := os.environ.get("NST_HOME"):
        return Path(named).absolute()
    place = ROOT if CLONE else Path.cwd()
    folders = [place, *filter(Path.exists, (place / "figures", place / "data"))]
    if all(os.access(folder, os.W_OK) for folder in folders):
        return place
    with contextlib.suppress(RuntimeError):  # without a home folder
        return Path.home() / "nst_utils"
    return place


HOME = _results_home()
"""Where results go: the folder that the environment variable ``NST_HOME`` names. Without it, the
clone, or the working directory of an installed package. If that folder cannot be written to, or its
``figures`` or ``data``: ``~/nst_utils``."""

BENCHMARK_PAGE = PACKAGE / "benchmark" / "README.md"
DATA = HOME / "data"
WEIGHTS = DATA / "weights"
RUNS = DATA / "runs"
RESULTS = ROOT / "data" / "results"
PAINTINGS = DATA / "paintings"
FIGURES = HOME / "figures"
_PACKED = PACKAGE / "data" / "samples"
SAMPLES = _PACKED if _PACKED.is_dir() else ROOT / "data" / "samples"
"""Sample pictures: in a clone beside the package, in an installed wheel inside it."""


class PathError(NSTError, TypeError):
    """What is no path where one was expected."""


class FolderError(NSTError, OSError):
    """A folder that cannot be made or written to."""


def user_path(text: str | os.PathLike) -> Path:
    """Return the path that a user wrote; ``~`` is the home folder, and ``file:///…`` is a path.

    Examples
    --------
    >>> user_path("file:///a%20b/c.png").as_posix()
    '/a b/c.png'
    """
    if not isinstance(text, str | os.PathLike):
        raise PathError(f"expected a path, not {brief(text)}")
    text = os.fspath(text)
    if text[:5].lower() == "file:":
        place = urllib.parse.urlsplit(text).path
        text = urllib.request.url2pathname(place)
    # Without a home folder the name stays as it is written.
    with contextlib.suppress(RuntimeError):
        return Path(text).expanduser()
    return Path(text)


def is_address(source: object) -> bool:
    """Tell whether a source is written as an address (``scheme://…``) and not as a path."""
    return isinstance(source, str) and "://" in source and source[:5].lower() != "file:"


def public_source(source: object) -> str:
    """Return a source to be shown and recorded; an address as `public_address` returns it."""
    return public_address(source) if is_address(source) else str(source)


def public_name(source: object) -> str:
    """Return a picture's source to be recorded: the name of a file without its folders.

    Examples
    --------
    >>> public_name("/mine/masks/sky.png"), public_name("https://me:secret@host/sky.png")
    ('sky.png', 'https://host/sky.png')
    """
    return public_address(source) if is_address(source) else user_path(str(source)).name


def is_regular(path: Path) -> bool:
    """Tell whether a path is a regular file; reading a pipe or a device might never end."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):  # missing, a loop of links, too long, or with a null byte
        return False


def is_folder(path: Path) -> bool:
    """Tell whether a path is a folder; what lies in an unreadable folder is none."""
    return os.path.isdir(path)


def newest_first(files: Iterable[Path]) -> list[Path]:
    """Return files by their times of change; those that are gone meanwhile are left out."""
    times = {}
    for path in files:
        with contextlib.suppress(OSError):
            times[path] = path.stat().st_mtime
    return sorted(times, key=times.__getitem__, reverse=True)


def is_same(one: Path, other: Path) -> bool:
    """Tell whether two paths lead to the same file or folder."""
    try:
        return os.path.samefile(one, other)
    except (OSError, ValueError):
        return False


def make_run_folder(*parts: str) -> Path:
    """Make a new folder below ``data/runs``, named by the time; no other process gets it.

    Parameters
    ----------
    *parts : str
        Folders in between, for example ``"studio"``.

    Raises
    ------
    FolderError
        If it cannot be made.
    """
    stamp = datetime.datetime.now().strftime("%Y%m%d-%H%M%S")
    parent = make_folder(RUNS.joinpath(*parts))
    for folder in filter(Path.is_dir, (parent, *parent.iterdir())):
        remove_old_drafts(folder)
    try:
        return _make_first_free(parent, stamp, "", Path.mkdir)
    except OSError as error:
        raise _no_folder(error.filename, error) from None


def _make_first_free(parent: Path, stem: str, suffix: str, make: Callable[[Path], Any]) -> Path:
    """Make a file or a folder under the first free name: the given one, or one with a number."""
    for count in itertools.count(1):
        path = parent / (stem + (f"-{count}" if count > 1 else "") + suffix)
        with contextlib.suppress(FileExistsError):
            make(path)
            return path


def remove_run_file(path: Path) -> None:
    """Remove the file of a run below ``data/runs``, and its folder where nothing else is in it."""
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
        path.parent.rmdir()


def make_folder(folder: Path) -> Path:
    """Make a folder and its parents where they are missing.

    Raises
    ------
    FolderError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _no_folder(folder, error) from None
    return folder


def _no_folder(folder: Path, error: OSError) -> FolderError:
    return FolderError(
        f"{folder}: no folder can be made there ({error.strerror or one_line(error)}); free the "
        "name, or allow writing"
    )


def claim_file(folder: Path, name: str) -> Path:
    """Make an empty file under a free name, and return it; no other process gets it.

    Parameters
    ----------
    folder : Path
        Folder for the file; made if it is missing.
    name : str
        The wanted name, with a suffix; characters that a file system may refuse are replaced.

    Raises
    ------
    FolderError
        If the file cannot be made.
    """
    wanted = Path(safe_name(name))
    make_folder(folder)
    try:
        return _make_first_free(
            folder, wanted.stem, wanted.suffix, lambda path: path.open("x").close()
        )
    except OSError as error:
        raise FolderError(f"{error.filename}: cannot be written ({error.strerror})") from None


def safe_name(name: str) -> str:
    r"""Return a file name that every system takes, as close to the given one as possible.

    Examples
    --------
    >>> safe_name("../a:b\x00.png"), safe_name("." * 3), len(safe_name("x" * 400 + ".jpg"))
    ('a_b_.png', 'file', 100)
    """
    name = name.replace("\\", "/").rsplit("/", 1)[-1]
    name = "".join("_" if c in '<>:"|?*' or not c.isprintable() else c for c in name)
    stem, dot, suffix = name.strip(" .").rpartition(".")
    if not dot or len(suffix) > 10:
        stem, dot, suffix = name.strip(" ."), "", ""
    end = dot + suffix
    # In bytes: most systems take 255, and callers may add to the name.
    room = 100 - len(end.encode())
    stem = stem.encode()[:room].decode(errors="ignore").strip(" .")
    return (stem or "file") + end


def utc_now() -> str:
    """Return the time in UTC for a record, to the second, in ISO 8601."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def short_path(path: Path) -> str:
    """Return a path as it can be written in the working directory, short where it lies near."""
    path, here = Path(path).absolute(), Path.cwd()
    if path.is_relative_to(here) or (path.is_relative_to(ROOT) and here.is_relative_to(ROOT)):
        return os.path.relpath(path, here)
    return str(path)


def save_elsewhere(save: Callable[[Path], Any], name: str) -> Path:
    """Save what could not be saved where it was wanted, at the first place that takes it.

    The places are a folder below ``data/runs``, one for temporary files, and the user's home.

    Parameters
    ----------
    save : callable
        Writes the file that it is given.
    name : str
        The file's name.

    Raises
    ------
    FolderError
        If no place takes it.
    """
    makers = (
        lambda: make_run_folder("rescued"),
        lambda: Path(tempfile.mkdtemp(prefix="nst_rescued_")),
        lambda: Path(tempfile.mkdtemp(prefix="nst_rescued_", dir=Path.home())),
    )
    for make in makers:
        with contextlib.suppress(OSError, RuntimeError, NSTError):
            path = make() / name
            save(path)
            return path
    raise FolderError(
        f"{name} could not be saved: neither data/runs, nor the temporary folder, nor the home "
        "folder takes it; free some space"
    )


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a draft to write; it replaces a path when the block ends without an error.

    Parameters
    ----------
    path : Path
        File to create or replace; a link is followed. Its folder must exist.

    Yields
    ------
    Path
        An empty file beside it. Its name is short, as the path's own may be as long as
        the file system allows.
    """
    path = _resolved(Path(path))
    remove_old_drafts(path.parent)
    draft = _new_draft(path.parent, path.suffix[:8])
    usual = draft.stat().st_mode
    try:
        yield draft
        # Some file systems have no modes, and refuse.
        with contextlib.suppress(OSError):
            # What writes the draft may replace it by a file that nobody else can read.
            draft.chmod(stat.S_IMODE(path.stat().st_mode if path.exists() else usual))
        os.replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


_DRAFT = f".nst-{platform.node()[:20].replace('-', '_')}-"
"""How drafts begin: with the machine's name. The number of the process follows."""


def _new_draft(parent: Path, suffix: str) -> Path:
    """Make an empty draft with the mode that the system gives to new files."""
    while True:
        draft = parent / f"{_DRAFT}{os.getpid()}-{secrets.token_hex(4)}{suffix}"
        with contextlib.suppress(FileExistsError):
            draft.open("xb").close()
            return draft


@lru_cache(maxsize=4096)
def remove_old_drafts(folder: Path) -> None:
    """Remove the drafts of `replacing` that killed processes left; once for each folder.

    A draft stays while its process runs on this machine, or may run on another one. After a day it
    is removed in any case.
    """
    import psutil

    drafts = []
    with contextlib.suppress(OSError):
        drafts = list(folder.glob(".nst-*"))
    for draft in drafts:
        process = draft.name.removeprefix(_DRAFT).partition("-")[0]
        here = process.isdecimal() and len(process) < 10
        with contextlib.suppress(OSError):  # somebody else's, a folder, or gone
            old = time.time() - draft.lstat().st_mtime > 24 * 3600
            if old or (here and not psutil.pid_exists(int(process))):
                draft.unlink(missing_ok=True)


def write_table(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file whole; where that cannot be, write it elsewhere and say where.

    `write` gets an open file: not every library takes a path that is no UTF-8.
    """

    def write_whole(place: Path) -> None:
        with replacing(place) as draft, open(draft, "wb") as file:
            write(file)

    try:
        write_whole(path)
    except OSError as error:
        place = save_elsewhere(write_whole, path.name)
        warnings.warn(
            f"{path}: cannot be written ({error.strerror or one_line(error)}); it is in {place}",
            NSTWarning,
            stacklevel=3,
        )


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except RuntimeError:  # Python before 3.13, for links in a circle
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path)) from None


@contextlib.contextmanager
def alone_with(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Lock a file against other processes; yield False if another process has the lock.

    On a file system without locks True is yielded, and nothing is locked.

    Parameters
    ----------
    path : Path
        File to lock, by a lock file beside it. Its folder must exist.
    wait : bool
        Whether to wait for other processes; if not, False is yielded when one has the lock.
    """
    from filelock import FileLock, Timeout

    # In bytes: most systems take 255.
    name = path.name.encode(errors="replace")[:200].decode(errors="ignore")
    lock = FileLock(path.with_name(f".{name}.lock"), timeout=-1 if wait else 0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    except (NotImplementedError, OSError):  # a file system without locks
        yield True
        return
    try:
        yield True
    finally:
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")
