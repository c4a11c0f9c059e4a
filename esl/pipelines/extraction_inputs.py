"""What extraction asks of a network and of a data set; anything that has this much will do."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from esl.classes import ClassSet


class LogitSource(Protocol):
    """What gives logits: `esl.models.predictor.Predictor`, or a stand-in."""

    @property
    def info(self) -> Any:
        """With `num_classes` and `to_json()`, and `class_set`, the name of a built-in set, where its classes have names."""

    @property
    def device(self) -> str:
        """Resolved: `cpu` or `cuda`."""

    @property
    def precision(self) -> str:
        """Resolved: `fp32` or `bf16`."""

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32] | NDArray[np.float16]:
        """Images (B, H, W, 3) uint8 RGB -> logits (B, C, h, w)."""


def size_faults(size: tuple[int, int] | None) -> list[str]:
    """What is wrong with the (H, W) that images are resized to for a network, in words; None is to be found out."""
    return [f"size must be positive, got {size}"] if size is not None and min(size) < 1 else []


Regions = tuple[tuple[int, int], ...]
"""(h, w) of each image in a batch; less than the whole where the aspect ratio was kept."""


class ImageSource(Protocol):
    """The part of `esl.data.dataset.PairDataset` that extraction needs; it has no way to ask for a label."""

    @property
    def name(self) -> str: ...
    @property
    def root(self) -> Path: ...
    @property
    def split(self) -> str: ...

    @property
    def class_set(self) -> ClassSet:
        """Classes of the data set."""

    @property
    def label_format(self) -> str:
        """Format of its label files."""

    @property
    def image_ids(self) -> Sequence[str]:
        """All images."""

    def read_image(self, image_id: str) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB at the file's own size."""

    def read_input(self, image_id: str, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """The image at the network's size, and the (h, w) of its part that is image; the rest is padding."""
