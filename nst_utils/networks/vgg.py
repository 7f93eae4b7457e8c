"""VGG networks (Simonyan and Zisserman, ICLR 2015): layers, construction, weights of any origin.

A module of its own for each network describes it by a `Vgg`. torch is imported when a network is
built, so that layers can be listed without it.
"""

from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from .spec import BackboneSpec

if TYPE_CHECKING:
    from torch import Tensor, nn

    from .weights_file import WeightsFile


@dataclass(frozen=True)
class Vgg:
    """A VGG network without its fully connected layers.

    Attributes
    ----------
    title : str
        Display name.
    blocks : tuple of (int, int)
        Convolutions and channels of each block.
    """

    title: str
    blocks: tuple[tuple[int, int], ...]

    @cached_property
    def widths(self) -> dict[str, int]:
        """Channels of each convolution, in order."""
        return {
            f"conv{block}_{i}": width
            for block, (count, width) in enumerate(self.blocks, start=1)
            for i in range(1, count + 1)
        }

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Every layer, in order: its place is torchvision's number."""
        names: list[str] = []
        for block, (count, _) in enumerate(self.blocks, start=1):
            for i in range(1, count + 1):
                names += [f"conv{block}_{i}", f"relu{block}_{i}"]
            names.append(f"pool{block}")
        return tuple(names)

    def spec(self, **more: Any) -> BackboneSpec:
        """Return the network's description; `more` are fields of `BackboneSpec`, as ``sources``."""
        first = tuple(f"relu{block}_1" for block in range(1, len(self.blocks) + 1))
        usual = {
            "title": self.title,
            "layers": self.layers,
            "halvings": frozenset(name for name in self.layers if name.startswith("pool")),
            "deep": tuple(
                f"{kind}{block}" for block in (4, 5) for kind in ("conv", "relu", "pool")
            ),
            "content_layer": "relu3_1",
            "style_layers": {layer: 2.0 if layer < "relu3" else 1.0 for layer in first},
            "judge_layers": first,
            "build": lambda weights: self.modules(self.read(weights)),
        }
        return BackboneSpec(**(usual | more))

    def modules(self, tensors: list[tuple[Any, "Tensor"]]) -> "nn.ModuleDict":
        """Return the modules by layer; of each convolution the weight and the bias are given.

        A weight may still be an `oxford.Table` of its values.
        """
        from torch import nn

        from .layers import Convolution
        from .oxford import decoded

        modules: dict[str, nn.Module] = {}
        convolutions = iter(tensors)
        for layer in self.layers:
            if layer.startswith("conv"):
                weight, bias = next(convolutions)
                modules[layer] = Convolution(partial(decoded, weight), bias)
            else:
                modules[layer] = nn.ReLU() if layer.startswith("relu") else nn.MaxPool2d(2, 2)
        return nn.ModuleDict(modules)

    def read(self, weights: "WeightsFile") -> list[tuple["Tensor", "Tensor"]]:
        """Return weight and bias of each convolution in a state dict of any origin, or random ones.

        Raises
        ------
        WeightsError
            If the file holds another network.
        """
        import torch

        from .state_dicts import match_names, read_state
        from .weights_file import WeightsError

        inward = pairwise([3, *self.widths.values()])
        shapes = {
            name: (width, inputs, 3, 3)
            for name, (inputs, width) in zip(self.widths, inward, strict=True)
        }
        if weights.path is None:
            generator = torch.Generator().manual_seed(0)
            # He et al., 2015: activations keep their scale through ReLUs.
            return [
                (
                    torch.randn(shape, generator=generator) * (2 / (shape[1] * 9)) ** 0.5,
                    torch.zeros(shape[0]),
                )
                for shape in shapes.values()
            ]
        state = read_state(weights.path)
        kinds = ("weight", "bias")
        places = [(name, self.layers.index(name)) for name in shapes]
        spellings = [
            [form.format(name=name, i=i, kind=kind) for name, i in places for kind in kinds]
            for form in ("features.{i}.{kind}", "{i}.{kind}", "{name}.{kind}")
        ]
        if any(name.endswith("features.1.running_mean") for name in state):
            raise WeightsError(
                f"{weights.path}: weights of VGG with batch normalization; give weights of "
                f"{self.title} without it"
            )
        matched = iter(match_names(state, spellings, self.title, weights.path).values())
        tensors = []
        for name, shape in shapes.items():
            weight, bias = next(matched), next(matched)
            if weight.shape != shape or bias.shape != shape[:1]:
                raise WeightsError(
                    f"{weights.path}: not weights of {self.title} ({name} has shape "
                    f"{tuple(weight.shape)}, expected {shape})"
                )
            tensors.append((weight.float(), bias.float()))
        return tensors
