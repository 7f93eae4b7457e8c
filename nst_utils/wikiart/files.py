"""Sizes, damage and duplicates of many picture files, read in parallel; free of torch.

A size is read from the header. A check decodes the file; JPEGs are decoded at an eighth of their
size, so that even large ones take little memory.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from ..errors import ignoring, one_line
from ..images.decode import open_undecoded, plan
from ..images.formats import MAX_PIXELS, ImageError
from ..parallel import bar_options, without_main
from ..paths import is_regular
from .names import file_of

_BATCH = 400
_FEW = 2000


def read_size(path: str) -> tuple[int, int, str]:
    """Return width, height and "" from a picture's header, or zeros and why it cannot be read."""
    try:
        if not is_regular(Path(path)):
            return 0, 0, "missing file" if not os.path.lexists(path) else "no regular file"
        if os.path.getsize(path) == 0:
            return 0, 0, "empty file"
        with ignoring(), open(path, "rb") as file, open_undecoded(file) as image:
            return *image.size, ""
    except Image.DecompressionBombError:
        return 0, 0, f"more than {2 * MAX_PIXELS:,} pixels"
    except Exception as error:  # decoders raise many types, all of which mean damage
        return 0, 0, _damage(error)


def check_file(path: str) -> tuple[str, str]:
    """Decode a picture and return its problem and its perceptual hash; see `phash`.

    The problem is empty if the picture can be used. Otherwise it is: missing file, empty file,
    damaged (with the decoder's message), not RGB (with the mode), or too many pixels. The hash is
    empty if the picture could not be decoded.
    """
    width, height, problem = read_size(path)
    if problem:
        return problem, ""
    try:
        with ignoring(), open(path, "rb") as file, open_undecoded(file) as image:
            mode = image.mode
            if mode != "RGB":
                problem = f"not RGB ({mode})"
            if width * height > MAX_PIXELS:
                problem = f"{width * height:,} pixels, over {MAX_PIXELS:,}"
                if image.format != "JPEG":
                    return problem, ""
            plan(image, file, "", None)
            image.draft("RGB" if mode == "RGB" else mode, (width // 8, height // 8))
            image.load()
            return problem, phash(image)
    except ImageError as error:
        return one_line(error, 120).removeprefix(": "), ""
    except Exception as error:  # as in read_size
        return _damage(error), ""


def _damage(error: Exception) -> str:
    text = one_line(error)
    return "damaged: " + text.split(" '")[0][:80]


def phash(image: Image.Image) -> str:
    """Return a perceptual hash, equal or nearly so for copies of other size or compression.

    Each of its 64 bits, written as 16 hexadecimal digits, says whether a low frequency of a small
    gray copy exceeds the median of them all (Zauner, "Implementation and Benchmarking of Perceptual
    Image Hash Functions", 2010).
    """
    from scipy.fft import dctn

    small = image.convert("L").resize((32, 32), Image.Resampling.LANCZOS)
    low = dctn(np.asarray(small, np.float64))[:8, :8].ravel()
    bits = low > np.median(low)
    return f"{int(''.join('01'[int(bit)] for bit in bits), 2):016x}"


def with_duplicates(
    names: Sequence[str], checked: Sequence[tuple[str, str]], told: Sequence[str]
) -> list[str]:
    """Return each file's problem; being a duplicate of an earlier file is one.

    `checked` holds what `check_file` returned for each file, `told` the perceptual hashes of a csv
    file, empty where it has none. Those are computed in another way, and only compared with each
    other.
    """
    problems, first = [], {}
    for name, (problem, own), known in zip(names, checked, told, strict=True):
        digest = known or own and f"own {own}"
        if not problem and digest:
            if digest in first:
                problem = f"duplicate of {first[digest]}"
            first.setdefault(digest, name)
        problems.append(problem)
    return problems


def _batch(read: Callable[[str], Any], root: str, names: Sequence[str]) -> list[Any]:
    return [read(str(file_of(root, name))) for name in names]


def read_files(
    read: Callable[[str], Any],
    root: Path,
    names: Sequence[str],
    *,
    title: str,
    progress: bool = True,
) -> Iterable[Any]:
    """Yield `read_size` or `check_file` of many files in order, read on all cores, with a bar."""
    batches = [names[i : i + _BATCH] for i in range(0, len(names), _BATCH)]
    work = partial(_batch, read, str(root))
    shown = progress and len(names) >= _BATCH
    with tqdm(total=len(names), desc=title, unit="file", **bar_options(shown)) as bar:
        for results in _each(work, batches, len(names)):
            bar.update(len(results))
            yield from results


def _each(work: Callable, batches: list, count: int) -> Iterator[list]:
    if count < _FEW:  # starting processes would take longer than reading
        yield from map(work, batches)
        return
    with without_main(), ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        yield from pool.map(work, batches)
