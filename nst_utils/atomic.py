"""Files and folders that appear whole or not at all: written beside their place, then moved."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: Path, *, folder: bool = False) -> Iterator[Path]:
    """Give a draft to write, and put it in the place of a path once the block has ended well.

    Parameters
    ----------
    path : Path
        What appears, or is replaced; through a link the file that it names. Its folder exists.
    folder : bool
        The draft is a folder; one that is there already is replaced.

    Yields
    ------
    Path
        An empty file or folder beside it. Its name is short: a path's own name may already be as
        long as the file system allows.
    """
    path = Path(path).resolve()
    if folder:
        draft = Path(tempfile.mkdtemp(dir=path.parent, prefix=".nst-"))
    else:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".nst-", suffix=path.suffix[:8])
        os.close(handle)
        draft = Path(name)
    try:
        yield draft
        draft.chmod((0o777 if folder else 0o666) & ~_umask())
        if folder:
            shutil.rmtree(path, ignore_errors=True)
        os.replace(draft, path)
    except BaseException:
        if folder:
            shutil.rmtree(draft, ignore_errors=True)
        else:
            draft.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a text file in UTF-8, whole or not at all."""
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
