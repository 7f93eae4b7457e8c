import pytest
import torch

from nst_utils.networks import device


@pytest.mark.parametrize(
    ("dtype", "said"), [(torch.float32, "no bfloat16"), (torch.bfloat16, "bfloat16 (this cpu")]
)
def test_the_machine_is_named_with_its_number_format(monkeypatch, dtype, said):
    monkeypatch.setattr(device, "pick_precision", lambda *_: dtype)
    name = device.describe_machine()
    assert said in name and torch.__version__ in name and "threads" in name
