"""Histograms, medians and the rules that turn them into thresholds."""

import time
from pathlib import Path

import numpy as np
import pytest

from esl.errors import ConfigError, DataError, ShapeError
from esl.labeling.maps import PredictionMaps, quantise
from esl.labeling.thresholds import CRITERIA, MODES, Mode, ScoreHistogram, ThresholdRule, class_thresholds
from tests.unit.labeling.worlds import labelled_image


def maps_of(label: list[int], max_prob: list[int], entropy: list[int]) -> PredictionMaps:
    """One row of pixels."""
    return PredictionMaps(np.array([label], np.uint8), np.array([max_prob], np.uint16), np.array([entropy], np.uint16))


def folded(*images: PredictionMaps, num_classes: int = 3) -> ScoreHistogram:
    histogram = ScoreHistogram(num_classes)
    for maps in images:
        histogram.update(maps)
    return histogram


def test_counts_are_those_of_the_pixels_and_outside_ones_are_left_out() -> None:
    counts = folded(maps_of([0, 0, 2, 255], [9, 9, 65535, 0], [3, 4, 0, 65535])).counts
    assert counts.sum() == 6
    assert counts[0, 0, 9] == 2
    assert counts[0, 2, 65535] == 1
    assert counts[1, 0, 3] == counts[1, 0, 4] == counts[1, 2, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        counts[0, 0, 0] = 1


def test_a_class_that_is_not_there_is_refused() -> None:
    with pytest.raises(ShapeError, match="1 pixels do not"):
        folded(maps_of([0, 3], [1, 1], [1, 1]))
    with pytest.raises(ConfigError, match="2 to 255"):
        ScoreHistogram(1)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 10])
