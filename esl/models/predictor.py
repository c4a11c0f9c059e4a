"""The one door to a network: images in, logits out, in NumPy.

Whatever makes the forward pass quick stays in here: batch norm folded into the convolutions, channels-last layout,
bf16 where the hardware multiplies it natively. What leaves is the main head at its own low resolution.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Literal, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from esl.errors import ConfigError, ShapeError
from esl.models.allocator import reuse_freed_memory
from esl.models.deeplab_v2 import MAIN_HEAD, AsppHead, DeepLabV2
from esl.models.weights import NetworkInfo, load_network

DeviceName = Literal["auto", "cpu", "cuda"]
PrecisionName = Literal["auto", "fp32", "bf16"]
Precision = Literal["fp32", "bf16"]


class Predictor:
    """A network that is ready to predict.

    Images are (B, H, W, 3) uint8 RGB arrays; logits are (B, C, h, w). In `fp32` they are float32, as the network
    gave them. In `bf16` they are float16 and relative to each pixel's maximum, which the softmax does not see and which
    keeps float16 finest where decisions are made; the heads themselves always run in float32.
    """

    info: NetworkInfo
    device: str
    """Resolved: `cpu` or `cuda`."""
    precision: Precision
    """Resolved; goes into the manifest of what is made from these logits."""

    def __init__(self, network: DeepLabV2, info: NetworkInfo, *, device: str, precision: Precision) -> None:
        """Take over `network`: it is folded and converted in place. `load` is the usual way in."""
        self.info, self.device, self.precision = info, device, precision
        self._dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        if device == "cpu":
            reuse_freed_memory()
        fold_batch_norm(network.eval())
        self._network = network.requires_grad_(False).to(device).to(memory_format=torch.channels_last)
        if precision == "bf16":
            _backbone_to(self._network, torch.bfloat16)

    @classmethod
    def load(
        cls,
        checkpoint: Path | str,
        *,
        device: DeviceName = "auto",
        precision: PrecisionName = "auto",
    ) -> Self:
        """Open a checkpoint (file, folder or run) for prediction.

        Args:
            checkpoint: what `resolve_checkpoint` takes.
            device: `auto` takes CUDA where there is one.
            precision: `auto` takes bf16 where the device has native instructions for it.

        Raises:
            CheckpointError: it cannot be opened.
            ConfigError: the machine has no such device or precision.
        """
        network, info = load_network(checkpoint)
        resolved = resolve_device(device)
        return cls(network, info, device=resolved, precision=resolve_precision(precision, resolved))

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32] | NDArray[np.float16]:
        """Logits of the main head.

        Args:
            images: (B, H, W, 3) uint8, RGB.

        Returns:
            (B, C, h, w) float32, or float16 relative to the pixel's maximum where `precision` is bf16. The last bits
            depend on B: who promises equal bytes on another run keeps the batches equal (one image each, say).

        Raises:
            ShapeError: another shape or type.
        """
        if images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8 or 0 in images.shape:
            raise ShapeError(
                f"Images must be (B, H, W, 3) uint8 RGB; got {images.shape} {images.dtype}. Stack them, decode to RGB."
            )
        with torch.inference_mode(), _exact_convolutions():
            batch = torch.from_numpy(np.ascontiguousarray(images)).to(self.device)
            # Permuted NHWC bytes are channels-last already; nothing is copied here.
            rgb = batch.permute(0, 3, 1, 2).float()
            logits = self._main_logits(self._network.normalise(rgb).to(self._dtype))
            if self.precision == "bf16":
                logits = _relative_half(logits)
            result: NDArray[np.float32] | NDArray[np.float16] = logits.contiguous().cpu().numpy()
        return result

    def _main_logits(self, x: Tensor) -> Tensor:
        for stage in self._network.stages:
            x = self._network.get_submodule(stage)(x)
        logits: Tensor = self._network.get_submodule(MAIN_HEAD)(x.float())
        return logits


def _exact_convolutions() -> AbstractContextManager[None]:
    """CUDA convolutions in full float32, by the same algorithm on every run; what is left out here, `flags` turns off."""
    flags: AbstractContextManager[None] = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)
    return flags


def _relative_half(logits: Tensor) -> Tensor:
    """Float16, relative to each pixel's maximum; finite where `logits` are, NaN where they are not.

    A class that is more than 65504 behind has probability 0 at 65504 as well, so nothing is lost by stopping there.
    """
    relative = (logits - logits.amax(1, keepdim=True)).clamp(min=torch.finfo(torch.float16).min)
    return torch.where(logits.isfinite(), relative, torch.nan).half()


def resolve_device(device: DeviceName) -> str:
    """`cpu` or `cuda`.

    Raises:
        ConfigError: CUDA was asked for and there is none, or the name is unknown.
    """
    if device not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"Device must be auto, cpu or cuda; got {device!r}.")
    has_cuda = torch.cuda.is_available()
    if device == "cuda" and not has_cuda:
        raise ConfigError("Device cuda needs an NVIDIA GPU that torch can use; there is none. Say --device cpu.")
    return "cuda" if has_cuda and device != "cpu" else "cpu"


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


def fold_batch_norm(network: nn.Module) -> None:
    """Merge each batch norm, with its running statistics, into the convolution registered just before it; in place.

    The module's order of registration is its order of execution in all backbones here. Evaluation mode only.
    """
    previous: nn.Module = nn.Identity()
    for name, child in list(network.named_children()):
        if isinstance(child, nn.BatchNorm2d) and isinstance(previous, nn.Conv2d):
            folded = fuse_conv_bn_eval(previous.double(), child.double())
            previous.weight, previous.bias = folded.weight, folded.bias
            previous.float()
            setattr(network, name, nn.Identity())
        else:
            fold_batch_norm(child)
        previous = child


def _backbone_to(network: DeepLabV2, dtype: torch.dtype) -> None:
    for child in network.children():
        if not isinstance(child, AsppHead):
            child.to(dtype)
