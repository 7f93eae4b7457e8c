import hashlib
import math
import zipfile

import pytest
import torch
from safetensors.torch import save_file

from nst_utils import paths
from nst_utils.errors import NSTWarning
from nst_utils.images.samples import open_picture
from nst_utils.images.tensors import normalize, to_tensor
from nst_utils.networks import weights_file
from nst_utils.networks.backbone import load_backbone
from nst_utils.networks.oxford import read_oxford
from nst_utils.networks.state_dicts import match_names, read_state, unwrap_state
from nst_utils.networks.vgg19 import SPEC, WIDTHS
from nst_utils.networks.weights import find_moved, find_weights
from nst_utils.networks.weights_file import WeightsError

PLACES = [SPEC.layers.index(name) for name in WIDTHS]


def vgg19(form="features.{i}.{kind}", fill=0.01, dtype=torch.float32):
    """VGG19's convolutions, each tensor one number seen many times: the file is small."""
    state, inputs = {}, 3
    for (name, width), i in zip(WIDTHS.items(), PLACES, strict=True):
        weight = torch.full((1,), fill, dtype=dtype).expand(width, inputs, 3, 3)
        state[form.format(i=i, name=name, kind="weight")] = weight
        bias = torch.zeros(1, dtype=dtype).expand(width)
        state[form.format(i=i, name=name, kind="bias")] = bias
        inputs = width
    return state


FORMS = {
    "own names": vgg19(),
    "data parallel": vgg19("module.features.{i}.{kind}"),
    "wrapped": {"epoch": 7, "state_dict": vgg19("module.features.{i}.{kind}")},
    "lightning": {"state_dict": vgg19("model.vgg.features.{i}.{kind}"), "optimizer": [1, 2]},
    "features alone": vgg19("{i}.{kind}"),
    "model": {"model": vgg19(), "epoch": 7},
    "two deep": {"checkpoint": {"model_state_dict": vgg19()}, "lr": 0.1},
    "by layer": vgg19("{name}.{kind}"),
    "half precision": vgg19(dtype=torch.float16),
    "bfloat16": vgg19(dtype=torch.bfloat16),
}


@pytest.mark.parametrize("form", FORMS)
def test_state_dicts_as_training_scripts_save_them(tmp_path, form):
    torch.save(FORMS[form], tmp_path / "w.pth")
    assert load_backbone("vgg19", str(tmp_path / "w.pth")).trained


def test_safetensors_are_read(tmp_path):
    state = {name: tensor.clone() for name, tensor in vgg19(dtype=torch.float16).items()}
    save_file(state, tmp_path / "w.safetensors")
    assert load_backbone("vgg19", str(tmp_path / "w.safetensors")).trained


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"a": torch.ones(2)}, r"features.0.weight is missing.*1 tensors: a"),
        (vgg19() | {"features.1.running_mean": torch.ones(64)}, "batch normalization"),
        (vgg19() | {"features.0.weight": torch.ones(64, 3, 7, 7)}, r"shape \(64, 3, 7, 7\)"),
        ({"features.0.weight": torch.ones(2).to_sparse()}, "sparse"),
        ({"features.0.weight": torch.ones(2, device="meta")}, "on meta"),
        ({"features.0.weight": torch.empty(0), "x": torch.empty(0)}, "missing"),
        ({"epoch": 7, "note": "none"}, "not a dict with"),
        ([1, 2], "not list"),
        ({}, "expected a state dict"),
    ],
)
def test_other_forms_are_named(tmp_path, value, says):
    torch.save(value, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match=says) as caught:
        load_backbone("vgg19", str(tmp_path / "w.pth"))
    assert str(caught.value).isprintable()


def test_whole_models_and_pages_are_named(tmp_path):
    torch.save(torch.nn.ReLU(), tmp_path / "model.pth")
    with pytest.raises(WeightsError, match=r"pickled Python objects.*state_dict\(\)"):
        read_state(tmp_path / "model.pth")
    (tmp_path / "page.pth").write_bytes(b"<!DOCTYPE html><title>Sign in</title>")
    with pytest.raises(WeightsError, match="web page.*Sign in"):
        read_state(tmp_path / "page.pth")
    (tmp_path / "lfs.pth").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0")
    with pytest.raises(WeightsError, match="Git LFS pointer"):
        read_state(tmp_path / "lfs.pth")
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        archive.writestr("script/constants.pkl", b"")
    with pytest.raises(WeightsError, match="TorchScript"):
        read_state(tmp_path / "script.pt")


def test_a_zip_that_unpacks_to_much_is_refused_before(tmp_path, monkeypatch):
    monkeypatch.setattr(weights_file, "MOST_BYTES", 10_000_000)
    with zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", b"\0" * 20_000_000)
    assert (tmp_path / "bomb.pth").stat().st_size < 100_000
    with pytest.raises(WeightsError, match="over the limit"):
        read_state(tmp_path / "bomb.pth")


def test_a_small_file_of_huge_tensors_is_refused_before(tmp_path):
    torch.save({"a": torch.zeros(1).expand(30_000, 50_000)}, tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="its tensors take 5722 MB"):
        read_state(tmp_path / "w.pth")


def test_names_and_tensors_by_hand(tmp_path):
    state = {"x.a": torch.ones(1), "x.b": torch.zeros(1), "step": torch.tensor(3)}
    found = match_names(state, [["a", "b"], ["0", "1"]], "X", tmp_path)
    assert list(found) == ["a", "b"] and found["a"] == 1
    assert unwrap_state({"model": {"a": torch.ones(1)}}, tmp_path).keys() == {"a"}
    for odd in (math.nan, math.inf, -math.inf):
        with pytest.raises(WeightsError, match="x.b has numbers that are not finite"):
            match_names(state | {"x.b": torch.tensor([0, odd])}, [["x.a", "x.b"]], "X", tmp_path)


