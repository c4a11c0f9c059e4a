"""One image seen several times, at other scales and mirrored, and the probabilities of all views averaged."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from esl.config.faults import Faults
from esl.data.dataset import PairDataset
from esl.labeling.maps import derive_maps
from esl.models.memory import memory_in_words

Logits = NDArray[np.float32] | NDArray[np.float16]
Predict = Callable[[NDArray[np.uint8]], Logits]
Order = Literal["logits", "probs"]


@dataclass(frozen=True, kw_only=True)
class Views:
    """How often a network looks at an image before a pixel is decided."""

    scales: tuple[float, ...] = (1.0,)
    """Of the network's input size."""
    flip: bool = False
    """Also mirrored."""

    def __post_init__(self) -> None:
        faults = Faults("The views of an evaluation")
        faults.check(bool(self.scales), "scales must hold one scale at least")
        for scale in self.scales:
            faults.check(0.1 <= scale <= 4, f"each scale must lie between 0.1 and 4, got {scale}")
        faults.raise_if_any()

    @property
    def is_single(self) -> bool:
        """One look at the input's own size, as every table of the paper has it."""
        return self.scales == (1.0,) and not self.flip

    def in_words(self) -> str:
        """For the protocol line."""
        if self.is_single:
            return "single scale"
        scales = ", ".join(f"{scale:g}" for scale in self.scales)
        return f"scales {scales}{' with flip' if self.flip else ''}, probabilities averaged"


ONE_LOOK = Views()
_TOO_LARGE = (
    "The probabilities of several looks must fit into the device's memory at the label's size, and these do not. Look once "
    "(no --scales, no --flip), or use another device (--device cpu)."
)
Input: TypeAlias = tuple[NDArray[np.uint8], tuple[int, int]]
"""An image (H, W, 3) as the network sees it, and the (h, w) of its part that is no padding."""


def read_views(pairs: PairDataset, image_id: str, size: tuple[int, int], views: Views) -> list[Input]:
    """The image at each of the scales.

    Args:
        pairs: where it is.
        image_id: which it is.
        size: (height, width) of the network's input at scale 1.
        views: how often the network will look.

    Raises:
        DataError: the image cannot be read.
    """
    return [pairs.read_input(image_id, (round(size[0] * scale), round(size[1] * scale))) for scale in views.scales]


def look_at(predict: Predict, inputs: Sequence[Input], views: Views) -> list[Logits]:
    """Logits (C, h, w) of each look, those of mirrored ones turned back.

    Args:
        predict: (B, H, W, 3) uint8 -> (B, C, h, w) logits.
        inputs: as `read_views` gives them.
        views: whether each is also looked at mirrored.
    """
    logits: list[Logits] = []
    for image, _ in inputs:
        logits.append(predict(image[None])[0])
        if views.flip:
            logits.append(predict(np.ascontiguousarray(image[:, ::-1])[None])[0][..., ::-1])
    return logits


def decide(
    logits: Sequence[Logits],
    label_size: tuple[int, int],
    *,
    order: Order,
    views: Views = ONE_LOOK,
    device: torch.device | str = "cpu",
    source: str = "the network's output",
) -> NDArray[np.uint8]:
    """Train id of each pixel at a label's size, (H, W) uint8.

    Args:
        logits: (C, h, w) of each look, as `look_at` gives them.
        label_size: (H, W) to decide at.
        order: whether logits or probabilities are resized, bilinear with corners aligned.
        views: how often it was looked at.
        device: where the probabilities of several looks are added up; `place_of` where it is another thread's.
        source: names the image in errors.

    Raises:
        DataError: the logits of a single look hold NaN or Inf.
        OutOfMemoryError: the probabilities of several looks do not fit into the device's memory.
    """
    if views.is_single:
        return derive_maps(logits[0], label_size, interpolate=order, source=source).label
    with memory_in_words(_TOO_LARGE):
        total = _probabilities(logits[0], label_size, order, device)
        for further in logits[1:]:
            total += _probabilities(further, label_size, order, device)
        label: NDArray[np.uint8] = total.argmax(0).to(torch.uint8).cpu().numpy()
    return label


def place_of(device: str) -> torch.device:
    """`device` as other threads must name it: a rank's GPU is the current one only in the thread that took it."""
    return torch.device("cuda", torch.cuda.current_device()) if device == "cuda" else torch.device(device)


def _probabilities(logits: Logits, size: tuple[int, int], order: Order, device: torch.device | str) -> torch.Tensor:
    # Logits are small; at the label's size they are megabytes, which stay where they are made.
    values = torch.from_numpy(np.ascontiguousarray(logits, np.float32))[None].to(device)
    if order == "probs":
        values = values.softmax(1)
    values = interpolate(values, size=size, mode="bilinear", align_corners=True)
    return (values if order == "probs" else values.softmax(1))[0]
