"""Spatial priors: where source labels lie, and CBST-SP's products against their plain form."""

from pathlib import Path

import numpy as np
import pytest

from esl.errors import ConfigError, DataError, ShapeError
from esl.labeling.class_balanced import class_balanced_divisors, class_balanced_thresholds, select_class_balanced
from esl.labeling.maps import SCALE, PredictionMaps, derive_maps
from esl.labeling.spatial_prior import ClassFrequencies, SpatialPrior
from esl.labeling.thresholds import ScoreHistogram
from tests.unit.labeling.worlds import random_logits

SIZE = (12, 20)


def sky_over_road() -> ClassFrequencies:
    frequencies = ClassFrequencies(3, SIZE)
    label = np.full(SIZE, 255, np.uint8)
    label[:5], label[7:] = 1, 0
    for _ in range(2):
        frequencies.update(label)
    return frequencies


def test_a_class_lies_where_its_labels_lie() -> None:
    hard = sky_over_road().prior(smoothing=0).at(SIZE)
    assert (hard[1, :5] == 1).all()
    assert (hard[1, 5:] == 0).all()
    assert (hard[0, 7:] == 1).all()
    assert (hard[2] == 1).all(), "a class without a label is left as it is"
    soft = sky_over_road().prior().at(SIZE)
    assert soft[1, 0, 0] == 1
    assert 0 < soft[1, 5, 0] < 1
    assert (np.diff(soft[1, :, 0]) <= 0).all()


def test_how_often_a_class_occurs_changes_nothing() -> None:
    frequencies = sky_over_road()
    label = np.full(SIZE, 255, np.uint8)
    label[:5] = 1
    frequencies.update(label)
    assert (frequencies.prior().steps == sky_over_road().prior().steps).all()


def test_maps_are_met_at_any_resolution_with_aligned_corners() -> None:
    prior = sky_over_road().prior()
    own = prior.at(SIZE)
    assert np.allclose(own, prior.steps / SCALE, atol=1e-7)
    for size in ((5, 7), (40, 33), (1, 1)):
        values = prior.at(size)
        assert values.shape == (3, *size)
        assert values.dtype == np.float32
        assert 0 <= values.min() <= values.max() <= 1
        assert (values[:, 0, 0] == own[:, 0, 0]).all()
    assert (prior.at((23, 39))[:, ::2, ::2] == own).all()


def test_products_thresholds_and_labels_are_those_of_the_plain_form() -> None:
    """At the map's own size nothing is resized: probmap = prior * P, sorted, divided, arg max, as the reference does."""
    logits = random_logits(3, *SIZE, seed=3)
    prior = sky_over_road().prior().at(SIZE)
    e = np.exp(logits.astype(np.float64) - logits.max(0))
    product = prior * (e / e.sum(0))
    maps = derive_maps(logits, SIZE, prior=prior)
    assert (maps.label == product.argmax(0)).all()
    assert np.abs(maps.max_prob / SCALE - product.max(0)).max() <= 1 / SCALE
    histogram = ScoreHistogram(3)
    histogram.update(maps)
    thresholds = class_balanced_thresholds(histogram, 0.4)
    for c in range(3):
        ordered = np.sort(product.max(0)[product.argmax(0) == c])[::-1]
        assert abs(thresholds[c] / SCALE - ordered[int(0.4 * len(ordered)) - 1]) <= 1 / SCALE
    ratio = product / (thresholds / SCALE)[:, None, None]
    expected = np.where(ratio.max(0) >= 1, ratio.argmax(0), 255)
    weighted = derive_maps(logits, SIZE, prior=prior, divisors=class_balanced_divisors(thresholds))
    near = np.abs(ratio.max(0) - 1) < 1e-3
    label = select_class_balanced(weighted, thresholds)
    assert (label == expected)[~near].all()
    without = derive_maps(logits, SIZE, divisors=class_balanced_divisors(thresholds))
    assert (label != select_class_balanced(without, thresholds)).any()


def test_a_prior_of_ones_changes_no_byte() -> None:
    logits = random_logits(4, 5, 6, seed=1)
    ones = np.ones_like(logits)
    plain, same = derive_maps(logits, SIZE, second=True), derive_maps(logits, SIZE, second=True, prior=ones)
    for name in ("label", "max_prob", "entropy", "second", "second_prob"):
        assert (getattr(plain, name) == getattr(same, name)).all()


def test_a_file_comes_back_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    prior, path = sky_over_road().prior(), tmp_path / "prior.npz"
    prior.save(path)
    assert SpatialPrior.load(path).digest == prior.digest
    assert sky_over_road().prior(0).digest != prior.digest
    path.write_bytes(path.read_bytes()[:40])
    for wrong in (path, tmp_path / "gone.npz"):
        with pytest.raises(DataError):
            SpatialPrior.load(wrong)
    SpatialPrior(np.full((2, 3, 3), SCALE + 1, np.int64)).save(path)
    with pytest.raises(DataError, match="0 to 65535"):
        SpatialPrior.load(path)


def test_what_does_not_fit_is_one_sentence() -> None:
    frequencies = ClassFrequencies(2, (2, 2))
    with pytest.raises(ShapeError, match=r"must be \(2, 2\)"):
        frequencies.update(np.zeros((3, 2), np.uint8))
    with pytest.raises(ShapeError, match="0 to 1 or 255; got 7"):
        frequencies.update(np.full((2, 2), 7, np.uint8))
    with pytest.raises(ConfigError, match="Smoothing"):
        frequencies.prior(-1)
    logits = random_logits(2, 4, 4)
    prior = np.ones((2, 4, 4), np.float32)
    with pytest.raises(ShapeError, match="A prior must be"):
        derive_maps(logits, (8, 8), prior=prior[:, :2])
    with pytest.raises(DataError, match="0 to 1"):
        derive_maps(logits, (8, 8), prior=prior * 2)
    with pytest.raises(ConfigError, match="probabilities that are resized"):
        derive_maps(logits, (8, 8), prior=prior, interpolate="logits")
    with pytest.raises(ConfigError, match="padded"):
        derive_maps(logits, (8, 8), prior=prior, valid=(4, 8))
    assert isinstance(derive_maps(logits, (8, 8), prior=prior, valid=(8, 8)), PredictionMaps)
