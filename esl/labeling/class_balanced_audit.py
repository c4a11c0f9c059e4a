"""How good CBST's labels are, beside those of SSL and ESL (Table 4 with a third strategy).

CBST chooses the class anew, so its rows go by the class of the pseudo-label, and counts for other thresholds cannot be
read off a histogram: each set of thresholds takes a pass over the pixels.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE
from esl.errors import ShapeError
from esl.labeling.class_balanced import select_class_balanced
from esl.labeling.maps import PredictionMaps
from esl.labeling.selection import is_kept
from esl.labeling.thresholds import Counts, Thresholds

GROUPS = ("kept", "only", "relabelled")
"""All labels; those that neither SSL nor ESL keeps; those of another class than the prediction's."""


@dataclass
class ClassBalancedCounts:
    """Pixels by group, class of the pseudo-label and outcome, folded image by image."""

    thresholds: NDArray[np.uint16]
    """(C,) CBST's, over P, times 65535."""
    beside: Thresholds
    """SSL's and ESL's, which decide what only CBST keeps."""
    counts: Counts = field(init=False)
    """(3, C, 3): `GROUPS`, class, outcome (0 correct, 1 wrong, 2 unlabelled)."""

    def __post_init__(self) -> None:
        self.counts = np.zeros((len(GROUPS), len(self.thresholds), 3), np.int64)

    def update(self, maps: PredictionMaps, truth: NDArray[np.uint8] | None = None) -> None:
        """Count one image; `truth` (H, W) holds train ids, 255 = unlabelled; without it all pixels are unlabelled.

        Raises:
            ConfigError: the maps were derived without divisors.
            ShapeError: the truth has another size, or a class has no threshold.
        """
        if truth is not None and truth.shape != maps.label.shape:
            raise ShapeError(f"The label must have the maps' size {maps.label.shape}; got {truth.shape}.")
        label = select_class_balanced(maps, self.thresholds)
        kept = label != IGNORE
        by_others = is_kept(maps, self.beside, "max_prob") | is_kept(maps, self.beside, "entropy")
        outcome = np.full(label.shape, 2, np.int64)
        if truth is not None:
            outcome[truth != IGNORE] = 1
            outcome[truth == label] = 0  # where both are 255 nothing is kept, so nothing is counted
        cell = label.astype(np.int64) * 3 + outcome
        for group, mask in enumerate((kept, kept & ~by_others, kept & (label != maps.label))):
            folded = np.bincount(cell[mask], minlength=self.counts[group].size)
            self.counts[group] += folded.reshape(-1, 3)