def test_medians_keep_at_least_half_and_no_rank_more(count: int) -> None:
    scores = [100 * (k + 1) for k in range(count)]
    histogram = folded(maps_of([1] * count, scores, scores))
    mu, nu = histogram.medians()
    assert mu[1] == sorted(scores)[count // 2]
    assert nu[1] == sorted(scores)[(count - 1) // 2]
    assert mu[0] == nu[0] == -1
    half = (count + 1) // 2
    assert sum(s >= mu[1] for s in scores) == sum(s <= nu[1] for s in scores) == half


def test_merging_shards_is_folding_all(tmp_path: Path) -> None:
    images = [labelled_image(seed)[0] for seed in range(4)]
    whole = folded(*images, num_classes=5)
    left, right = folded(*images[:1], num_classes=5), folded(*images[:0:-1], num_classes=5)
    _ = left.medians()  # sums that are cached must not survive a merge
    left.merge(right)
    assert (left.counts == whole.counts).all()
    assert (left.medians()[0] == whole.medians()[0]).all()
    with pytest.raises(ShapeError, match="5 and 3"):
        left.merge(ScoreHistogram(3))


def test_saved_counts_come_back_and_the_file_has_the_same_bytes_at_any_time(tmp_path: Path) -> None:
    histogram = folded(labelled_image(1)[0], num_classes=5)
    first, second = tmp_path / "a.npz", tmp_path / "b.npz"
    histogram.save(first)
    loaded = ScoreHistogram.load(first)
    assert (loaded.counts == histogram.counts).all()
    time.sleep(2.1)  # a zip's clock ticks every two seconds
    loaded.save(second)
    assert first.read_bytes() == second.read_bytes()
    assert first.stat().st_size < 200_000
    assert (np.load(first)["scores"] == histogram.counts).all()


def test_a_damaged_file_is_an_error_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    histogram = folded(labelled_image(1)[0], num_classes=5)
    histogram.save(path)
    for damage in (path.read_bytes()[:500], b"", b"no zip at all"):
        path.write_bytes(damage)
        with pytest.raises(DataError, match=r"a\.npz"):
            ScoreHistogram.load(path)
    with pytest.raises(DataError, match="missing"):
        ScoreHistogram.load(tmp_path / "missing.npz")
    np.savez(path, scores=np.zeros((2, 3, 9), np.int64))
    with pytest.raises(DataError, match="shape"):
        ScoreHistogram.load(path)


HISTOGRAM = folded(
    maps_of([0, 0, 0, 1, 1, 1], [60000, 61000, 62000, 30000, 40000, 50000], [100, 200, 300, 20000, 30000, 40000])
)
SURE, UNSURE, ABSENT = 0, 1, 2


@pytest.mark.parametrize(
    ("mode", "mu", "nu"),
    [
        ("capped", [58982, 40000, 58982], [6554, 30000, 6554]),
        ("fixed", [58982, 58982, 58982], [6554, 6554, 6554]),
        ("median", [61000, 40000, 58982], [200, 30000, 6554]),
    ],
)
def test_modes(mode: Mode, mu: list[int], nu: list[int]) -> None:
    thresholds = class_thresholds(HISTOGRAM, ThresholdRule(mode=mode))
    assert thresholds.mu.tolist() == mu
    assert thresholds.nu.tolist() == nu
    assert thresholds.mu.dtype == thresholds.nu.dtype == np.uint16
    assert thresholds.absent.tolist() == [False, False, True]
    binds = {"capped": [False, True, False], "fixed": [False] * 3, "median": [True, True, False]}[mode]
    assert thresholds.mu_median_binds.tolist() == thresholds.nu_median_binds.tolist() == binds


@pytest.mark.parametrize("mode", MODES)
def test_an_override_is_final_in_every_mode_and_for_its_criterion_alone(mode: Mode) -> None:
    plain = class_thresholds(HISTOGRAM, ThresholdRule(mode=mode))
    moved = class_thresholds(HISTOGRAM, ThresholdRule(mode=mode, nu_overrides={UNSURE: 0.5, ABSENT: 0.0}))
    assert (moved.mu == plain.mu).all()
    assert moved.nu.tolist() == [plain.nu[SURE], quantise(0.5), 0]
    assert not moved.nu_median_binds[UNSURE]
    with pytest.raises(ConfigError, match=r"\[7\]"):
        class_thresholds(HISTOGRAM, ThresholdRule(mu_overrides={7: 0.5}))


def test_num_kept_counts_ties() -> None:
    thresholds = class_thresholds(HISTOGRAM, ThresholdRule(mode="median"))
    for criterion in CRITERIA:
        assert HISTOGRAM.num_kept(thresholds, criterion).tolist() == [2, 2, 0]
    everything = class_thresholds(HISTOGRAM, ThresholdRule(mode="fixed", mu_star=0, nu_star=1))
    assert HISTOGRAM.num_kept(everything, "max_prob").tolist() == [3, 3, 0]
    assert HISTOGRAM.num_kept(everything, "entropy").tolist() == [3, 3, 0]


def test_coverage_is_of_all_pixels_not_of_the_first_class() -> None:
    histogram = folded(maps_of([0, 1, 1, 1, 2], [9, 9, 9, 9, 9], [3, 4, 8, 8, 8]))
    thresholds = class_thresholds(histogram, ThresholdRule(nu_star=4 / 65535, mode="fixed"))
    assert histogram.num_kept(thresholds, "entropy").tolist() == [1, 1, 0]
    assert histogram.coverage(thresholds, "entropy") == 2 / 5
    assert ScoreHistogram(3).coverage(thresholds, "entropy") == 0


def test_every_n_th_pixel_of_a_class_in_reading_order() -> None:
    histogram = ScoreHistogram(3)
    histogram.update(maps_of([0, 1, 0, 0, 1, 0], [1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 5, 6]), every=2)
    assert np.flatnonzero(histogram.counts[0, 0]).tolist() == [1, 4]
    assert np.flatnonzero(histogram.counts[0, 1]).tolist() == [2]


def test_a_rule_survives_json() -> None:
    rule = ThresholdRule(mu_star=0.8, nu_star=0.2, mode="fixed", mu_overrides={3: 0.5}, nu_overrides={11: 0.0, 2: 1})
    assert ThresholdRule.from_json(rule.to_json()) == rule
    assert hash(ThresholdRule.from_json(rule.to_json())) == hash(rule)
    assert ThresholdRule.from_json({}) == ThresholdRule()
    with pytest.raises(ConfigError, match="mu_start"):
        ThresholdRule.from_json({"mu_start": 0.9})
    with pytest.raises(ConfigError, match="class ids"):
        ThresholdRule.from_json({"mu_overrides": {"road": 0.9}})


def test_all_faults_of_a_rule_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        ThresholdRule(mu_star=2, nu_star=float("nan"), mode="x", mu_overrides={300: 0.1, 2: "a"})  # type: ignore[arg-type,dict-item]
    for part in ("mu_star", "nu_star", "mode", "[300]", "mu_overrides[2]"):
        assert part in str(caught.value)
