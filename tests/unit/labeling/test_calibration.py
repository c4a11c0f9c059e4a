"""Calibration and AUROC from an audit's counts are those of the pixels, one by one."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from esl.labeling.audit import AuditHistogram
from esl.labeling.calibration import CALIBRATION_BINS, calibration
from esl.labeling.maps import PredictionMaps
from tests.unit.labeling.worlds import labelled_image

C = 5
NAMES = ("road", "wall", "sky", "car", "bus")
IMAGES = [labelled_image(seed, C) for seed in range(3)]


def folded(images: list[tuple[PredictionMaps, NDArray[np.uint8]]]) -> AuditHistogram:
    histogram = AuditHistogram(C)
    for maps, truth in images:
        histogram.update(maps, truth)
    return histogram


def pixels(of_class: int | None) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Right or wrong, max-prob and entropy of the labelled pixels predicted as a class, or of all."""
    right, sure, unsure = [], [], []
    for maps, truth in IMAGES:
        chosen = (truth != 255) & (maps.label != 255 if of_class is None else maps.label == of_class)
        right.append((truth == maps.label)[chosen])
        sure.append(maps.max_prob[chosen] / 65535)
        unsure.append(maps.entropy[chosen] / 65535)
    return np.concatenate(right), np.concatenate(sure), np.concatenate(unsure)


def plain_auroc(right: NDArray[np.bool_], score: NDArray[np.float64]) -> float:
    """Every right pixel against every wrong one."""
    difference = score[right][:, None] - score[~right][None]
    return float((difference > 0).mean() + (difference == 0).mean() / 2)


@pytest.mark.parametrize("of_class", [None, *range(C)])
def test_each_number_is_that_of_the_pixels(of_class: int | None) -> None:
    result = calibration(folded(IMAGES), NAMES)
    row = result.total if of_class is None else result.rows_by_class[of_class]
    right, sure, unsure = pixels(of_class)
    bins = np.minimum((sure * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    gaps = [(bins == b).mean() * abs(right[bins == b].mean() - sure[bins == b].mean()) for b in set(bins.tolist())]
    assert row.num_labelled == right.size
    assert row.share == pytest.approx(right.size / pixels(None)[0].size)
    assert row.accuracy == pytest.approx(right.mean())
    assert row.confidence == pytest.approx(sure.mean())
    assert row.ece == pytest.approx(sum(gaps))
    assert row.auroc_max_prob == pytest.approx(plain_auroc(right, sure))
    assert row.auroc_entropy == pytest.approx(plain_auroc(right, -unsure))


def test_a_score_that_orders_perfectly_has_auroc_one_and_one_that_says_nothing_a_half() -> None:
    label = np.zeros((2, 4), np.uint8)
    truth = np.array([[0, 0, 0, 0], [1, 1, 1, 1]], np.uint8)
    sure = np.array([[60000] * 4, [30000] * 4], np.uint16)
    flat = np.full((2, 4), 5000, np.uint16)
    row = calibration(folded([(PredictionMaps(label=label, max_prob=sure, entropy=flat), truth)]), NAMES).rows_by_class[
        0
    ]
    assert (row.auroc_max_prob, row.auroc_entropy) == (1.0, 0.5)
    assert row.accuracy == 0.5


def test_where_nothing_can_be_said_it_is_not_said() -> None:
    maps, truth = IMAGES[0]
    unlabelled = calibration(folded([(maps, np.full_like(truth, 255))]), NAMES)
    assert unlabelled.total.accuracy is None
    assert unlabelled.within_classes == {"max_prob": None, "entropy": None}
    all_right = calibration(folded([(maps, np.where(maps.label < 5, maps.label, 255).astype(np.uint8))]), NAMES)
    assert all_right.total.accuracy == 1
    assert all_right.total.auroc_entropy is None, "without a wrong pixel there is nothing to tell apart"
    assert "-" in all_right.to_text()
    json.dumps(all_right.to_json(), allow_nan=False)


def test_the_table_names_each_class_and_their_mean() -> None:
    result = calibration(folded(IMAGES), NAMES)
    lines = result.to_text().splitlines()
    assert [line.split()[0] for line in lines[3:]] == [*NAMES, "global", "mean"]
    mean = np.mean([row.auroc_entropy for row in result.rows_by_class])
    assert lines[-1].endswith(f"{100 * mean:.1f}")
    assert result.to_json()["auroc_within_classes"]["entropy"] == pytest.approx(mean)
