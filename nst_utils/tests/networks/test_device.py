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


def test_the_number_format_that_was_asked_for_is_named():
    assert device.describe_machine("float32").endswith(", float32")


def test_there_are_no_more_threads_than_a_containers_quota(monkeypatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(device, "core_quota", lambda: 1)
    torch.set_num_threads(3)
    try:
        with device.own_settings():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
