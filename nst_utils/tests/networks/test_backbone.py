import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.models import resnet50, vgg

from nst_utils.errors import NSTWarning, UnknownNameError
from nst_utils.images.samples import list_samples, open_picture
from nst_utils.images.tensors import denormalize, normalize, to_tensor
from nst_utils.networks import backbone as backbone_loader
from nst_utils.networks.backbone import Backbone, load_backbone, torchvision_state
from nst_utils.networks.layers import Convolution
from nst_utils.networks.oxford import (
    OXFORD_MEAN,
    OXFORD_SCALES,
    decoded,
    fold_oxford,
    read_oxford,
    rescale,
)
from nst_utils.networks.registry import BACKBONES
from nst_utils.networks.weights import find_weights
from nst_utils.networks.weights_file import WeightsError, WeightsFile

from ..conftest import tiny_backbone

X = torch.rand(1, 3, 40, 56, generator=torch.Generator().manual_seed(0))


def plain_vgg(x, tensors, stop):
    """Run convolutions as anybody would write it, to compare with."""
    found, names, convolutions = {}, BACKBONES["vgg19"].layers, iter(tensors)
    for name in names[: names.index(stop) + 1]:
        if name.startswith("conv"):
            weight, bias = next(convolutions)
            x = functional.conv2d(x, decoded(weight), bias, padding=1)
        else:
            x = functional.relu(x) if name.startswith("relu") else functional.max_pool2d(x, 2)
        found[name] = x
    return found


