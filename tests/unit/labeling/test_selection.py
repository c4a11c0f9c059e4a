"""Which pixels are kept, and how two selections differ."""

import numpy as np
import pytest

from esl.errors import ShapeError
from esl.labeling.comparison import BOTH, ESL_ONLY, NEITHER, SSL_ONLY, BoundaryCounts, compare, count_groups
from esl.labeling.maps import PredictionMaps
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import Thresholds

NO = np.zeros(2, bool)
THRESHOLDS = Thresholds(np.array([1000, 2000], np.uint16), np.array([50, 70], np.uint16), NO, NO, NO)
MAPS = PredictionMaps(
    np.array([[0, 0, 1, 1, 255]], np.uint8),
    np.array([[1000, 999, 2000, 1999, 65535]], np.uint16),
    np.array([[51, 50, 70, 71, 0]], np.uint16),
)


def test_ties_are_kept_and_pixels_outside_never() -> None:
    assert select_pseudo_label(MAPS, THRESHOLDS, "max_prob").tolist() == [[0, 255, 1, 255, 255]]
    assert select_pseudo_label(MAPS, THRESHOLDS, "entropy").tolist() == [[255, 0, 1, 255, 255]]


def test_a_class_without_threshold_is_refused() -> None:
    maps = PredictionMaps(np.array([[2]], np.uint8), MAPS.max_prob[:, :1], MAPS.entropy[:, :1])
    with pytest.raises(ShapeError, match="class 2 is predicted"):
        select_pseudo_label(maps, THRESHOLDS, "entropy")


def test_the_last_possible_class_is_no_pixel_outside() -> None:
    every = Thresholds(np.zeros(255, np.uint16), np.zeros(255, np.uint16), *([np.zeros(255, bool)] * 3))
    maps = PredictionMaps(np.array([[254, 255]], np.uint8), np.ones((1, 2), np.uint16), np.zeros((1, 2), np.uint16))
    assert select_pseudo_label(maps, every, "entropy").tolist() == [[254, 255]]


def test_comparison_says_who_keeps_what() -> None:
    assert compare(MAPS, THRESHOLDS).tolist() == [[SSL_ONLY, ESL_ONLY, BOTH, NEITHER, NEITHER]]
    counts = count_groups(MAPS, THRESHOLDS)
    assert (counts.neither, counts.both, counts.ssl_only, counts.esl_only) == (1, 1, 1, 1)


def test_boundary_shares_of_one_row() -> None:
    label = np.zeros((1, 12), np.uint8)
    label[0, 6:] = 1
    maps = PredictionMaps(label, np.full((1, 12), 65535, np.uint16), np.full((1, 12), 65535, np.uint16))
    truth = np.where(np.arange(12) < 2, 0, 1).astype(np.uint8)[None]
    counts = BoundaryCounts()
    counts.update(maps, THRESHOLDS, truth)
    shares = counts.shares()
    assert shares["predicted"]["ssl_only"] == pytest.approx({"1": 2 / 12, "2": 4 / 12, "4": 8 / 12, "8": 1.0})
    assert shares["true"]["ssl_only"] == pytest.approx({"1": 2 / 12, "2": 4 / 12, "4": 6 / 12, "8": 10 / 12})
    assert shares["predicted"]["esl_only"] is None
    twice = BoundaryCounts()
    twice.update(maps, THRESHOLDS)
    assert twice.shares()["true"]["ssl_only"] is None
    twice.merge(counts)
    assert twice.shares() == shares
    with pytest.raises(ShapeError, match="size"):
        counts.update(maps, THRESHOLDS, truth[:, :5])
