"""IoU against an independent computation, set by set."""

import numpy as np
import pytest

from esl.errors import DataError, ShapeError
from esl.metrics.confusion import ConfusionMatrix


def independent_iou(truth: np.ndarray, prediction: np.ndarray, num_classes: int) -> list[float]:
    out = []
    for c in range(num_classes):
        mask = truth != 255
        both = np.sum((truth == c) & (prediction == c) & mask)
        either = np.sum(((truth == c) | (prediction == c)) & mask)
        out.append(both / either if either else float("nan"))
    return out


def test_iou_equals_sets_of_pixels() -> None:
    rng = np.random.default_rng(1)
    truth = rng.integers(0, 5, (40, 30)).astype(np.uint8)
    truth[rng.random((40, 30)) < 0.2] = 255
    prediction = rng.integers(0, 6, (40, 30)).astype(np.uint8)
    matrix = ConfusionMatrix(8)
    matrix.update(truth[:20], prediction[:20])
    other = ConfusionMatrix(8)
    other.update(truth[20:], prediction[20:])
    matrix.merge(other)
    expected = independent_iou(truth, prediction, 8)
    np.testing.assert_allclose(matrix.iou(), expected)
    assert np.isnan(matrix.iou()[6:]).all()
    assert matrix.miou() == pytest.approx(np.nanmean(expected))
    assert matrix.miou((0, 2, 7)) == pytest.approx(np.nanmean([expected[0], expected[2], expected[7]]))
    kept = truth != 255
    assert matrix.accuracy() == pytest.approx((truth == prediction)[kept].mean())


def test_ignored_pixels_never_count() -> None:
    matrix = ConfusionMatrix(3)
    matrix.update(np.full((2, 2), 255, np.uint8), np.full((2, 2), 255, np.uint8))
    assert matrix.counts.sum() == 0
    assert np.isnan(matrix.miou())


def test_what_is_no_class_is_refused() -> None:
    matrix = ConfusionMatrix(3)
    label = np.zeros((2, 2), np.uint8)
    with pytest.raises(DataError, match=r"0 to 2.*\[7\]"):
        matrix.update(label + 7, label)
    with pytest.raises(DataError, match=r"\[255\]"):
        matrix.update(label, label + 255)
    with pytest.raises(ShapeError):
        matrix.update(label, label[:1])
    with pytest.raises(ShapeError):
        matrix.merge(ConfusionMatrix(4))
