"""CBST's thresholds and its re-weighted arg max."""

import numpy as np
import pytest

from esl.errors import ConfigError
from esl.labeling.class_balanced import class_balanced_divisors, class_balanced_thresholds, select_class_balanced
from esl.labeling.maps import SCALE, PredictionMaps, derive_maps
from esl.labeling.thresholds import ScoreHistogram


def test_the_threshold_is_the_last_pixel_of_the_portion() -> None:
    histogram = ScoreHistogram(3)
    scores = np.arange(1000, 2000, 100, dtype=np.uint16)[None]
    histogram.update(PredictionMaps(np.zeros((1, 10), np.uint8), scores, scores))
    one = np.full((1, 1), 7, np.uint16)
    histogram.update(PredictionMaps(np.ones((1, 1), np.uint8), one, one))
    assert class_balanced_thresholds(histogram, 0.2).tolist() == [1800, SCALE, SCALE]
    assert class_balanced_thresholds(histogram, 1.0).tolist() == [1000, 7, SCALE]
    for portion in (0.0, 1.5):
        with pytest.raises(ConfigError, match="portion"):
            class_balanced_thresholds(histogram, portion)


def test_re_weighting_changes_the_class_of_a_kept_pixel() -> None:
    """P = (0.6, 0.4): the first class wins, but it asks for 0.9 and the second for 0.3."""
    logits = np.log(np.array([0.6, 0.4], np.float32)).reshape(2, 1, 1)
    thresholds = np.array([round(0.9 * SCALE), round(0.3 * SCALE)], np.uint16)
    maps = derive_maps(logits, (1, 1), divisors=class_balanced_divisors(thresholds))
    assert maps.label.item() == 0
    assert select_class_balanced(maps, thresholds).item() == 1
    strict = np.array([round(0.9 * SCALE), round(0.5 * SCALE)], np.uint16)
    maps = derive_maps(logits, (1, 1), divisors=class_balanced_divisors(strict))
    assert select_class_balanced(maps, strict).item() == 255


def test_maps_without_divisors_are_refused() -> None:
    maps = derive_maps(np.zeros((2, 1, 1), np.float32), (1, 1))
    with pytest.raises(ConfigError, match="divisors"):
        select_class_balanced(maps, np.array([1, 1], np.uint16))
