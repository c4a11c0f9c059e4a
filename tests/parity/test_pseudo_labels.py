"""Maps, thresholds and pseudo-labels against plain forms of Eq. 5-9 and against the reference code's values.

Nothing depends on the numbers of one folder: `ESL_GOLDEN` may name another.
"""

import math
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from esl.labeling.maps import SCALE, PredictionMaps, derive_maps
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import Criterion, ScoreHistogram, ThresholdRule, class_thresholds
from tests.parity.golden_values import golden_folder

STEP = 1 / SCALE
SIZE = (65, 129)


@cache
def golden() -> dict[str, NDArray[np.float64]]:
    return dict(np.load(golden_folder() / "pseudo_labels.npz"))


@cache
def maps_of(num_classes: int) -> tuple[PredictionMaps, ...]:
    return tuple(derive_maps(logits, SIZE) for logits in golden()[f"logits_{num_classes}"].astype(np.float32))


@cache
def histogram_of(num_classes: int) -> ScoreHistogram:
    histogram = ScoreHistogram(num_classes)
    for maps in maps_of(num_classes):
        histogram.update(maps)
    return histogram


@pytest.mark.parametrize("num_classes", [19, 7])
def test_maps_are_the_reference_s(num_classes: int) -> None:
    values = golden()
    for k, maps in enumerate(maps_of(num_classes)):
        expected = values[f"max_prob_{num_classes}"][k], values[f"entropy_{num_classes}"][k]
        assert np.abs(maps.max_prob / SCALE - expected[0]).max() < 1e-5
        assert np.abs(maps.entropy / SCALE - expected[1]).max() < 1e-5
        pair = derive_maps(values[f"logits_{num_classes}"][k].astype(np.float32), SIZE, second=True)
        differs = maps.label != values[f"label_{num_classes}"][k]
        assert (pair.margin[differs] <= 1).all()
        assert differs.mean() < 1e-3


@pytest.mark.parametrize("num_classes", [19, 7])
@pytest.mark.parametrize("criterion", ["max_prob", "entropy"])
def test_thresholds_and_labels_are_the_reference_s(num_classes: int, criterion: Criterion) -> None:
    values, histogram = golden(), histogram_of(num_classes)
    reference = values[f"{'mu' if criterion == 'max_prob' else 'nu'}_{num_classes}"]
    thresholds = class_thresholds(histogram, ThresholdRule(mu_star=0.9, nu_star=0.1))
    ours = thresholds.of(criterion) / SCALE
    score = values[f"{criterion}_{num_classes}"]
    label = values[f"label_{num_classes}"]
    star = 0.9 if criterion == "max_prob" else 0.1
    predicted = np.stack([maps.label for maps in maps_of(num_classes)])
    clip = min if criterion == "max_prob" else max
    for c in range(num_classes):
        ordered = np.sort(score[label == c]).astype(np.float64)
        if not len(ordered):
            continue
        rank = min(int(np.round(len(ordered) / 2)), len(ordered) - 1)
        slack = 1 + int(
            ((predicted == c) != (label == c)).sum()
        )  # ties between classes move a pixel from one to another
        ends = (rank - slack, rank + slack)
        low, high = (clip(ordered[min(max(r, 0), len(ordered) - 1)], star) for r in ends)
        assert low - STEP <= ours[c] <= high + STEP, c
    lower, upper = np.minimum(ours, reference) - STEP, np.maximum(ours, reference) + STEP
    expected = values[f"{'ssl' if criterion == 'max_prob' else 'esl'}_{num_classes}"]
    for k, maps in enumerate(maps_of(num_classes)):
        selected = select_pseudo_label(maps, thresholds, criterion)
        between = (score[k] >= lower[label[k]]) & (score[k] <= upper[label[k]])
        same_class = maps.label == label[k]
        assert (selected == expected[k])[same_class & ~between].all()


def plain_pseudo_labels(
    probs: list[list[list[float]]], num_classes: int, mu_star: float, nu_star: float
) -> tuple[list[list[int]], list[list[int]]]:
    """Eq. 5 to 9 as they stand, one pixel at a time: images of pixels of C probabilities -> SSL's and ESL's labels."""
    label = [[max(range(num_classes), key=lambda c: (p[c], -c)) for p in image] for image in probs]
    entropy = [[-sum(v * math.log(v) for v in p if v > 0) / math.log(num_classes) for p in image] for image in probs]
    mu, nu = [mu_star] * num_classes, [nu_star] * num_classes
    for c in range(num_classes):
        places = [(i, k) for i, image in enumerate(label) for k, found in enumerate(image) if found == c]
        if places:
            most = sorted(probs[i][k][c] for i, k in places)
            least = sorted(entropy[i][k] for i, k in places)
            mu[c] = min(mu_star, most[len(most) // 2])
            nu[c] = max(nu_star, least[(len(least) - 1) // 2])
    ssl = [
        [c if p[c] >= mu[c] else 255 for c, p in zip(ls, ps, strict=True)] for ls, ps in zip(label, probs, strict=True)
    ]
    esl = [
        [c if e <= nu[c] else 255 for c, e in zip(ls, es, strict=True)] for ls, es in zip(label, entropy, strict=True)
    ]
    return ssl, esl


@pytest.mark.parametrize(("mu_star", "nu_star"), [(0.9, 0.1), (0.5, 0.4), (1.0, 0.0)])
def test_selection_is_that_of_the_equations(mu_star: float, nu_star: float) -> None:
    """At the network's own resolution, where no interpolation is in the way."""
    logits = (2 * np.random.default_rng(5).standard_normal((3, 4, 12, 15))).astype(np.float32)
    exact = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    exact /= exact.sum(axis=1, keepdims=True)
    pixels = [image.reshape(4, -1).T.tolist() for image in exact]
    expected = plain_pseudo_labels(pixels, 4, mu_star, nu_star)
    histogram = ScoreHistogram(4)
    maps = [derive_maps(image, (12, 15)) for image in logits]
    for one in maps:
        histogram.update(one)
    thresholds = class_thresholds(histogram, ThresholdRule(mu_star=mu_star, nu_star=nu_star))
    criteria: tuple[Criterion, ...] = ("max_prob", "entropy")
    for criterion, labels in zip(criteria, expected, strict=True):
        for one, plain in zip(maps, labels, strict=True):
            score = one.max_prob if criterion == "max_prob" else one.entropy
            near = np.abs(score.astype(int) - thresholds.of(criterion)[one.label].astype(int)) <= 1
            same = select_pseudo_label(one, thresholds, criterion) == np.array(plain).reshape(12, 15)
            assert same[~near].all()
            assert near.mean() < 0.05
