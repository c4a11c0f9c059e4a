"""How far max-prob can be believed, and which score tells wrong from right: what decides between SSL and ESL.

Thresholds keep the surest pixels of each predicted class. That helps as far as sure pixels are right more often than
others; both questions are answered exactly from the counts of an audit, before any threshold.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esl.labeling.audit import AuditHistogram
from esl.labeling.folds import NUM_BINS
from esl.labeling.maps import SCALE
from esl.labeling.text_table import aligned, percent_text
from esl.labeling.thresholds import Counts

CALIBRATION_BINS = 15
"""Equal bins of max-prob, as the literature has it (Guo et al. 2017)."""
_CONFIDENCE = np.arange(NUM_BINS) / SCALE
_BIN_OF_SCORE = np.minimum((_CONFIDENCE * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)
_HEADER = ("class", "predicted %", "accuracy %", "mean max-prob %", "ECE %", "AUROC max-prob %", "AUROC entropy %")


@dataclass(frozen=True, kw_only=True)
class CalibrationRow:
    """One predicted class, or all; shares in [0, 1]. None where no pixel says anything."""

    name: str
    num_labelled: int
    """Pixels with ground truth that were predicted as this class."""
    share: float | None
    """Of all labelled pixels: how much of the prediction is this class."""
    accuracy: float | None = None
    confidence: float | None = None
    """Mean max-prob; above `accuracy` the network is surer than it may be."""
    ece: float | None = None
    """Expected calibration error: mean |accuracy - confidence| of `CALIBRATION_BINS` bins, weighted by pixels."""
    auroc_max_prob: float | None = None
    """Chance that a right pixel has a higher max-prob than a wrong one (ties count half); 0.5 tells nothing apart."""
    auroc_entropy: float | None = None
    """Chance that a right pixel has a lower entropy than a wrong one."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """Calibration of a set's predictions, and how well either score orders them. Paper: Sec. 3.3, the reason for ESL."""

    rows_by_class: tuple[CalibrationRow, ...]
    total: CalibrationRow
    """All pixels together (`global`)."""
    within_classes: Mapping[str, float | None]
    """AUROC of `max_prob` and `entropy`, mean over classes: thresholds are per class, so this is what they can use."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        rows = [asdict(row) for row in self.rows_by_class]
        return {"classes": rows, "global": asdict(self.total), "auroc_within_classes": dict(self.within_classes)}

    def to_text(self) -> str:
        """The table for a terminal: percentages, `-` where there is nothing to say."""
        rows = [_cells(row) for row in (*self.rows_by_class, self.total)]
        mean = [percent_text(self.within_classes[name]) for name in ("max_prob", "entropy")]
        rows.append(("mean of classes", *[""] * (len(_HEADER) - 3), *mean))
        title = "Calibration, and which score tells wrong from right (AUROC; 50 % tells nothing apart)"
        return "\n".join([title, "", *aligned([_HEADER, *rows])]) + "\n"


def calibration(histogram: AuditHistogram, names: Sequence[str]) -> Calibration:
    """The calibration of what an audit counted.

    Args:
        histogram: of maps and ground truth.
        names: of its C classes.
    """
    right, wrong = histogram.marginals[:, :, 0], histogram.marginals[:, :, 1]
    every = int(right[0].sum() + wrong[0].sum())
    rows = tuple(_row(name, right[:, c], wrong[:, c], every) for c, name in enumerate(names))
    return Calibration(
        rows_by_class=rows,
        total=_row("global", right.sum(axis=1), wrong.sum(axis=1), every),
        within_classes={
            "max_prob": _mean(row.auroc_max_prob for row in rows),
            "entropy": _mean(row.auroc_entropy for row in rows),
        },
    )


def _row(name: str, right: Counts, wrong: Counts, every: int) -> CalibrationRow:
    """From counts (2, 65536) by criterion and score."""
    pixels = right[0] + wrong[0]
    total = int(pixels.sum())
    if total == 0:
        return CalibrationRow(name=name, num_labelled=0, share=0.0 if every else None)
    gap = _in_bins(right[0].astype(np.float64)) - _in_bins(pixels * _CONFIDENCE)
    return CalibrationRow(
        name=name,
        num_labelled=total,
        share=total / every,
        accuracy=float(right[0].sum() / total),
        confidence=float((pixels * _CONFIDENCE).sum() / total),
        ece=float(np.abs(gap).sum() / total),
        auroc_max_prob=_auroc(higher=right[0], lower=wrong[0]),
        auroc_entropy=_auroc(higher=wrong[1], lower=right[1]),
    )


def _in_bins(by_score: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.bincount(_BIN_OF_SCORE, weights=by_score, minlength=CALIBRATION_BINS).astype(np.float64)


def _auroc(*, higher: Counts, lower: Counts) -> float | None:
    """Chance that a pixel of `higher` has the higher score than one of `lower`, from counts by score."""
    pairs = float(higher.sum()) * float(lower.sum())
    if pairs == 0:
        return None
    # Doubles: the pairs of a large set do not fit 64-bit integers.
    below = np.cumsum(lower, dtype=np.float64) - lower
    return float((higher * (below + lower / 2)).sum() / pairs)


def _mean(values: Iterable[float | None]) -> float | None:
    present = [v for v in values if v is not None]
    return float(np.mean(present)) if present else None


def _cells(row: CalibrationRow) -> tuple[str, ...]:
    values = (row.share, row.accuracy, row.confidence, row.ece, row.auroc_max_prob, row.auroc_entropy)
    return (row.name, *map(percent_text, values))
