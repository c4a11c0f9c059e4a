"""One image seen several times, at other scales and mirrored, and the probabilities of all views averaged."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from esl.config.faults import Faults
from esl.data.dataset import PairDataset
from esl.labeling.maps import derive_maps
from esl.pipelines.first_look import FirstLook

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


def decide(
    predict: Predict,
    pairs: PairDataset,
    image_id: str,
    *,
    size: tuple[int, int],
    label_size: tuple[int, int],
    order: Order,
    views: Views,
    look: FirstLook | None = None,
) -> NDArray[np.uint8]:
    """Train id of each pixel at a label's size, (H, W) uint8.

    Args:
        predict: (B, H, W, 3) uint8 -> (B, C, h, w) logits.
        pairs: where the image is.
        image_id: which image.
        size: (height, width) of the network's input at scale 1.
        label_size: (H, W) to decide at.
        order: whether logits or probabilities are resized, bilinear with corners aligned.
        views: how often to look.
        look: is shown the first logits of each image.
    """
    if views.is_single:
        image, valid = pairs.read_input(image_id, size)
        logits = predict(image[None])[0]
        if look is not None:
            look.add(logits, size, valid, image_id)
        return derive_maps(logits, label_size, interpolate=order, source=image_id).label
    total: torch.Tensor | None = None
    for scale in views.scales:
        scaled = (round(size[0] * scale), round(size[1] * scale))
        image, valid = pairs.read_input(image_id, scaled)
        for mirrored in (False, True) if views.flip else (False,):
            seen = image[:, ::-1] if mirrored else image
            logits = predict(np.ascontiguousarray(seen)[None])[0]
            if look is not None and total is None:
                look.add(logits, scaled, valid, image_id)
            probs = _probabilities(logits[..., ::-1] if mirrored else logits, label_size, order)
            total = probs if total is None else total.add_(probs)
    assert total is not None
    label: NDArray[np.uint8] = total.argmax(0).to(torch.uint8).numpy()
    return label


def _probabilities(logits: Logits, size: tuple[int, int], order: Order) -> torch.Tensor:
    values = torch.from_numpy(np.ascontiguousarray(logits, np.float32))[None]
    if order == "probs":
        values = values.softmax(1)
    values = interpolate(values, size=size, mode="bilinear", align_corners=True)
    return (values if order == "probs" else values.softmax(1))[0]
