import hashlib
import importlib

import pytest

from nst_utils.networks.packaged import PackagedFile, PackagedFileError, open_session


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "a_package" / "models"
    folder.mkdir(parents=True)
    (tmp_path / "a_package" / "__init__.py").write_text("raise RuntimeError('was imported')")
    (folder / "net.onnx").write_bytes(b"a network")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    return folder / "net.onnx"


def file(content=b"a network", **changes) -> PackagedFile:
    given = {"package": "a_package", "inside": "models/net.onnx", "requirement": "a-package==1"}
    return PackagedFile(**given | {"sha256": hashlib.sha256(content).hexdigest()} | changes)


def test_a_file_is_found_without_importing_its_package(package):
    assert file().path() == package


def test_what_is_missing_or_another_one_is_told(package):
    for wrong in (file(package="no_such_package"), file(inside="models/other.onnx")):
        with pytest.raises(PackagedFileError, match="pip install a-package==1"):
            wrong.path()
    with pytest.raises(PackagedFileError, match="unexpected checksum"):
        open_session(file(b"another network"))
