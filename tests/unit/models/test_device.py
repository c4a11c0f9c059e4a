import warnings
from pathlib import Path

import pytest
import torch

from esl.errors import ConfigError
from esl.models import device
from esl.models.device import resolve_device, resolve_precision

HOPPER = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"]


def _machine(
    monkeypatch: pytest.MonkeyPatch, *, usable: bool, capability: tuple[int, int] = (9, 0), file: Path = Path("gone")
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: usable)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Test GPU")
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: HOPPER)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(device, "NVIDIA_DEVICE", file)


def test_precision_is_resolved_by_the_hardware(monkeypatch: pytest.MonkeyPatch) -> None:
    for native, auto in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(device, "has_native_bf16", lambda device, native=native: native)
        assert resolve_precision("auto", "cpu") == auto
        assert resolve_precision("fp32", "cpu") == "fp32"
    with pytest.raises(ConfigError, match="native bf16"):
        resolve_precision("bf16", "cpu")
    with pytest.raises(ConfigError, match="fp16"):
        resolve_precision("fp16", "cpu")  # type: ignore[arg-type]


def test_device_is_resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    _machine(monkeypatch, usable=False)
    assert resolve_device("auto") == "cpu"
    with pytest.raises(ConfigError, match="there is none.*--device cpu"):
        resolve_device("cuda")
    with pytest.raises(ConfigError, match="tpu"):
        resolve_device("tpu")  # type: ignore[arg-type]
    _machine(monkeypatch, usable=True)
    assert resolve_device("auto") == resolve_device("cuda") == "cuda"
    assert resolve_device("cpu") == "cpu"


def test_the_cpu_is_taken_without_waking_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> bool:
        raise AssertionError("the driver was asked")

    monkeypatch.setattr(torch.cuda, "is_available", fail)
    assert resolve_device("cpu") == "cpu"


def test_a_gpu_that_auto_leaves_idle_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    _machine(monkeypatch, usable=False, file=tmp_path / "nvidia0")
    with pytest.warns(UserWarning, match=r"although there is an NVIDIA GPU: the driver does not fit.*CUDA 13\.0"):
        assert resolve_device("auto") == "cpu"
    with pytest.raises(ConfigError, match="driver does not fit"):
        resolve_device("cuda")
    monkeypatch.setattr(torch.version, "cuda", None)
    with pytest.raises(ConfigError, match="built without CUDA"):
        resolve_device("cuda")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert resolve_device("cpu") == "cpu"  # as was asked for


@pytest.mark.parametrize(
    ("capability", "usable"),
    [((7, 0), False), ((7, 5), True), ((8, 9), True), ((9, 0), True), ((12, 1), True), ((13, 0), True)],
)
def test_a_gpu_without_kernels_is_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capability: tuple[int, int], usable: bool
) -> None:
    (tmp_path / "nvidia0").touch()
    _machine(monkeypatch, usable=True, capability=capability, file=tmp_path / "nvidia0")
    if usable:
        assert resolve_device("auto") == "cuda"
        return
    with pytest.warns(UserWarning, match=r"no kernels for Test GPU \(compute capability 7\.0\)"):
        assert resolve_device("auto") == "cpu"
    with pytest.raises(ConfigError, match="no kernels for Test GPU"):
        resolve_device("cuda")
