import json
import sys

import numpy as np
import pytest
import torch

from nst_utils.images.colors import color_moments
from nst_utils.transfer.feedforward.generator import new_generator
from nst_utils.transfer.feedforward.network_file import NetworkError, StyleNetwork
from nst_utils.transfer.feedforward.onnx_file import export_network


@pytest.fixture
def network():
    moments = color_moments(torch.rand(1, 3, 9, 9, generator=torch.manual_seed(1)))
    return StyleNetwork(new_generator(0, (4, 5, 6), 1).eval(), *moments, {"steps": 3})


def test_other_programs_paint_the_same(network, tmp_path):
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason=f"needs the extra onnx: pip install {package}")
    import onnxruntime

    path = export_network(network, tmp_path / "net.onnx")
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    photos = [torch.rand(1, 3, *size) for size in ((48, 64), (61, 33), (16, 90))]
    gray = torch.rand(1, 1, 40, 40).expand(1, 3, 40, 40)
    for photo in (*photos, gray, torch.full((1, 3, 20, 20), 0.5)):
        [painted] = session.run(None, {"photo": photo.numpy()})
        np.testing.assert_allclose(painted, network.paint(photo).numpy(), rtol=0, atol=1e-3)
    assert json.loads(session.get_modelmeta().custom_metadata_map["nst_utils"]) == {"steps": 3}


def test_what_is_missing_is_named(network, tmp_path, monkeypatch):
    with pytest.raises(NetworkError, match="must end in .onnx"):
        export_network(network, tmp_path / "net.pt")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(NetworkError, match="pip install onnx onnxscript"):
        export_network(network, tmp_path / "net.onnx")