def test_normalize_and_its_inverse():
    assert torch.allclose(denormalize(normalize(X)), X, atol=1e-6)
    gray = normalize(torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
    assert torch.allclose(gray, torch.zeros(1, 3, 1, 1))


def test_folding_leaves_the_function_unchanged():
    tensors = read_oxford(find_weights("vgg19").path)
    bgr = (X * 255 - torch.tensor(OXFORD_MEAN).view(1, 3, 1, 1)).flip(1)
    original = plain_vgg(bgr, tensors, "conv2_1")
    folded = plain_vgg(normalize(X), fold_oxford(tensors), "conv2_1")
    # Zero padding stands for another gray, half a level off: compare away from the border.
    inside = (..., slice(6, -6), slice(6, -6))
    for name in ("conv1_1", "conv1_2"):
        scale = original[name].abs().mean()
        assert torch.allclose(original[name][inside], folded[name][inside], atol=1e-3 * scale)


def test_rescaling_divides_each_layer_by_its_constant():
    tensors = fold_oxford(read_oxford(find_weights("vgg19").path))
    before = plain_vgg(normalize(X), tensors, "relu4_2")
    after = plain_vgg(normalize(X), rescale(tensors, OXFORD_SCALES), "relu4_2")
    names = [name for name in BACKBONES["vgg19"].layers if name.startswith("conv")]
    for name, scale in list(zip(names, OXFORD_SCALES, strict=True))[:10]:
        for layer in (name, name.replace("conv", "relu")):
            size = after[layer].abs().mean()
            assert torch.allclose(before[layer] / scale, after[layer], atol=2e-4 * size)


def test_oxford_activations_are_of_order_one():
    backbone = load_backbone("vgg19")
    names = [name for name in backbone.layers if name.startswith("relu")]
    found = backbone.extract(normalize(to_tensor(open_picture("coffee", 256))), names)
    for name, tensor in found.items():
        assert 0.3 < tensor.mean() < 3, name


def test_extract_agrees_with_a_plain_forward_pass():
    backbone = load_backbone("vgg19")
    tensors = rescale(fold_oxford(read_oxford(find_weights("vgg19").path)), OXFORD_SCALES)
    expected = plain_vgg(normalize(X), tensors, "relu3_2")
    found = backbone.extract(normalize(X), expected)
    for name, tensor in expected.items():
        assert torch.allclose(found[name], tensor, atol=1e-4 * tensor.abs().mean() + 1e-6)


def test_no_later_layer_writes_into_a_tap():
    # torchvision's in-place ReLU overwrites the kept conv output: the trap of the report's code.
    backbone = tiny_backbone()
    alone = {name: backbone.extract(X, [name])[name].clone() for name in backbone.layers}
    together = backbone.extract(X, backbone.layers)
    for name in backbone.layers:
        assert torch.equal(alone[name], together[name]), name
    assert together["conv1_1"].min() < 0 <= together["relu1_1"].min()


def test_gradients_flow_through_taps_before_and_after_the_relu():
    backbone = tiny_backbone()
    x = X.clone().requires_grad_()
    found = backbone.extract(x, ["conv2_1", "relu2_1"])
    (found["conv2_1"].square().sum() + found["relu2_1"].sum()).backward()
    assert x.grad.abs().sum() > 0


def test_a_convolution_without_a_relu_is_not_rectified():
    """VGG19 has a ReLU after each; another network may not."""
    weights = torch.randn(2, 3, 3, 3, 3, generator=torch.Generator().manual_seed(0))
    one, two = (Convolution(lambda w=w: w, torch.zeros(3)) for w in weights)
    modules = nn.ModuleDict({"conv1_1": one, "conv1_2": two, "relu1_2": nn.ReLU()})
    network = Backbone("vgg19", modules, WeightsFile(None, "random", "toy", ""))
    x = weights[1, :1].tile(1, 1, 4, 4)
    [(_, found)] = network.read(x, ["relu1_2"])
    between = functional.conv2d(x, weights[0], padding=1)
    expected = functional.conv2d(between, weights[1], padding=1).relu()
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_the_network_is_cut_after_the_last_layer():
    backbone = tiny_backbone()
    calls = []
    for name, module in backbone._modules.items():
        module.register_forward_hook(lambda *_, name=name: calls.append(name))
    backbone.extract(X, ["relu2_1", "conv1_2"])
    assert "conv2_1" in calls
    assert "conv2_2" not in calls


def test_layers_come_one_by_one_as_the_network_reaches_them():
    network = load_backbone("vgg19").to("cpu", torch.float32)
    coming = network.read(normalize(X), ["relu2_1", "conv1_1"])
    assert next(coming)[0] == "conv1_1"
    assert not network._modules["conv1_2"]._ready  # nothing behind it was computed yet
    assert [name for name, _ in coming] == ["relu2_1"]
    with pytest.raises(UnknownNameError):
        next(network.read(normalize(X), ["relu9_1"]))


def test_order_and_unknown_layers():
    backbone = tiny_backbone()
    assert list(backbone.extract(X, ["pool1", "conv1_1"])) == ["pool1", "conv1_1"]
    with pytest.raises(UnknownNameError, match="did you mean 'conv4_1'.*conv1_1, relu1_1"):
        backbone.extract(X, ["conv41"])


def test_resnet_layers_are_torchvisions():
    backbone = load_backbone("resnet50", "random")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = resnet50(weights=None).eval()
    with torch.no_grad():
        x = normalize(X)
        stem = network.bn1(network.conv1(x))
        layer1 = network.layer1(network.maxpool(torch.relu(stem)))
        layer2 = network.layer2(layer1)
    names = ["bn1", "relu", "layer1", "layer1.2", "layer2.3", "layer2"]
    found = backbone.extract(x, names)
    assert list(found) == names
    assert torch.allclose(found["bn1"], stem, atol=1e-5)
    assert torch.allclose(found["layer1"], layer1, atol=1e-4)
    assert torch.allclose(found["layer2"], layer2, atol=1e-3)
    assert found["layer1"] is found["layer1.2"]
    # Erratum 7: as run, bn1 equals relu. Read rightly, it does not.
    assert not torch.equal(found["bn1"], found["relu"])


def test_report_keys_are_the_wrong_ones():
    """Erratum 1: in the report's Sequential, '4' is layer1 and '1' is bn1."""
    children = list(resnet50(weights=None).named_children())[:-2]
    assert [name for name, _ in children][:5] == ["conv1", "bn1", "relu", "maxpool", "layer1"]


def test_torchvision_state_of_vgg19_gives_torchvisions_features(tmp_path):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = vgg.make_layers(vgg.cfgs["E"]).eval()
    path = tmp_path / "vgg19.pth"
    torch.save({f"features.{k}": v for k, v in network.state_dict().items()}, path)
    backbone = load_backbone("vgg19", str(path))
    x = normalize(X)
    with torch.no_grad():
        expected = network[:22](x)  # up to conv4_2, in-place ReLUs and all
    assert torch.allclose(backbone.extract(x, ["conv4_2"])["conv4_2"], expected, atol=1e-5)
    assert backbone.trained
    assert backbone.weights_label == "VGG19 (vgg19.pth)"


def test_half_precision_resnet_file_without_its_classifier(tmp_path):
    state = resnet50(weights=None).state_dict()
    kept = {k: v.half() if v.ndim == 4 else v for k, v in state.items() if "fc." not in k}
    torch.save(kept, tmp_path / "r.pt")
    backbone = load_backbone("resnet50", str(tmp_path / "r.pt"))
    found = backbone.extract(normalize(X), ["conv1"])["conv1"]
    expected = functional.conv2d(normalize(X), kept["conv1.weight"].float(), stride=2, padding=3)
    assert torch.allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("name", ["vgg19", "resnet50"])
def test_weights_of_another_network_are_refused(tmp_path, name):
    torch.save({"layer.weight": torch.zeros(3)}, tmp_path / "x.pt")
    with pytest.raises(WeightsError, match="not weights of"):
        load_backbone(name, str(tmp_path / "x.pt"))


def test_untrained_is_said_and_seeded():
    with pytest.warns(NSTWarning) as warned:
        backbone = load_backbone("resnet50")
    assert "cannot be downloaded" in str(warned[0].message)
    assert "untrained" in str(warned[1].message)
    assert not backbone.trained
    assert "untrained" in backbone.weights_label
    backbone_loader._build.cache_clear()
    again = load_backbone("resnet50", "random")
    assert torch.equal(
        backbone.extract(X, ["conv1"])["conv1"], again.extract(X, ["conv1"])["conv1"]
    )


def test_random_vgg19_keeps_its_activations_alive():
    found = load_backbone("vgg19", "random").extract(normalize(X), ["relu1_1", "relu5_1"])
    assert found["relu5_1"].mean() > 0.05 * found["relu1_1"].mean()


def test_replicate_padding_leaves_no_frame():
    # On a flat picture, zeros at the border would look like an edge.
    flat = normalize(torch.full((1, 3, 32, 32), 0.8))
    spread = {}
    for padding in ("zero", "replicate"):
        tensor = load_backbone("vgg19", padding=padding).extract(flat, ["conv1_1"])["conv1_1"]
        spread[padding] = tensor.std(dim=(2, 3)).max()
    assert spread["replicate"] < 1e-4 < spread["zero"]


def test_average_pooling_passes_on_about_as_much():
    x = normalize(X)
    sizes = {
        pooling: load_backbone("vgg19", pooling=pooling).extract(x, ["pool2"])["pool2"].mean()
        for pooling in ("max", "average")
    }
    assert 0.6 < sizes["average"] / sizes["max"] < 1.4


def test_strides():
    vgg, resnet = load_backbone("vgg19"), load_backbone("resnet50", "random")
    assert [vgg.stride(n) for n in ("conv1_1", "pool1", "relu3_1", "relu5_1")] == [1, 2, 4, 16]
    assert [resnet.stride(n) for n in ("conv1", "maxpool", "layer1", "layer4")] == [2, 4, 4, 32]
    for backbone, layer in ((vgg, "relu3_1"), (resnet, "layer2"), (resnet, "layer3.0")):
        shape = backbone.extract(torch.zeros(1, 3, 64, 64), [layer])[layer].shape
        assert shape[-1] == 64 // backbone.stride(layer)


def test_bfloat16_is_close_to_float32():
    backbone = load_backbone("vgg19")
    exact = backbone.extract(normalize(X), ["relu4_1"])["relu4_1"]
    rough = backbone.to("cpu", torch.bfloat16).extract(normalize(X), ["relu4_1"])["relu4_1"]
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).norm() / exact.norm() < 0.05


