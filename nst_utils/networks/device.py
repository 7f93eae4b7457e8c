"""The device and the number format to compute with, chosen by what this machine supports."""

import contextlib
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from ..errors import UnknownNameError
from ..parallel import core_quota


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """Replace the caller's settings of torch, and restore them afterwards.

    Gradients are on, inference mode and autocast off, float32 and the CPU the defaults. There are
    no more threads than cores in a container's quota.
    """
    default = torch.get_default_dtype()
    with contextlib.ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":  # the context slows every torch call
            stack.enter_context(torch.device("cpu"))
        if (threads := torch.get_num_threads()) > (quota := core_quota()):
            torch.set_num_threads(quota)  # more would wait for each other
            stack.callback(torch.set_num_threads, threads)
        if default != torch.float32:
            torch.set_default_dtype(torch.float32)
            stack.callback(torch.set_default_dtype, default)
        yield


def pick_device(name: str = "auto") -> torch.device:
    """Return the device to run on: ``auto`` prefers CUDA, then MPS, then the CPU.

    A device that this machine does not have raises `UnknownNameError`.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, ImportError):
        raise UnknownNameError(
            f"device {name!r} is not on this machine; use auto, cpu, cuda or mps"
        ) from None
    return device


def pick_precision(name: str, device: torch.device) -> torch.dtype:
    """Return the number format; ``auto`` is bfloat16 where the hardware supports it, else float32.

    Emulated bfloat16 would be slower than float32.
    """
    if name != "auto":
        return getattr(torch, name)
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        fast = _cpu_has_bfloat16()
    else:
        fast = False
    return torch.bfloat16 if fast else torch.float32


def explain_precision(name: str, dtype: torch.dtype, device: torch.device) -> str:
    """Return a number format's name, with the reason if it was chosen automatically.

    Examples
    --------
    >>> explain_precision("auto", torch.float32, torch.device("cpu"))
    'float32 (this cpu multiplies no bfloat16, which would be slower)'
    >>> explain_precision("float32", torch.float32, torch.device("cpu"))
    'float32'
    """
    form = str(dtype).removeprefix("torch.")
    if name != "auto":
        return form
    if dtype is torch.bfloat16:
        return f"{form} (this {device.type} multiplies it)"
    return f"{form} (this {device.type} multiplies no bfloat16, which would be slower)"


def _cpu_has_bfloat16() -> bool:
    return cpu_has_features(
        ["avx512_bf16", "amx_bf16", "bf16"],
        ["_is_avx512_bf16_supported", "_is_amx_tile_supported"],
    )


def cpu_has_features(features: Sequence[str], questions: Sequence[str]) -> bool:
    """Tell whether the processor has any of some features.

    They are keys of ``torch.cpu.get_capabilities()``. Before 2.12 torch has no such function; the
    `questions` are functions of ``torch.cpu`` that answer the same.
    """
    if hasattr(torch.cpu, "get_capabilities"):
        able = torch.cpu.get_capabilities()
        return any(able.get(name) for name in features)
    return any(getattr(torch.cpu, name, bool)() for name in questions)


def is_out_of_memory(error: Exception) -> bool:
    """Recognize memory that ran out; Linux, Windows and CUDA each have messages of their own."""
    text = str(error).lower()
    phrases = ("out of memory", "allocate memory", "not enough memory", "alloc_failed")
    return isinstance(error, MemoryError) or any(phrase in text for phrase in phrases)


def describe_machine(precision: str = "auto") -> str:
    """Describe the machine: processor, threads of torch, version of torch, number format."""
    name = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next((x.split(":")[1].strip() for x in lines if x.startswith("model name")), name)
    cpu = torch.device("cpu")
    form = explain_precision(precision, pick_precision(precision, cpu), cpu)
    return f"{name}, {torch.get_num_threads()} threads, torch {torch.__version__}, {form}"
