"""What SSL keeps, what ESL keeps, and where the difference lies."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esl.errors import ShapeError
from esl.labeling.boundary import DISTANCES, boundary_distance
from esl.labeling.maps import PredictionMaps
from esl.labeling.selection import is_kept
from esl.labeling.thresholds import Thresholds

NEITHER, BOTH, SSL_ONLY, ESL_ONLY = 0, 1, 2, 3
"""Values of a comparison map. Figure 2 (d) shows `SSL_ONLY`."""

GROUPS = ("neither", "both", "ssl_only", "esl_only")
"""Names of those values, in order."""

_OUTSIDE = 4


def compare(maps: PredictionMaps, thresholds: Thresholds) -> NDArray[np.uint8]:
    """(H, W): 0 kept by neither criterion, 1 by both, 2 by SSL alone, 3 by ESL alone; pixels outside count as neither."""
    by_ssl = is_kept(maps, thresholds, "max_prob")
    by_esl = is_kept(maps, thresholds, "entropy")
    table = np.asarray([[NEITHER, ESL_ONLY], [SSL_ONLY, BOTH]], np.uint8)
    return np.asarray(table[by_ssl.view(np.uint8), by_esl.view(np.uint8)])


@dataclass(frozen=True)
class ComparisonCounts:
    """Pixels in each group of one comparison map."""

    neither: int
    both: int
    ssl_only: int
    esl_only: int


def count_groups(maps: PredictionMaps, thresholds: Thresholds) -> ComparisonCounts:
    """Pixels of the valid region in each group."""
    groups = compare(maps, thresholds)[maps.label < 255]
    return ComparisonCounts(*(int(n) for n in np.bincount(groups, minlength=len(GROUPS))))


class BoundaryCounts:
    """How many pixels of each group lie within 1, 2, 4 and 8 pixels of a predicted and of a true border.

    Fold images with `update`, other workers with `merge`, then read `shares`.
    """

    def __init__(self) -> None:
        """Begin with no pixel."""
        shape = (len(GROUPS), DISTANCES[-1] + 2)
        self._predicted = np.zeros(shape, np.int64)
        self._true = np.zeros(shape, np.int64)

    def update(self, maps: PredictionMaps, thresholds: Thresholds, truth: NDArray[np.uint8] | None = None) -> None:
        """Count one image; without a truth only predicted borders.

        Raises:
            ShapeError: the truth does not have the maps' size.
        """
        if truth is not None and truth.shape != maps.label.shape:
            raise ShapeError(f"The label must have the maps' size {maps.label.shape}; got {truth.shape}.")
        inside = maps.label < 255
        groups = np.where(inside, compare(maps, thresholds), np.uint8(_OUTSIDE))
        self._predicted += _histogram(groups, boundary_distance(maps.label))
        if truth is not None and bool((truth != 255).any()):
            self._true += _histogram(groups, boundary_distance(np.where(inside, truth, np.uint8(255))))

    def merge(self, other: "BoundaryCounts") -> None:
        """Add another fold's pixels."""
        self._predicted += other._predicted
        self._true += other._true

    def shares(self) -> dict[str, dict[str, dict[str, float] | None]]:
        """`{border: {group: {distance: share}}}` with borders `predicted` and `true`, groups of `GROUPS` and `all`.

        None for a group without pixels, and for every true border when no image had a label.
        """
        return {"predicted": _shares(self._predicted), "true": _shares(self._true)}


def _histogram(groups: NDArray[np.uint8], distance: NDArray[np.uint8]) -> NDArray[np.int64]:
    width = DISTANCES[-1] + 2
    flat = np.bincount((groups.astype(np.int64) * width + distance).ravel(), minlength=(_OUTSIDE + 1) * width)
    return flat.reshape(_OUTSIDE + 1, width)[: len(GROUPS)]


def _shares(counts: NDArray[np.int64]) -> dict[str, dict[str, float] | None]:
    rows = {**dict(zip(GROUPS, counts, strict=True)), "all": counts.sum(axis=0)}
    return {
        name: {str(d): float(row[: d + 1].sum() / row.sum()) for d in DISTANCES} if row.sum() else None
        for name, row in rows.items()
    }
