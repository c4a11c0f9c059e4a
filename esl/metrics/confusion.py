"""One confusion matrix over a data set, and the IoU that it gives (decision 5)."""

from collections.abc import Iterable
from typing import Self

import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE
from esl.errors import DataError, ShapeError


class ConfusionMatrix:
    """Counts of (true class, predicted class) over any number of images; matrices merge by addition."""

    def __init__(self, num_classes: int) -> None:
        self.counts: NDArray[np.int64] = np.zeros((num_classes, num_classes), np.int64)

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.counts)

    def update(self, truth: NDArray[np.uint8], prediction: NDArray[np.uint8]) -> None:
        """Count one image. Pixels whose truth is 255 do not count, whatever is predicted there.

        Args:
            truth: (H, W) uint8 train ids, 255 = ignore.
            prediction: (H, W) uint8 train ids.

        Raises:
            ShapeError: the two differ in size.
            DataError: a labelled pixel has a truth or a prediction that is no class.
        """
        if truth.shape != prediction.shape:
            raise ShapeError(
                f"Label and prediction must have one size: got {truth.shape} and {prediction.shape}. Derive the "
                "prediction at the label's size."
            )
        valid = truth != IGNORE
        true, predicted = truth[valid].astype(np.intp), prediction[valid].astype(np.intp)
        c = self.num_classes
        if true.size and max(int(true.max()), int(predicted.max())) >= c:
            wrong = sorted(
                {int(i) for i in np.unique(true[true >= c])} | {int(i) for i in np.unique(predicted[predicted >= c])}
            )
            raise DataError(f"Labelled pixels must have train ids 0 to {c - 1} in label and prediction; got {wrong}.")
        self.counts += np.bincount(c * true + predicted, minlength=c * c).reshape(c, c)

    def merge(self, other: "ConfusionMatrix") -> Self:
        """Add the counts of `other`, a matrix of as many classes."""
        if other.num_classes != self.num_classes:
            raise ShapeError(f"Matrices must have as many classes: got {self.num_classes} and {other.num_classes}.")
        self.counts += other.counts
        return self

    def iou(self) -> NDArray[np.float64]:
        """(C,) intersection over union in [0, 1]; NaN for a class in neither truth nor prediction."""
        hits = np.diag(self.counts).astype(np.float64)
        union = self.counts.sum(0) + self.counts.sum(1) - np.diag(self.counts)
        out = np.full(self.num_classes, np.nan)
        np.divide(hits, union, out=out, where=union > 0)
        return out

    def miou(self, subset: Iterable[int] | None = None) -> float:
        """Mean IoU over the classes that occur, in [0, 1]; NaN when none does.

        Args:
            subset: train ids to take the mean over (mIoU of 16 or 13 classes); all when not given.
        """
        iou = self.iou() if subset is None else self.iou()[list(subset)]
        present = iou[~np.isnan(iou)]
        return float(present.mean()) if present.size else float("nan")

    def accuracy(self) -> float:
        """Share of labelled pixels that are right; NaN without any."""
        total = int(self.counts.sum())
        return float(np.trace(self.counts)) / total if total else float("nan")
