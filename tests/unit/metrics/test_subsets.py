"""Means over 16, 13 and 7 classes against sums written out by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from esl.classes import CAMVID_11, CITYSCAPES_7, CITYSCAPES_13, CITYSCAPES_16, CITYSCAPES_19
from esl.metrics.confusion import ConfusionMatrix
from esl.metrics.subsets import members, merged_into_seven, subset_means

GROUPS = {
    "flat": ("road", "sidewalk"),
    "construction": ("building", "wall", "fence"),
    "object": ("pole", "light", "sign"),
    "nature": ("vegetation", "terrain"),
    "sky": ("sky",),
    "human": ("person", "rider"),
    "vehicle": ("car", "truck", "bus", "train", "motorbike", "bicycle"),
}


def random_matrix(num_classes: int) -> ConfusionMatrix:
    matrix = ConfusionMatrix(num_classes)
    matrix.counts = np.random.default_rng(num_classes).integers(1, 1000, (num_classes, num_classes))
    return matrix


def iou(counts: NDArray[np.int64], rows: list[int]) -> float:
    """Of several classes as one: inside over union, in sums over pixels."""
    inside = sum(int(counts[t, p]) for t in rows for p in rows)
    either = sum(int(counts[t, p]) for t in range(len(counts)) for p in range(len(counts)) if t in rows or p in rows)
    return inside / either


def test_nineteen_classes_give_all_three_means() -> None:
    matrix = random_matrix(19)
    means = subset_means(CITYSCAPES_19, matrix)
    names = CITYSCAPES_19.names
    absent_16, absent_13 = {"terrain", "truck", "train"}, {"wall", "fence", "pole", "terrain", "truck", "train"}
    for key, absent in (("mIoU16", absent_16), ("mIoU13", absent_13)):
        own = [iou(matrix.counts, [i]) for i, name in enumerate(names) if name not in absent]
        assert means[key] == pytest.approx(np.mean(own), abs=1e-12)
    merged = [iou(matrix.counts, [names.index(n) for n in group]) for group in GROUPS.values()]
    assert means["mIoU7"] == pytest.approx(np.mean(merged), abs=1e-12)
    assert tuple(GROUPS) == CITYSCAPES_7.names


def test_smaller_sets_give_the_means_that_say_less() -> None:
    assert list(subset_means(CITYSCAPES_16, random_matrix(16))) == ["mIoU13", "mIoU7"]
    assert list(subset_means(CITYSCAPES_13, random_matrix(13))) == ["mIoU7"]
    assert subset_means(CITYSCAPES_7, random_matrix(7)) == {}
    assert subset_means(CAMVID_11, random_matrix(11)) == {}
    assert members("mIoU13") == CITYSCAPES_13.names


def test_merging_loses_no_pixel() -> None:
    matrix = random_matrix(19)
    merged = merged_into_seven(CITYSCAPES_19, matrix)
    assert merged is not None
    assert merged.counts.sum() == matrix.counts.sum()
