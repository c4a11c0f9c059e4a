"""Which device computes, and how precisely it can."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import torch

from esl.errors import ConfigError

DeviceName = Literal["auto", "cpu", "cuda"]
PrecisionName = Literal["auto", "fp32", "bf16"]
Precision = Literal["fp32", "bf16"]

NVIDIA_DEVICE = Path("/dev/nvidia0")
"""There where a driver runs a GPU, whether torch can use it or not."""


def resolve_device(device: DeviceName) -> str:
    """`cpu` or `cuda`.

    Where `auto` has to leave a GPU idle, a warning says why: a run of days must not end up on the CPU unnoticed.

    Raises:
        ConfigError: CUDA was asked for and torch can use none, or the name is unknown.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"Device must be auto, cpu or cuda; got {device!r}.")
    if device == "cpu":
        return "cpu"  # without a question to the driver, which may take seconds to wake
    fault = cuda_fault()
    if fault and device == "cuda":
        raise ConfigError(f"Device cuda needs an NVIDIA GPU that torch can use; {fault}. Say --device cpu.")
    if fault and NVIDIA_DEVICE.exists():
        warnings.warn(f"The CPU computes although there is an NVIDIA GPU: {fault}.", stacklevel=2)
    return "cpu" if fault else "cuda"


def cuda_fault() -> str:
    """Why torch cannot compute on this machine's GPU, in words; empty where it can."""
    built_for = torch.version.cuda
    if not torch.cuda.is_available():
        if not NVIDIA_DEVICE.exists():
            return "there is none"
        if built_for is None:
            return f"this torch ({torch.__version__}) is built without CUDA"
        return f"the driver does not fit torch {torch.__version__}, which is built for CUDA {built_for}"
    major, minor = torch.cuda.get_device_capability()
    if not _runs_on(major, minor, torch.cuda.get_arch_list()):
        return (
            f"torch {torch.__version__} has no kernels for {torch.cuda.get_device_name()} (compute capability "
            f"{major}.{minor})"
        )
    return ""


def _runs_on(major: int, minor: int, architectures: list[str]) -> bool:
    """Binaries (sm_) run on later GPUs of their generation, PTX (compute_) on any later one."""
    for architecture in architectures:
        kind, _, number = architecture.partition("_")
        digits = "".join(c for c in number if c.isdigit())  # sm_90a is for 9.0
        built = (int(digits[:-1]), int(digits[-1]))
        if kind == "sm" and built[0] == major and built <= (major, minor):
            return True
        if kind == "compute" and built <= (major, minor):
            return True
    return not architectures  # ROCm names none


def resolve_precision(precision: PrecisionName, device: str) -> Precision:
    """`fp32` or `bf16`; `auto` is bf16 where it is native, since only there it is faster.

    Raises:
        ConfigError: bf16 was asked for where the device only emulates it, or the name is unknown.
    """
    if precision not in ("auto", "fp32", "bf16"):
        raise ConfigError(f"Precision must be auto, fp32 or bf16; got {precision!r}.")
    native = has_native_bf16(device)
    if precision == "bf16" and not native:
        raise ConfigError(
            f"Precision bf16 needs a device with native bf16; this {device} has none. Say --precision fp32."
        )
    return "bf16" if native and precision != "fp32" else "fp32"


def has_native_bf16(device: str) -> bool:
    """Whether `device` multiplies bf16 in hardware: CUDA from Ampere on, x86 with AMX or AVX512-BF16."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return False
    # Torch has no public question for this; where it drops the private one, the answer is no and fp32 is used.
    checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    known: list[Callable[[], bool]] = [getattr(torch.cpu, name) for name in checks if hasattr(torch.cpu, name)]
    return any(check() for check in known)
