import copy
from functools import lru_cache

import pytest
from pastiche.vgg19 import VGG19

_read = lru_cache(VGG19.from_quantized_bin)


@pytest.fixture(autouse=True)
def weights_are_decoded_once(monkeypatch):
    """pastiche decodes its weights for every pair of pictures, which takes two seconds."""

    def from_quantized_bin(path, pooling="max"):
        return copy.deepcopy(_read(path, pooling))

    monkeypatch.setattr(VGG19, "from_quantized_bin", staticmethod(from_quantized_bin))