@pytest.mark.parametrize(
    "call",
    [
        lambda: load_backbone("vgg18"),
        lambda: load_backbone("vgg19", pooling="l2"),
        lambda: load_backbone("vgg19", padding="reflect"),
    ],
)
def test_unknown_options(call):
    with pytest.raises(UnknownNameError):
        call()


def test_scales_are_the_mean_activations_over_the_samples():
    backbone = load_backbone("vgg19")
    names = [name for name in backbone.layers if name.startswith("relu")]
    # These came when the constants were made.
    later = ("hopper", "camera", "palace", "flower", "motorcycle")
    pictures = [
        name
        for name, sample in list_samples().items()
        if sample.kind != "painting" and name not in later
    ]
    means = torch.zeros(len(names))
    for name in pictures:
        found = backbone.extract(normalize(to_tensor(open_picture(name, 256))), names)
        means += torch.stack([tensor.mean() for tensor in found.values()]) / len(pictures)
    assert torch.allclose(means, torch.ones(len(names)), atol=0.03)


def test_torchvisions_module_takes_the_packages_weights():
    with torch.device("meta"):
        network = vgg.vgg19().features.eval()
    network.load_state_dict(torchvision_state("random"), assign=True)
    x = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    own = load_backbone("vgg19", "random").extract(x, ["conv3_1"])["conv3_1"]
    assert torch.allclose(network[:11](x), own, atol=1e-4)
