"""CBST's thresholds and labels against the reference code's values."""

import math

import numpy as np

from esl.labeling.class_balanced import class_balanced_divisors, class_balanced_thresholds, select_class_balanced
from esl.labeling.maps import SCALE, derive_maps
from esl.labeling.thresholds import ScoreHistogram
from tests.parity.golden_values import golden_folder

SIZE = (65, 129)


def test_thresholds_and_labels_are_the_reference_s() -> None:
    golden = np.load(golden_folder() / "cbst.npz")
    source = np.load(golden_folder() / "pseudo_labels.npz")
    logits, label = source["logits_19"], source["label_19"]
    histogram = ScoreHistogram(19)
    for image in logits:
        histogram.update(derive_maps(image, SIZE), every=4)
    thresholds = class_balanced_thresholds(histogram, float(golden["portion"]))
    same_label = np.stack([derive_maps(image, SIZE).label for image in logits]) == label
    for c in range(19):  # one pixel of another class would shift which pixels are sampled
        tolerance = 1 / SCALE if same_label[label == c].all() else 0.01
        assert abs(thresholds[c] / SCALE - golden["thresholds"][c]) <= tolerance, c
    divisors = class_balanced_divisors(thresholds)
    for k, image in enumerate(logits):
        maps = derive_maps(image, SIZE, divisors=divisors)
        assert maps.weighted_prob is not None
        assert maps.weighted_label is not None
        near = np.abs(maps.weighted_prob.astype(int) - thresholds[maps.weighted_label].astype(int)) <= 1
        selected, expected = select_class_balanced(maps, thresholds), golden["labels"][k]
        same = selected == expected
        assert same[~near & same_label[k]].all()
        assert (same | (selected == 255) | (expected == 255))[same_label[k]].all()
        assert same.mean() > 0.95  # a saturated class has many pixels within one step of its threshold


def test_the_histogram_s_thresholds_are_those_of_sorting_every_pixel() -> None:
    source = np.load(golden_folder() / "pseudo_labels.npz")
    label, max_prob = source["label_19"], source["max_prob_19"]
    histogram = ScoreHistogram(19)
    for image in source["logits_19"]:
        histogram.update(derive_maps(image, SIZE))
    for portion in (0.2, 0.5):
        ours = class_balanced_thresholds(histogram, portion) / SCALE
        for c in range(19):
            ordered = np.sort(max_prob[label == c])[::-1]
            rank = math.floor(portion * len(ordered))
            expected = ordered[rank - 1] if rank else 1.0
            neighbours = ordered[max(rank - 2, 0) : rank + 1] if rank else np.ones(1)
            assert neighbours.min() - 1 / SCALE <= ours[c] <= neighbours.max() + 1 / SCALE, (c, expected)
