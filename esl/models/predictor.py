"""The one door to a network: images in, logits out, in NumPy.

Whatever makes the forward pass quick stays in here: batch norm folded into the convolutions, channels-last layout,
bf16 where the hardware multiplies it natively. What leaves is the main head at its own low resolution.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from esl.errors import ShapeError
from esl.models.allocator import reuse_freed_memory
from esl.models.deeplab_v2 import MAIN_HEAD, AsppHead, DeepLabV2
from esl.models.device import DeviceName, Precision, PrecisionName, resolve_device, resolve_precision
from esl.models.memory import memory_in_words
from esl.models.weights import NetworkInfo, load_network

_ON_GPU = threading.Lock()
"""One thread at a time: cuDNN's flags are the process's, and a GPU takes turns anyway."""

_TOO_LARGE = (
    "A network and the maps of one batch must fit into the device's memory, and these do not. Three knobs: a smaller --size, "
    "fewer images a pass (--batch-size), or another device (--device cpu); a training or another tool on the same GPU may "
    "hold its memory."
)


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
        with memory_in_words(_TOO_LARGE):
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
        with torch.inference_mode(), _alone_on_gpu(self.device), memory_in_words(_TOO_LARGE):
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


@contextmanager
def _alone_on_gpu(device: str) -> Iterator[None]:
    """On CUDA: full float32, by the same algorithms on every run; a flag that were left out here would be turned off."""
    if device != "cuda":
        yield
        return
    with _ON_GPU, torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield


def _relative_half(logits: Tensor) -> Tensor:
    """Float16, relative to each pixel's maximum; finite where `logits` are, NaN where they are not.

    A class that is more than 65504 behind has probability 0 at 65504 as well, so nothing is lost by stopping there.
    """
    relative = (logits - logits.amax(1, keepdim=True)).clamp(min=torch.finfo(torch.float16).min)
    return torch.where(logits.isfinite(), relative, torch.nan).half()


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
