"""Coverage and error rate that runs and rows state are those of the very labels that are trained on."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from esl.classes import CITYSCAPES_7
from esl.config import PseudoLabelConfig
from esl.labeling.audit import AuditHistogram
from esl.pipelines.audit import keep_counts, known_quality
from esl.pipelines.row_facts import audited_labels
from esl.pipelines.targets import Targets
from esl.store.recipes import VerdictMask
from esl.training.pseudo_labels import StoredPseudoLabels, pseudo_label_source
from tests.unit.pipelines.stored_world import IDS, FakeLabels, fill_store

SETTINGS: tuple[Mapping[str, Any], ...] = (
    {"mode": "median"},
    {"mode": "capped", "mu_star": 0.8, "nu_star": 0.3},
    {"mode": "fixed", "mu_star": 1.0, "nu_star": 0.0},
    {"mode": "fixed", "mu_star": 0.0, "nu_star": 1.0},
)
"""With the medians some scores equal their thresholds; the last two stand at the ends of the scale."""


@pytest.fixture(scope="module")
def store_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that was audited."""
    store, truth = fill_store(tmp_path_factory.mktemp("known") / "s"), FakeLabels()
    counts = AuditHistogram(7)
    for image_id in IDS:
        counts.update(store.maps(image_id), truth.label(image_id))
    keep_counts(store, Targets.of(store.manifest), counts)
    return store.directory


def trained_on(config: PseudoLabelConfig) -> StoredPseudoLabels:
    labels = pseudo_label_source(config, CITYSCAPES_7, IDS)
    assert isinstance(labels, StoredPseudoLabels)
    return labels


@pytest.mark.parametrize("criterion", ["max_prob", "entropy"])
@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_numbers_are_those_of_the_labels_with_ties_and_without(
    store_dir: Path, criterion: Any, settings: Mapping[str, Any]
) -> None:
    coverages, truth = [], FakeLabels()
    for keep_ties in (True, False):
        config = PseudoLabelConfig(
            source="store", path=store_dir, criterion=criterion, keep_ties=keep_ties, **settings
        )  # fmt: skip
        labels = trained_on(config)
        seen = np.stack([labels(i) for i in IDS])
        right = np.stack([truth.label(i) for i in IDS])
        kept, labelled = seen != 255, (seen != 255) & (right != 255)
        known, row = known_quality(labels), audited_labels(store_dir, replace(config, source="none"))
        assert known["coverage"] == pytest.approx(kept.mean())
        assert row["coverage"] == pytest.approx(100 * kept.mean())
        if labelled.any():
            assert known["error_rate"] == pytest.approx((seen != right)[labelled].mean())
            assert row["error_rate"] == pytest.approx(100 * known["error_rate"])
        coverages.append(known["coverage"])
    if settings["mode"] == "median":
        assert coverages[1] < coverages[0]


def test_verdicts_leave_no_number_rather_than_that_of_other_labels(store_dir: Path) -> None:
    labels = trained_on(PseudoLabelConfig(source="store", path=store_dir))
    assert known_quality(replace(labels, mask=VerdictMask(()))) == {}
