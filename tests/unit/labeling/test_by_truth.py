"""By true class: each share against a count of the pixels, one by one."""

import json

import numpy as np
import pytest

from esl.labeling.by_truth import TruthCounts, truth_report
from esl.labeling.maps import PredictionMaps
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import CRITERIA, ScoreHistogram, ThresholdRule, class_thresholds
from tests.unit.labeling.worlds import labelled_image

C = 5
NAMES = ("road", "wall", "sky", "car", "bus")
IMAGES = [labelled_image(seed, C) for seed in range(3)]


def counted() -> TruthCounts:
    scores = ScoreHistogram(C)
    for maps, _ in IMAGES:
        scores.update(maps)
    counts = TruthCounts(class_thresholds(scores, ThresholdRule(mu_star=0.6, nu_star=0.4)))
    for maps, truth in IMAGES:
        counts.update(maps, truth)
    return counts


@pytest.mark.parametrize("of_class", [None, *range(C)])
def test_each_share_is_that_of_the_pixels(of_class: int | None) -> None:
    counts = counted()
    row = truth_report(counts.counts, NAMES).rows[-1 if of_class is None else of_class]
    truth = np.concatenate([t.ravel() for _, t in IMAGES])
    predicted = np.concatenate([m.label.ravel() for m, _ in IMAGES])
    known = (truth != 255) & (predicted != 255)
    own = known if of_class is None else known & (truth == of_class)
    assert row.name == ("global" if of_class is None else NAMES[of_class])
    assert row.num_pixels == own.sum()
    assert row.share == pytest.approx(own.sum() / known.sum())
    assert row.wrong == pytest.approx((predicted != truth)[own].mean())
    for criterion in CRITERIA:
        taught = np.concatenate([select_pseudo_label(m, counts.thresholds, criterion).ravel() for m, _ in IMAGES])
        kept = own & (taught != 255)
        said = getattr(row, criterion)
        assert said.kept == pytest.approx(kept.sum() / own.sum())
        assert said.wrong == pytest.approx((taught != truth)[kept].mean())
        if of_class is not None:
            wrong = np.bincount(taught[kept & (taught != truth)], minlength=C)
            assert wrong[NAMES.index(said.mostly_as)] == wrong.max() > 0


def test_a_class_that_is_clean_by_prediction_may_be_lost_by_truth() -> None:
    """Half of the sky is surely `wall`: what is called sky is sky, and yet half of the sky is taught as something else."""
    label = np.array([[2, 2, 1, 1]], np.uint8)
    sure = np.full(label.shape, 65535, np.uint16)
    maps = PredictionMaps(label=label, max_prob=sure, entropy=np.zeros_like(sure))
    scores = ScoreHistogram(C)
    scores.update(maps)
    counts = TruthCounts(class_thresholds(scores, ThresholdRule()))
    counts.update(maps, np.full(label.shape, 2, np.uint8))
    sky = truth_report(counts.counts, NAMES).rows[2]
    assert (sky.wrong, sky.max_prob.kept, sky.max_prob.wrong, sky.max_prob.mostly_as) == (0.5, 1.0, 0.5, "wall")
    assert sky.max_prob == sky.entropy


def test_without_truth_there_is_nothing_to_say() -> None:
    counts = TruthCounts(counted().thresholds)
    counts.update(IMAGES[0][0], None)
    report = truth_report(counts.counts, NAMES)
    assert all(row.wrong is None and row.max_prob.kept is None for row in report.rows)
    assert report.to_text().count("\n") == C + 4
    json.dumps(report.to_json(), allow_nan=False)


def test_the_table_has_a_line_for_each_class_and_all() -> None:
    lines = truth_report(counted().counts, NAMES).to_text().splitlines()
    assert lines[2].split()[:2] == ["true", "class"]
    assert [line.split()[0] for line in lines[3:]] == [*NAMES, "global"]
    assert len({len(line) for line in lines[2:]}) == 1