def oxford_state(order="BGR", scale=1.0, filters=1.0):
    """The packaged network under torchvision's names, its input in another order or unit."""
    state = {}
    tensors = read_oxford(find_weights("vgg19", "oxford").path)
    for i, (weight, bias) in zip(PLACES, tensors, strict=True):
        weight, bias = weight.decode(), bias.float()
        if i == 0:
            weight = (weight if order == "BGR" else weight.flip(1)) * scale * filters
            bias = bias * filters
        state[f"features.{i}.weight"], state[f"features.{i}.bias"] = weight.half(), bias
    return state


def test_a_deeper_network_is_refused(tmp_path):
    """ResNet-101 has every tensor of ResNet-50, in the same shapes, and more blocks."""
    weight = torch.ones(2, 2, 1, 1)
    state = {f"layer3.{i}.conv1.weight": weight for i in range(7)} | {
        "fc.weight": weight[..., 0, 0]
    }
    six = [f"layer3.{i}.conv1.weight" for i in range(6)]
    with pytest.raises(WeightsError, match=r"deeper network.*layer3\.6\.conv1"):
        match_names(state, [six], "ResNet-50", tmp_path)
    del state["layer3.6.conv1.weight"]
    beside = state | {"decoder.0.weight": weight}  # another network in the same file
    assert list(match_names(beside, [six], "ResNet-50", tmp_path)) == six


@pytest.mark.parametrize(
    ("order", "scale"), [("BGR", 1.0), ("RGB", 1.0), ("BGR", 255.0), ("RGB", 255.0)]
)
def test_weights_from_caffe_are_fed_what_they_expect(tmp_path, order, scale):
    torch.save(oxford_state(order, scale), tmp_path / "caffe.pth")
    x = normalize(to_tensor(open_picture("chelsea", 64)))
    layers = ["relu2_1", "relu4_1"]
    right = load_backbone("vgg19", "oxford").extract(x, layers)
    with pytest.warns(NSTWarning, match="Oxford's VGG19"):
        found = load_backbone("vgg19", str(tmp_path / "caffe.pth")).extract(x, layers)
    for name in layers:
        pair = torch.stack([right[name].flatten(), found[name].flatten()])
        assert torch.corrcoef(pair)[0, 1] > 0.98


def test_the_published_conversion_has_its_name(tmp_path, monkeypatch):
    from nst_utils.networks import registry

    path = tmp_path / "vgg19-d01eb7cb.pth"
    torch.save(vgg19(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert registry.KNOWN_FILES["d01eb7cb"] == "VGG19 (Oxford, from Caffe)"
    monkeypatch.setitem(registry.KNOWN_FILES, digest[:8], "VGG19 (Oxford, from Caffe)")
    assert find_weights("vgg19", str(path)).label == "VGG19 (Oxford, from Caffe)"


def resnet50(variance):
    from torchvision.models import resnet50

    torch.manual_seed(0)
    state = resnet50(weights=None).state_dict()
    state["bn1.running_var"] = state["bn1.running_var"] * variance
    return {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}


def test_resnet_weights_for_another_input_are_refused(tmp_path):
    torch.save(resnet50(0.9), tmp_path / "w.pth")
    load_backbone("resnet50", str(tmp_path / "w.pth"))
    torch.save(resnet50(3000.0), tmp_path / "w.pth")
    with pytest.raises(WeightsError, match="0 to 255"):
        load_backbone("resnet50", str(tmp_path / "w.pth"))


def test_resnet_as_a_sequence_of_its_parts(tmp_path):
    numbers = {name: str(i) for i, name in enumerate(("conv1", "bn1", "relu", "maxpool", "layer1",
                                                     "layer2", "layer3", "layer4"))}  # fmt: skip
    state = {
        f"backbone.{numbers[name.partition('.')[0]]}.{name.partition('.')[2]}": tensor
        for name, tensor in resnet50(1.0).items()
    }
    torch.save({"model": state}, tmp_path / "w.pth")
    assert load_backbone("resnet50", str(tmp_path / "w.pth")).trained


def test_a_broken_download_is_made_again_or_stops(monkeypatch, server, tmp_path):
    from .test_weights import put, source

    body = put(tmp_path / "x.pt").read_bytes()
    digest = hashlib.sha256(body).hexdigest()
    broken = tmp_path / "torch" / "hub" / "checkpoints" / "resnet50-0676ba61.pth"
    broken.parent.mkdir(parents=True)
    broken.write_bytes(b"PK\3\4" + bytes(1000))
    for name in ("auto", "torchvision"):
        with pytest.raises(
            WeightsError, match="wrong checksum.*remove the file.*a new download failed"
        ):
            find_weights("resnet50", name)
    server.files["/w.pth"] = body
    source(monkeypatch, url=f"{server.url}/w.pth", sha256=digest)
    assert find_weights("resnet50", "auto").path == paths.WEIGHTS / broken.name


def test_a_model_that_was_moved_is_found_by_name_and_by_checksum(monkeypatch, tmp_path):
    from .test_weights import put

    path = put(tmp_path / "new" / "mine.pt")
    put(tmp_path / "new" / "other.pt", {"y": torch.ones(3)})
    monkeypatch.setenv("NST_WEIGHTS_DIR", str(tmp_path / "new"))
    assert find_weights("vgg19", "/old/place/mine.pt").path == path
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    renamed = path.rename(path.with_name("renamed.pth"))
    assert find_moved("C:\\old\\mine.pt", digest) == renamed
    assert find_moved("mine.pt", "0" * 64) is None
