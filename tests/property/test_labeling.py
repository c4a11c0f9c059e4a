"""What must hold for every prediction."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from esl.labeling.audit import AuditHistogram, audit
from esl.labeling.class_balanced import class_balanced_thresholds
from esl.labeling.comparison import compare
from esl.labeling.maps import SCALE, Interpolate, PredictionMaps, derive_maps, quantise
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import CRITERIA, Criterion, Mode, ScoreHistogram, ThresholdRule, class_thresholds

sizes = st.tuples(st.integers(1, 12), st.integers(1, 12))
orders: st.SearchStrategy[Interpolate] = st.sampled_from(["probs", "logits"])
criteria: st.SearchStrategy[Criterion] = st.sampled_from(CRITERIA)
modes: st.SearchStrategy[Mode] = st.sampled_from(["capped", "fixed", "median"])
shares = st.floats(0, 1)
seeds = st.integers(0, 2**32 - 1)


@st.composite
def predictions(draw: st.DrawFn, num_classes: int | None = None) -> NDArray[np.float32]:
    """Logits (C, h, w), from flat to one-hot."""
    num_classes = num_classes or draw(st.integers(2, 9))
    shape = (num_classes, *draw(sizes))
    scale = draw(st.sampled_from([0.0, 0.01, 1.0, 4.0, 300.0]))
    return (scale * np.random.default_rng(draw(seeds)).standard_normal(shape)).astype(np.float32)


def folded(images: list[PredictionMaps], num_classes: int) -> ScoreHistogram:
    histogram = ScoreHistogram(num_classes)
    for maps in images:
        histogram.update(maps)
    return histogram


@given(st.integers(2, 255), sizes, sizes, orders, st.data())
def test_one_hot_has_no_entropy_and_full_probability(
    num_classes: int, low: tuple[int, int], size: tuple[int, int], order: Interpolate, data: st.DataObject
) -> None:
    winner = data.draw(st.integers(0, num_classes - 1))
    logits = np.full((num_classes, *low), -200.0, np.float32)
    logits[winner] = 0
    maps = derive_maps(logits, size, interpolate=order, second=True)
    assert (maps.label == winner).all()
    assert (maps.max_prob == SCALE).all()
    assert (maps.entropy == 0).all()
    assert maps.second_prob is not None
    assert (maps.second_prob == 0).all()
    assert (maps.second != winner).all()


@given(st.integers(2, 255), sizes, sizes, orders, st.floats(-50, 50, width=32))
def test_uniform_has_full_entropy(
    num_classes: int, low: tuple[int, int], size: tuple[int, int], order: Interpolate, value: float
) -> None:
    maps = derive_maps(np.full((num_classes, *low), value, np.float32), size, interpolate=order)
    assert (maps.entropy == SCALE).all()
    assert np.abs(maps.max_prob - SCALE / num_classes).max() <= 1
    assert (maps.label == 0).all()


@given(predictions(), sizes, orders)
def test_second_is_another_class_and_never_better(
    logits: NDArray[np.float32], size: tuple[int, int], order: Interpolate
) -> None:
    maps = derive_maps(logits, size, interpolate=order, second=True)
    assert maps.second is not None
    assert maps.second_prob is not None
    assert (maps.second != maps.label).all()
    assert (maps.second_prob <= maps.max_prob).all()
    assert (maps.max_prob.astype(int) + maps.second_prob <= SCALE + 1).all()


@given(predictions(), sizes, orders, seeds)
def test_permuting_classes_permutes_the_results(
    logits: NDArray[np.float32], size: tuple[int, int], order: Interpolate, seed: int
) -> None:
    """Sums over classes run in another order then, so a score may move by one step."""
    permutation = np.random.default_rng(seed).permutation(len(logits))
    plain = derive_maps(logits, size, interpolate=order, second=True)
    moved = derive_maps(logits[permutation], size, interpolate=order, second=True)
    assert np.abs(plain.max_prob.astype(int) - moved.max_prob).max() <= 1
    assert np.abs(plain.entropy.astype(int) - moved.entropy).max() <= 1
    clear = plain.margin > 1
    assert (permutation[moved.label] == plain.label)[clear].all()


@given(predictions(4), sizes, criteria, modes, shares, shares)
def test_coverage_is_monotone_in_the_thresholds(
    logits: NDArray[np.float32], size: tuple[int, int], criterion: Criterion, mode: Mode, one: float, other: float
) -> None:
    maps = derive_maps(logits, size)
    histogram = folded([maps], 4)
    low, high = min(one, other), max(one, other)
    strict = class_thresholds(histogram, ThresholdRule(mu_star=high, nu_star=low, mode=mode))
    loose = class_thresholds(histogram, ThresholdRule(mu_star=low, nu_star=high, mode=mode))
    kept = [select_pseudo_label(maps, t, criterion) < 255 for t in (strict, loose)]
    assert (kept[0] <= kept[1]).all()


@given(predictions(5), sizes, criteria, st.sampled_from(["capped", "median"]), shares, shares)
def test_at_least_half_of_each_class_is_kept(
    logits: NDArray[np.float32], size: tuple[int, int], criterion: Criterion, mode: Mode, mu: float, nu: float
) -> None:
    maps = derive_maps(logits, size)
    histogram = folded([maps], 5)
    thresholds = class_thresholds(histogram, ThresholdRule(mu_star=mu, nu_star=nu, mode=mode))
    kept = select_pseudo_label(maps, thresholds, criterion)
    for c in range(5):
        assert 2 * (kept == c).sum() >= (maps.label == c).sum()
    assert (histogram.num_kept(thresholds, criterion) == np.bincount(kept.ravel(), minlength=256)[:5]).all()


@given(st.lists(predictions(3), min_size=1, max_size=4), seeds, st.integers(0, 4))
def test_order_and_sharding_change_nothing(images: list[NDArray[np.float32]], seed: int, cut: int) -> None:
    maps = [derive_maps(image, (9, 7)) for image in images]
    truths = [np.random.default_rng(seed + k).choice([0, 1, 2, 255], (9, 7)).astype(np.uint8) for k in range(len(maps))]
    order = np.random.default_rng(seed).permutation(len(maps))
    whole, left, right = AuditHistogram(3), AuditHistogram(3), AuditHistogram(3)
    for one, truth in zip(maps, truths, strict=True):
        whole.update(one, truth)
    for place, k in enumerate(order):
        (left if place < cut else right).update(maps[k], truths[k])
    right.merge(left)
    assert (right.marginals == whole.marginals).all()
    assert (right.joint == whole.joint).all()
    assert (right.score_histogram().counts == folded(maps, 3).counts).all()


@given(predictions(2), sizes, shares, shares)
def test_two_classes_rank_alike_by_both_criteria(
    logits: NDArray[np.float32], size: tuple[int, int], mu: float, nu: float
) -> None:
    """With C = 2 entropy is a falling function of max-prob, so at equal coverage both keep the same pixels."""
    maps = derive_maps(logits, size)
    by_prob = maps.max_prob.ravel().astype(int)
    order = np.argsort(-by_prob, kind="stable")
    assert (np.diff(maps.entropy.ravel().astype(int)[order])[np.diff(by_prob[order]) < -1] >= 0).all()
    thresholds = class_thresholds(folded([maps], 2), ThresholdRule(mu_star=mu, nu_star=nu))
    assert compare(maps, thresholds).max() <= 3


@given(predictions(3), sizes, modes)
def test_all_ignored_says_nothing_about_errors(logits: NDArray[np.float32], size: tuple[int, int], mode: Mode) -> None:
    maps = derive_maps(logits, size)
    histogram = AuditHistogram(3)
    histogram.update(maps, np.full(size, 255, np.uint8))
    report = audit(histogram, folded([maps], 3), ThresholdRule(mode=mode))
    assert report.total.ssl.error_rate is None
    assert report.total.relative_change is None
    assert report.total.ssl_coverage is not None


@given(sizes)
def test_a_set_without_a_valid_pixel_has_global_thresholds(size: tuple[int, int]) -> None:
    maps = derive_maps(np.zeros((3, 2, 2), np.float32), size, valid=(0, 0))
    thresholds = class_thresholds(folded([maps], 3), ThresholdRule())
    assert thresholds.absent.all()
    assert (thresholds.mu == quantise(0.9)).all()
    assert (select_pseudo_label(maps, thresholds, "entropy") == 255).all()


@given(predictions(4), sizes, st.floats(0.01, 1))
def test_the_balanced_portion_is_kept(logits: NDArray[np.float32], size: tuple[int, int], portion: float) -> None:
    maps = derive_maps(logits, size)
    thresholds = class_balanced_thresholds(folded([maps], 4), portion)
    for c in range(4):
        scores = maps.max_prob[maps.label == c]
        assert (scores >= thresholds[c]).sum() >= int(portion * len(scores))
