import numpy as np
import pytest

from nst_utils.errors import NSTError
from nst_utils.experiments import feature_files
from nst_utils.experiments.feature_files import FeatureFiles

WIDTHS = {"state": 1, "mean": 3}


def _flip(path):
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)


def _save_as(change):
    """Rewrite the numbers of a file behind its back, as a matrix of numpy."""

    def damage(path):
        numbers = np.ones(path.stat().st_size // 4, np.float32)
        with path.open("wb") as file:
            np.save(file, change(numbers))

    return damage


DAMAGES = {
    "deleted": lambda path: path.unlink(),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + bytes(40)),
    "reshaped": _save_as(lambda numbers: numbers.reshape(1, -1)),
    "other dtype": _save_as(lambda numbers: numbers.astype(np.float16)),
    "garbage header": lambda path: path.write_bytes(b"garbage!" + path.read_bytes()[8:]),
    "flipped bit": _flip,
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
}
"""What may befall a file of descriptors; also used by the test of `style_features`."""


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr(feature_files, "ROWS", 4)
    files = FeatureFiles(tmp_path, 10, WIDTHS)
    for block in files.blocks():
        rows = np.arange(block.start, block.stop, dtype=np.float32)[:, None]
        files.save(block, {"state": np.ones_like(rows), "mean": rows * [1, 2, 3]})
    return files


def test_rows_come_back_as_they_were_written(files):
    assert [(b.start, b.stop) for b in files.blocks()] == [(0, 4), (4, 8), (8, 10)]
    expected = np.arange(10)[:, None] * np.array([1, 2, 3, 0]) + np.array([0, 0, 0, 1])
    np.testing.assert_array_equal(files.matrix("mean", "state"), expected)
    np.testing.assert_array_equal(files.load(slice(8, 10))["mean"], [[8, 16, 24], [9, 18, 27]])


@pytest.mark.parametrize("way", DAMAGES)
def test_damage_is_noticed(files, way):
    DAMAGES[way](sorted(files.folder.iterdir())[1])
    assert not files.load(slice(4, 8))["state"].any()  # to be computed again
    assert files.load(slice(0, 4))["state"].all()
    with pytest.raises(NSTError, match="rows-000004.bin: descriptors are missing or damaged"):
        files.matrix("state", "mean")


def test_a_file_of_other_rows_or_of_another_folder_is_not_taken(files, tmp_path):
    first, second, _ = sorted(files.folder.iterdir())
    second.write_bytes(first.read_bytes())
    assert not files.load(slice(4, 8))["state"].any()
    other = tmp_path / "other"
    other.mkdir()
    (other / first.name).write_bytes(first.read_bytes())
    assert not FeatureFiles(other, 10, WIDTHS).load(slice(0, 4))["state"].any()
