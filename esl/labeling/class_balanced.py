"""Class-balanced pseudo-labels, as CBST makes them: one portion of every class, and a re-weighted arg max.

Thresholds are `P` of the portion's last pixel in descending order; a label is `argmax_c P(c) / threshold(c)`, kept
where that ratio is at least 1. On the integer scale: where the class's own probability reaches its threshold.
"""

import math

import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE
from esl.errors import ConfigError, ShapeError
from esl.labeling.maps import SCALE, PredictionMaps
from esl.labeling.thresholds import ScoreHistogram


def class_balanced_thresholds(histogram: ScoreHistogram, portion: float) -> NDArray[np.uint16]:
    """(C,) thresholds over P, times 65535, that keep the most confident `portion` of each predicted class.

    A class that is never predicted, or too rarely for the portion to hold a pixel, gets 65535 (1.0). For CBST's own
    sampling fill the histogram with `update(maps, every=4)`.

    Raises:
        ConfigError: the portion is not above 0 and at most 1.
    """
    if not 0 < portion <= 1:
        raise ConfigError(f"The portion to keep must be above 0 and at most 1; got {portion}.")
    num_kept = np.asarray([math.floor(portion * int(n)) for n in histogram.num_pixels], np.int64)
    ranks = np.where(num_kept > 0, histogram.num_pixels - num_kept, -1)
    values = histogram.at_rank("max_prob", ranks)
    return np.where(values < 0, SCALE, np.maximum(values, 1)).astype(np.uint16)


def class_balanced_divisors(thresholds: NDArray[np.uint16]) -> NDArray[np.float64]:
    """The divisors (C,) to hand to `derive_maps`."""
    return thresholds / np.float64(SCALE)


def select_class_balanced(maps: PredictionMaps, thresholds: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """(H, W) train ids of the largest P / threshold where that ratio is at least 1, 255 elsewhere.

    Raises:
        ConfigError: the maps were derived without divisors.
        ShapeError: a class has no threshold.
    """
    label, prob = maps.weighted_label, maps.weighted_prob
    if label is None or prob is None:
        raise ConfigError("Class-balanced labels need re-weighted maps: derive them with divisors=.")
    if int(label[label != IGNORE].max(initial=0)) >= len(thresholds):
        raise ShapeError(
            f"Every class needs a threshold; there are {len(thresholds)}, the maps name {int(label.max())}."
        )
    table = np.zeros(256, np.uint16)
    table[: len(thresholds)] = thresholds
    return np.where((prob >= table[label]) & (label != IGNORE), label, np.uint8(IGNORE))
