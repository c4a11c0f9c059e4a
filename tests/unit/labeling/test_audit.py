"""The audit's answers are those of counting pixels, for any rule."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from esl.errors import DataError, ShapeError
from esl.labeling.audit import AuditHistogram, audit, match_coverage
from esl.labeling.comparison import BOTH, ESL_ONLY, SSL_ONLY, compare
from esl.labeling.maps import PredictionMaps
from esl.labeling.thresholds import ScoreHistogram, ThresholdRule, class_thresholds
from tests.unit.labeling.worlds import labelled_image

C = 5
IMAGES = [labelled_image(seed, C) for seed in range(3)]
RULES = [
    ThresholdRule(),
    ThresholdRule(mode="median"),
    ThresholdRule(mode="fixed", mu_star=0.613, nu_star=0.333),
    ThresholdRule(mode="fixed", mu_star=0, nu_star=1),
    ThresholdRule(mode="fixed", mu_star=1, nu_star=0),
    ThresholdRule(mu_overrides={1: 0.7}, nu_overrides={2: 0.501}),
]


def folded(images: list[tuple[PredictionMaps, NDArray[np.uint8]]]) -> AuditHistogram:
    histogram = AuditHistogram(C)
    for maps, truth in images:
        histogram.update(maps, truth)
    return histogram


HISTOGRAM = folded(IMAGES)
SCORES = HISTOGRAM.score_histogram()


def counted(rule: ThresholdRule, values: tuple[int, ...]) -> NDArray[np.int64]:
    """(C, 3) pixels of the comparison values, by class and outcome, one by one."""
    thresholds = class_thresholds(SCORES, rule)
    counts = np.zeros((C, 3), np.int64)
    for maps, truth in IMAGES:
        groups = compare(maps, thresholds)
        outcome = np.where(truth == 255, 2, (truth != maps.label).astype(int))
        for c in range(C):
            for o in range(3):
                counts[c, o] += (np.isin(groups, values) & (maps.label == c) & (outcome == o)).sum()
    return counts


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_counts_are_those_of_the_pixels(rule: ThresholdRule) -> None:
    report = audit(HISTOGRAM, SCORES, rule)
    ssl, esl, both = (counted(rule, v) for v in ((BOTH, SSL_ONLY), (BOTH, ESL_ONLY), (BOTH,)))
    for c, row in enumerate(report.rows_by_class):
        assert (row.ssl.counts == ssl[c]).all()
        assert (row.esl.counts == esl[c]).all()
        for share, true in ((row.both, both[c]), (row.ssl_only, ssl[c] - both[c]), (row.esl_only, esl[c] - both[c])):
            assert (share.lower <= true).all()
            assert (true <= share.upper).all()
            assert (share.lower <= share.counts).all()
            assert (share.counts <= share.upper).all()
            if true[:2].sum():
                assert share.error_rate_bounds is not None
                low, high = share.error_rate_bounds
                assert low <= true[1] / true[:2].sum() <= high
    total = report.total
    assert total.ssl.error_rate == (ssl[:, 1].sum() / ssl[:, :2].sum() if ssl[:, :2].sum() else None)
    assert total.ssl_coverage == ssl.sum() / SCORES.num_pixels.sum()
    least, most = total.ssl_only.num_pixels_bounds
    assert most - least <= 0.02 * SCORES.num_pixels.sum()


def test_thresholds_on_the_edge_of_a_cell_leave_no_doubt() -> None:
    rule = ThresholdRule(mode="fixed", mu_star=(256 * 150) / 65535, nu_star=(256 * 90 - 1) / 65535)
    row = audit(HISTOGRAM, SCORES, rule).total
    assert row.both.num_pixels_bounds == (row.both.num_pixels,) * 2
    assert row.both.num_pixels == counted(rule, (BOTH,)).sum()


def test_relative_change_is_that_of_table_4() -> None:
    row = audit(HISTOGRAM, SCORES, RULES[2]).total
    assert row.ssl.error_rate
    assert row.esl.error_rate
    assert row.relative_change == pytest.approx(row.esl.error_rate / row.ssl.error_rate - 1)


def test_without_truth_coverage_is_there_and_errors_are_not() -> None:
    bare = AuditHistogram(C)
    for maps, _ in IMAGES:
        bare.update(maps)
    report = audit(bare, SCORES, ThresholdRule(), ("a", "b", "c", "d", "e"))
    with_truth = audit(HISTOGRAM, SCORES, ThresholdRule())
    assert not report.has_truth
    assert not bare.has_truth
    assert with_truth.has_truth
    assert report.total.ssl_coverage == with_truth.total.ssl_coverage
    answer = report.to_json()
    assert answer["global"]["ssl"]["error_rate"] is None
    assert answer["global"]["ssl"]["num_wrong"] is None
    assert answer["global"]["relative_change"] is None
    assert answer["classes"][0]["ssl"]["coverage"] is not None
    line = next(line for line in report.to_text().splitlines() if line.startswith("global"))
    assert line.split()[3:6] == ["-", "-", "-"]


def test_json_text_and_rows_say_the_same() -> None:
    report = audit(HISTOGRAM, SCORES, ThresholdRule(), ("road", "sky", "car", "pole", "sign"))
    answer = json.loads(json.dumps(report.to_json(), allow_nan=False))
    rows = report.rows()
    assert [row["class"] for row in rows] == ["road", "sky", "car", "pole", "sign", "global"]
    assert answer["classes"][2]["esl"]["error_rate"] == rows[2]["esl_error_rate"]
    text = report.to_text()
    assert f"{100 * rows[-1]['ssl_error_rate']:.1f}" in next(li for li in text.splitlines() if li.startswith("global"))
    assert all(name in text for name in ("road", "pole", "only SSL"))
    assert ThresholdRule.from_json(answer["rule"]) == report.rule


def test_an_absent_class_says_so() -> None:
    histogram, scores = AuditHistogram(C + 1), ScoreHistogram(C + 1)
    for maps, truth in IMAGES:
        histogram.update(maps, truth)
        scores.update(maps)
    report = audit(histogram, scores, ThresholdRule())
    assert report.rows_by_class[C].is_absent
    assert report.rows_by_class[C].ssl_coverage is None
    assert "5 (absent)" in report.to_text()


def test_folding_is_addition_and_survives_a_file(tmp_path: Path) -> None:
    left, right = folded(IMAGES[:1]), folded(IMAGES[:0:-1])
    _ = left.kept(class_thresholds(SCORES, ThresholdRule()))  # sums that are cached must not survive a merge
    left.merge(right)
    assert (left.marginals == HISTOGRAM.marginals).all()
    assert (left.joint == HISTOGRAM.joint).all()
    left.save(tmp_path / "a.npz")
    HISTOGRAM.save(tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    loaded = AuditHistogram.load(tmp_path / "a.npz")
    assert audit(loaded, SCORES, RULES[2]).to_json() == audit(HISTOGRAM, SCORES, RULES[2]).to_json()
    SCORES.save(tmp_path / "c.npz")
    with pytest.raises(DataError, match="joint"):
        AuditHistogram.load(tmp_path / "c.npz")
    with pytest.raises(ShapeError, match="class set"):
        left.merge(AuditHistogram(3))


def test_what_does_not_fit_is_refused() -> None:
    maps, truth = IMAGES[0]
    histogram = AuditHistogram(C)
    with pytest.raises(ShapeError, match="size"):
        histogram.update(maps, truth[1:])
    with pytest.raises(ShapeError, match="name classes"):
        histogram.update(maps, np.full_like(truth, C))
    with pytest.raises(ShapeError, match="one class set"):
        audit(HISTOGRAM, ScoreHistogram(3), ThresholdRule())
    with pytest.raises(ShapeError, match="one class set"):
        audit(HISTOGRAM, SCORES, ThresholdRule(), ("road",))


def test_matched_coverage_is_that_of_ssl() -> None:
    rule = ThresholdRule(mode="fixed", mu_star=0.7)
    row = audit(HISTOGRAM, SCORES, match_coverage(HISTOGRAM, SCORES, rule)).total
    assert row.ssl_coverage
    assert row.esl_coverage == pytest.approx(row.ssl_coverage, abs=0.002)


def test_another_rule_is_answered_in_milliseconds() -> None:
    histogram, scores = AuditHistogram(19), ScoreHistogram(19)
    maps, truth = labelled_image(0, 19)
    histogram.update(maps, truth)
    scores.update(maps)
    audit(histogram, scores, ThresholdRule())
    cost = []
    for k in range(5):
        start = time.process_time()
        audit(histogram, scores, ThresholdRule(nu_star=k / 10))
        cost.append(time.process_time() - start)
    assert min(cost) < 0.02
