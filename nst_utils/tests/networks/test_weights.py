import hashlib
import pickle
import time

import pytest
import torch

from nst_utils import paths
from nst_utils.errors import NSTWarning, UnknownNameError
from nst_utils.networks import registry, weights
from nst_utils.networks.oxford import read_oxford
from nst_utils.networks.state_dicts import read_state
from nst_utils.networks.weights import find_weights, locate_source
from nst_utils.networks.weights_file import WeightsError

STATE = {"conv1.weight": torch.ones(2, 2)}


def put(path, value=STATE):
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(value, path)
    return path


def source(monkeypatch, backbone="resnet50", **changes):
    """Change what the registry says of torchvision's weights."""
    import dataclasses

    spec = registry.BACKBONES[backbone]
    changed = dataclasses.replace(spec.sources["torchvision"], **changes)
    monkeypatch.setitem(spec.sources, "torchvision", changed)
    return changed


def test_oxford_comes_with_a_package_and_decodes_within_seconds():
    found = find_weights("vgg19")
    assert (found.source, found.label, found.trained) == ("oxford", "VGG19 (Oxford)", True)
    began = time.perf_counter()
    tensors = read_oxford(found.path)
    assert time.perf_counter() - began < 5  # 0.3 s when the machine is free
    assert [tuple(w.decode().shape[:2]) for w, _ in tensors][:3] == [(64, 3), (64, 64), (128, 64)]
    assert len(tensors) == 16


def test_oxford_decodes_to_its_tables():
    path = find_weights("vgg19", "oxford").path
    state = read_state(path)
    (weight, _), *_ = read_oxford(path)
    index = state["block1_conv1_W_q"][5, 1, 2, 0].item()
    assert weight.decode()[5, 1, 2, 0] == state["block1_conv1_W_table"][index]


@pytest.mark.parametrize("place", ["NST_WEIGHTS_DIR", "data", "torch"])
def test_named_source_is_found_in_each_folder(monkeypatch, tmp_path, place):
    known = source(monkeypatch, sha256="")
    if place == "NST_WEIGHTS_DIR":
        monkeypatch.setenv("NST_WEIGHTS_DIR", str(tmp_path / "mine"))
        folder = tmp_path / "mine"
    elif place == "data":
        folder = paths.WEIGHTS
    else:
        folder = tmp_path / "torch" / "hub" / "checkpoints"
    path = put(folder / known.filename)
    assert locate_source("resnet50", "torchvision") == [path]
    assert find_weights("resnet50", "torchvision").path == path
    assert find_weights("resnet50", "auto").label == "ResNet-50 (torchvision)"


def test_wrong_checksum_is_refused(monkeypatch):
    put(paths.WEIGHTS / registry.BACKBONES["resnet50"].sources["torchvision"].filename)
    with pytest.raises(WeightsError, match="wrong checksum.*0676ba61"):
        find_weights("resnet50", "torchvision")


def test_a_bad_file_does_not_hide_a_good_one(monkeypatch, tmp_path):
    good = put(tmp_path / "torch" / "hub" / "checkpoints" / "resnet50-0676ba61.pth")
    source(monkeypatch, sha256=hashlib.sha256(good.read_bytes()).hexdigest())
    (paths.WEIGHTS).mkdir()
    (paths.WEIGHTS / good.name).write_bytes(b"cut short")
    assert find_weights("resnet50", "torchvision").path == good
    assert find_weights("resnet50", "auto").path == good


def test_auto_passes_over_files_that_only_have_the_name(monkeypatch, tmp_path):
    (tmp_path / "resnet50_a.pt").write_text("notes")
    path = put(tmp_path / "resnet50_b.pt")
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(tmp_path))
    with pytest.warns(NSTWarning, match="skipped.*resnet50_a.pt"):
        assert find_weights("resnet50").path == path


def test_local_file_by_path_and_by_folder(monkeypatch, tmp_path):
    path = put(tmp_path / "brought" / "mine.pt")
    assert find_weights("resnet50", str(path)).path == path
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(path.parent))
    found = find_weights("resnet50", "mine.pt")
    assert (found.path, found.label, found.source) == (path, "ResNet-50 (mine.pt)", "file")
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_auto_takes_a_file_named_after_the_backbone(monkeypatch, tmp_path):
    path = put(tmp_path / "resnet50_mine.pth")
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(tmp_path))
    assert find_weights("resnet50").path == path


def test_known_checksums_have_display_names(monkeypatch, tmp_path):
    path = put(tmp_path / "x.pt")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    monkeypatch.setitem(weights.KNOWN_FILES, digest, "ResNet-50 (famous)")
    assert find_weights("resnet50", str(path)).label == "ResNet-50 (famous)"


def test_download_when_nothing_is_here(monkeypatch, server, tmp_path):
    body = put(tmp_path / "x.pt").read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    server.files["/w.pth"] = body
    source(monkeypatch, url=f"{server.url}/w.pth", sha256=digest[:8])
    found = find_weights("resnet50", "torchvision")
    assert found.path.parent == paths.WEIGHTS
    assert found.sha256 == digest


def test_named_source_that_is_not_to_be_had_lists_the_ways_out():
    with pytest.raises(WeightsError, match="NST_WEIGHTS_DIR.*weights=FILE.pt") as caught:
        find_weights("resnet50", "torchvision")
    assert "resnet50-0676ba61.pth" in str(caught.value)
    assert "random" in str(caught.value)


def test_auto_goes_on_untrained(monkeypatch):
    monkeypatch.setenv("NST_WEIGHTS_DIR", "no-such-folder")
    with pytest.warns(NSTWarning) as warned:
        found = find_weights("resnet50", "auto")
    assert [str(warning.message).split(":")[0] for warning in warned] == [
        "NST_WEIGHTS_DIR=no-such-folder",
        "ResNet-50 (torchvision) is not on this machine and cannot be downloaded (http",
        "ResNet-50 (kill-the-bits) is not on this machine and cannot be downloaded (http",
    ]
    assert (found.trained, found.label) == (False, "ResNet-50 (untrained)")


def test_missing_file_and_unknown_source():
    with pytest.raises(WeightsError, match="looked in"):
        find_weights("vgg19", "nothing.pth")
    with pytest.raises(UnknownNameError, match="did you mean 'oxford'"):
        find_weights("vgg19", "oxfrod")


class Evil:
    def __reduce__(self):
        return (print, ("code was run",))


@pytest.mark.parametrize("content", ["code", "text", "empty", "list"])
def test_files_are_never_unpickled(tmp_path, capsys, content):
    path = tmp_path / "bad.pt"
    if content == "code":
        torch.save({"x": Evil()}, path)
    elif content == "text":
        path.write_text("no weights")
    elif content == "empty":
        path.write_bytes(b"")
    else:
        path.write_bytes(pickle.dumps([1, 2], protocol=2))
    with pytest.raises(WeightsError, match="bad.pt") as caught:
        read_state(path)
    assert "code was run" not in capsys.readouterr().out
    assert "\n" not in str(caught.value)


def test_a_changed_file_is_summed_again(tmp_path):
    path = put(tmp_path / "a.pt")
    first = find_weights("vgg19", str(path)).sha256
    put(path, {"other": torch.zeros(9)})
    assert find_weights("vgg19", str(path)).sha256 != first
