"""Numbers of many paintings on disk: files of some rows each, checked by their own checksums.

A file is written whole, and each of its matrices is read whole. There is no memory map: a full disk
then raises an error with a message, while a map would let the system kill the process.
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from ..errors import NSTError, one_line
from ..paths import replacing

ROWS = 256
"""Rows of a file; what a killed process loses at most."""

_DIGEST = hashlib.sha256().digest_size


class FeatureFiles:
    """Matrices with a row for each painting, float32, in the files of a folder.

    Parameters
    ----------
    folder : Path
        Its name is part of every checksum: a file of another folder is not taken.
    rows : int
    widths : mapping of str to int
        Names of the matrices, and their numbers of columns.
    """

    def __init__(self, folder: Path, rows: int, widths: Mapping[str, int]) -> None:
        self.folder, self.rows, self.widths = folder, rows, dict(widths)

    def blocks(self) -> Iterator[slice]:
        """Yield the rows of each file."""
        for first in range(0, self.rows, ROWS):
            yield slice(first, min(first + ROWS, self.rows))

    def load(self, block: slice) -> dict[str, np.ndarray]:
        """Return the matrices of a file; zeros where it is missing or not as it was written."""
        parts = {name: self._part(block, name) for name in self.widths}
        if any(part is None for part in parts.values()):
            count = block.stop - block.start
            return {n: np.zeros((count, w), np.float32) for n, w in self.widths.items()}
        return parts

    def save(self, block: slice, matrices: Mapping[str, np.ndarray]) -> None:
        """Write a file, whole or not at all.

        Raises
        ------
        NSTError
            If it cannot be written.
        """
        path = self._path(block)
        try:
            with replacing(path) as draft, draft.open("wb") as file:
                for name in self.widths:
                    numbers = matrices[name].astype("<f4").tobytes()
                    file.write(self._checksum(block, name, numbers) + numbers)
        except OSError as error:
            raise NSTError(
                f"{path}: descriptors cannot be written ({error.strerror or one_line(error)}); "
                "free some space and call again: finished ones are kept"
            ) from None

    def matrix(self, *names: str) -> np.ndarray:
        """Return matrices side by side, all rows.

        Raises
        ------
        NSTError
            If a file is missing or damaged.
        """
        whole = np.empty((self.rows, sum(self.widths[name] for name in names)), np.float32)
        for block in self.blocks():
            parts = [self._part(block, name) for name in names]
            if any(part is None for part in parts):
                raise NSTError(
                    f"{self._path(block)}: descriptors are missing or damaged; call "
                    "extract_features again, which computes them anew"
                )
            whole[block] = np.concatenate(parts, axis=1)
        return whole

    def _path(self, block: slice) -> Path:
        return self.folder / f"rows-{block.start:06d}.bin"

    def _checksum(self, block: slice, name: str, numbers: bytes) -> bytes:
        place = f"{self.folder.name} {block.start} {block.stop} {name}\n"
        return hashlib.sha256(place.encode() + numbers).digest()

    def _part(self, block: slice, name: str) -> np.ndarray | None:
        """Return a file's part of a matrix, or None where it is not as it was written."""
        count = block.stop - block.start
        sizes = {n: _DIGEST + 4 * count * width for n, width in self.widths.items()}
        before = sum(list(sizes.values())[: list(sizes).index(name)])
        try:
            with self._path(block).open("rb") as file:
                if file.seek(0, 2) != sum(sizes.values()):
                    return None
                file.seek(before)
                digest, numbers = file.read(_DIGEST), file.read(sizes[name] - _DIGEST)
        except OSError:
            return None
        if digest != self._checksum(block, name, numbers):
            return None
        return np.frombuffer(numbers, "<f4").reshape(count, self.widths[name]).copy()
