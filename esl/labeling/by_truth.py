"""What becomes of the pixels of each true class: how many are kept, how many of those get another class, and which.

The other tables count by predicted class, as thresholds do, and there a class may look clean while half of its true pixels
are taught as something else: what it loses stands in the rows of the classes that took it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE
from esl.labeling.maps import PredictionMaps
from esl.labeling.selection import is_kept
from esl.labeling.text_table import aligned, percent_text
from esl.labeling.thresholds import CRITERIA, Counts, Thresholds

WHAT = ("all", *CRITERIA)
"""The first axis of the counts: every pixel, and what SSL (`max_prob`) and ESL (`entropy`) keep."""
_HEADER = (
    "true class",
    "pixels %",
    "wrong %",
    *(f"{s} {what}" for s in ("SSL", "ESL") for what in ("kept %", "wrong %", "mostly as")),
)


class TruthCounts:
    """Pixels by true and predicted class, of all and of what each criterion keeps; mergeable by addition."""

    def __init__(self, thresholds: Thresholds) -> None:
        """Begin with no pixel."""
        self.thresholds = thresholds
        num_classes = thresholds.num_classes
        self.counts: Counts = np.zeros((len(WHAT), num_classes, num_classes), np.int64)
        """(3, C, C): as `WHAT`, true class, predicted class."""

    def update(self, maps: PredictionMaps, truth: NDArray[np.uint8] | None) -> None:
        """Count one image; `truth` (H, W) holds train ids, 255 = unlabelled. Without it nothing is counted."""
        if truth is None:
            return
        num_classes = self.thresholds.num_classes
        is_known = (truth != IGNORE) & (maps.label != IGNORE)
        pair = truth.astype(np.int64) * num_classes + maps.label
        kept = [is_known & is_kept(maps, self.thresholds, criterion) for criterion in CRITERIA]
        for k, chosen in enumerate((is_known, *kept)):
            self.counts[k] += np.bincount(pair[chosen], minlength=num_classes**2).reshape(num_classes, num_classes)


@dataclass(frozen=True, kw_only=True)
class KeptOfClass:
    """What a criterion does with a true class; shares in [0, 1], None where there is no pixel."""

    kept: float | None
    """Of the class's pixels."""
    wrong: float | None
    """Of the kept ones: how many are taught as another class."""
    mostly_as: str
    """The class that takes most of those; empty where none is wrong."""


@dataclass(frozen=True, kw_only=True)
class TruthRow:
    """One true class, or all."""

    name: str
    num_pixels: int
    share: float | None
    """Of all labelled pixels."""
    wrong: float | None
    """Of the class's pixels, before any threshold."""
    max_prob: KeptOfClass
    entropy: KeptOfClass


@dataclass(frozen=True)
class TruthReport:
    """A set's pseudo-labels by true class."""

    rows: tuple[TruthRow, ...]
    """One for each class, and the last for all (`global`)."""

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values."""
        return [asdict(row) for row in self.rows]

    def to_text(self) -> str:
        """The table for a terminal: percentages, `-` where there is nothing to say."""
        title = "By ground truth: what is kept of each class, and how much of that is taught as another"
        return "\n".join([title, "", *aligned([_HEADER, *map(_cells, self.rows)])]) + "\n"


def truth_report(counts: Counts, names: Sequence[str]) -> TruthReport:
    """Shares of what `TruthCounts` counted.

    Args:
        counts: (3, C, C) as of `TruthCounts`.
        names: of the C classes.
    """
    every = int(counts[0].sum())
    rows = [_row(name, counts[:, c], c, every, names) for c, name in enumerate(names)]
    right, total = np.trace(counts, axis1=1, axis2=2), counts.sum(axis=(1, 2))
    of_all = [_kept(total[k], total[0], total[k] - right[k], "") for k in (1, 2)]
    wrong = _share(every - right[0], every)
    rows.append(
        TruthRow(
            name="global",
            num_pixels=every,
            share=_share(every, every),
            wrong=wrong,
            max_prob=of_all[0],
            entropy=of_all[1],
        )
    )
    return TruthReport(tuple(rows))


def _row(name: str, predicted: Counts, own: int, every: int, names: Sequence[str]) -> TruthRow:
    """From counts (3, C) of one true class by predicted class."""
    others = predicted.copy()
    others[:, own] = 0
    total, wrong = predicted.sum(axis=1), others.sum(axis=1)
    kept = [_kept(total[k], total[0], wrong[k], names[int(others[k].argmax())]) for k in (1, 2)]
    return TruthRow(
        name=name,
        num_pixels=int(total[0]),
        share=_share(total[0], every),
        wrong=_share(wrong[0], total[0]),
        max_prob=kept[0],
        entropy=kept[1],
    )


def _kept(kept: int, of: int, wrong: int, most: str) -> KeptOfClass:
    return KeptOfClass(kept=_share(kept, of), wrong=_share(wrong, kept), mostly_as=most if wrong else "")


def _share(part: int, whole: int) -> float | None:
    return float(part / whole) if whole else None


def _cells(row: TruthRow) -> tuple[str, ...]:
    cells = [row.name, percent_text(row.share), percent_text(row.wrong)]
    for criterion in (row.max_prob, row.entropy):
        cells += [percent_text(criterion.kept), percent_text(criterion.wrong), criterion.mostly_as or "-"]
    return tuple(cells)
