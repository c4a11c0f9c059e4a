"""Where in an image each class lies, counted over source labels: what CBST-SP multiplies P with before the arg max.

Paper: CBST ([27] of ESL), spatial priors; the reference code multiplies its probabilities with such an array.
"""

import hashlib
import os
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from esl.errors import ConfigError, DataError, ShapeError
from esl.labeling.folds import load_counts, save_counts
from esl.labeling.maps import SCALE

SMOOTHING = 0.0684
"""Standard deviation of the Gaussian over the map's height: CBST smooths with 70 pixels at Cityscapes' 1024 rows."""


@dataclass(frozen=True)
class SpatialPrior:
    """One map per class, (C, H, W) from 0 to 1 in steps of 1 / 65535."""

    steps: NDArray[np.int64]
    """(C, H, W), times 65535; each class's greatest value is 65535."""

    @property
    def num_classes(self) -> int:
        """C."""
        return int(self.steps.shape[0])

    @cached_property
    def digest(self) -> str:
        """Changes with the values."""
        return hashlib.sha256(np.ascontiguousarray(self.steps).tobytes()).hexdigest()[:16]

    def at(self, size: tuple[int, int]) -> NDArray[np.float32]:
        """(C, h, w) float32 at the resolution of logits, bilinear with aligned corners.

        By whole products and sums in float64, so that the bytes do not depend on the machine.
        """
        rows, columns = (_plan(n, low) for n, low in zip(size, self.steps.shape[1:], strict=True))
        values = self.steps / np.float64(SCALE)
        for axis, (first, second, weight) in ((1, rows), (2, columns)):
            shape = (-1, 1) if axis == 1 else (-1,)
            step = np.take(values, second, axis) - np.take(values, first, axis)
            values = np.take(values, first, axis) + step * weight.reshape(shape)
        return values.astype(np.float32)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the maps as a compressed .npz, whole or not at all."""
        save_counts(path, {"prior": self.steps})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "SpatialPrior":
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing, damaged or of another kind.
        """
        if not os.path.isfile(path):
            raise DataError(f"Spatial priors must be a file of `spatial-prior`; there is none at {os.fspath(path)}.")
        try:
            (steps,) = load_counts(path, ("prior",))
        except DataError as error:  # which takes the file for a cache that may be deleted
            raise DataError(
                f"Spatial priors must be a file of `spatial-prior`; {os.fspath(path)} is another kind of file, or damaged."
            ) from error
        if steps.ndim != 3 or min(steps.shape) < 1 or steps.min() < 0 or steps.max() > SCALE:
            raise DataError(f"{os.fspath(path)} must hold maps (C, H, W) of 0 to 65535. Make it anew.")
        return cls(steps)


class ClassFrequencies:
    """How often each class lies at each place, folded label by label."""

    def __init__(self, num_classes: int, size: tuple[int, int]) -> None:
        """Begin with no label of `size` (H, W).

        Raises:
            ConfigError: the size is not positive.
        """
        if min(size) < 1:
            raise ConfigError(f"Maps of a spatial prior must have a height and a width of at least 1; got {size}.")
        self.counts = np.zeros((num_classes, *size), np.int64)

    def update(self, label: NDArray[np.uint8]) -> None:
        """Count one label (H, W) of train ids, 255 = ignore.

        Raises:
            ShapeError: another size, or a class that is not there.
        """
        if label.shape != self.counts.shape[1:]:
            raise ShapeError(f"Labels of a spatial prior must be {self.counts.shape[1:]}; got {label.shape}.")
        known = label < len(self.counts)
        if not bool((known | (label == 255)).all()):
            raise ShapeError(
                f"Labels must name classes 0 to {len(self.counts) - 1} or 255; got {label[~known].tolist()[0]}."
            )
        rows, columns = np.nonzero(known)
        np.add.at(self.counts, (label[known], rows, columns), 1)

    def prior(self, smoothing: float = SMOOTHING) -> SpatialPrior:
        """The smoothed frequencies, each class over its own greatest: where it lies, not how often it occurs.

        How often is what the portions balance. A class that no label holds is left as it is: 1 everywhere.

        Args:
            smoothing: standard deviation of the Gaussian as a share of the height; 0 does not smooth.

        Raises:
            ConfigError: a negative or infinite smoothing.
        """
        require_smoothing(smoothing)
        steps = np.full(self.counts.shape, SCALE, np.int64)
        for c, counts in enumerate(self.counts):
            if not counts.any():
                continue
            values = counts.astype(np.float64)
            if smoothing > 0:
                blurred = cv2.GaussianBlur(values, (0, 0), smoothing * len(values), borderType=cv2.BORDER_REPLICATE)
                values = np.asarray(blurred, np.float64)
            steps[c] = np.floor(SCALE * values / values.max() + 0.5)
        return SpatialPrior(steps)


def require_smoothing(smoothing: float) -> None:
    """Refuse a smoothing before labels are read for it.

    Raises:
        ConfigError: it is negative or infinite.
    """
    if not 0 <= smoothing <= 10:
        raise ConfigError(f"Smoothing must be a share of the height from 0 to 10; got {smoothing}.")


def _plan(size: int, low: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """For each of `size` places the one before it among `low`, the one after it, and the weight of the latter."""
    steps = max(size - 1, 1)
    first, rest = np.divmod(np.arange(size, dtype=np.int64) * (low - 1), steps)
    return first, np.minimum(first + 1, low - 1), rest / steps
