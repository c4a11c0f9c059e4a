"""The means that papers print beside each other: over 16, 13 and 7 classes, from one confusion matrix."""

import numpy as np
from numpy.typing import NDArray

from esl.classes import CITYSCAPES_7, CITYSCAPES_13, CITYSCAPES_16, CITYSCAPES_19, IGNORE, ClassSet
from esl.metrics.confusion import ConfusionMatrix

_FORMAT = "cityscapes"
SEVEN = CITYSCAPES_7
"""The classes that `merged_into_seven` counts."""


def subset_means(classes: ClassSet, matrix: ConfusionMatrix) -> dict[str, float]:
    """mIoU16, mIoU13 and mIoU7 in [0, 1], those that say less than all of `classes`.

    16 and 13 are means over SYNTHIA's shared classes: the predictions are the same, the other classes' rows are left
    out. For 7 the classes are merged first, in truth and prediction, as Mapillary's protocol groups them.
    """
    means = {}
    for subset in (CITYSCAPES_16, CITYSCAPES_13):
        if set(subset.names) < set(classes.names):
            means[f"mIoU{subset.num_classes}"] = matrix.miou(classes.index(name) for name in subset.names)
    merged = merged_into_seven(classes, matrix)
    return means if merged is None else {**means, "mIoU7": merged.miou()}


def merged_into_seven(classes: ClassSet, matrix: ConfusionMatrix) -> ConfusionMatrix | None:
    """The matrix over `SEVEN` of the same pixels; None where `classes` are none of Cityscapes' sets of 13 to 19."""
    if not set(CITYSCAPES_13.names) <= set(classes.names) <= set(CITYSCAPES_19.names):
        return None
    group = np.asarray([_group_of(name) for name in classes.names], np.intp)
    merged = ConfusionMatrix(SEVEN.num_classes)
    np.add.at(merged.counts, (group[:, None], group[None, :]), matrix.counts)
    return merged


def members(subset: str) -> tuple[str, ...]:
    """Class names behind a mean that `subset_means` gives."""
    return {"mIoU16": CITYSCAPES_16, "mIoU13": CITYSCAPES_13, "mIoU7": SEVEN}[subset].names


def _group_of(name: str) -> int:
    of_19, of_7 = (_table(s) for s in (CITYSCAPES_19, SEVEN))
    (file_id,) = np.flatnonzero(of_19 == CITYSCAPES_19.index(name))[:1]
    assert of_7[file_id] != IGNORE, name
    return int(of_7[file_id])


def _table(classes: ClassSet) -> NDArray[np.int16]:
    return classes.lookup(_FORMAT)
