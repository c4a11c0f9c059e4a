"""Trials that would learn from the same pixels as one that is finished.

Where a class's median is worse than nu* (or mu*), the median decides; where that is so for all classes, ESL at any smaller
nu* and the median alone are one and the same training (Table 5's rows differ by nothing). It is not run twice.
"""

from collections.abc import Iterable

import numpy as np

from esl.config import PseudoLabelConfig
from esl.labeling.thresholds import class_thresholds
from esl.pipelines.study import Trial
from esl.pipelines.study_places import StudyPlaces
from esl.store.experiments import ExperimentRow, read_row
from esl.store.predictions import PredictionStore
from esl.training.pseudo_labels import rule_of


def finished_twin(trial: Trial, places: StudyPlaces, others: Iterable[Trial]) -> ExperimentRow | None:
    """The row of a finished trial of the same method and seed whose thresholds, and so whose labels, are the same.

    Args:
        trial: one that has no row.
        places: where rows and the stores of finished trials are.
        others: trials of the study; those without a row or a store are passed over.
    """
    labels = places.config(trial).pseudo_labels
    if not trial.has_labels or labels.criterion == "class_balanced":
        return None
    for other in others:
        if not _is_comparable(trial, other) or not places.row_of(other).exists():
            continue
        theirs, store = places.config(other).pseudo_labels, places.store_of(other)
        same_kind = (labels.criterion, labels.keep_ties) == (theirs.criterion, theirs.keep_ties)
        if same_kind and store.exists() and _thresholds_agree(PredictionStore.open(store), labels, theirs):
            return read_row(places.row_of(other))
    return None


def _is_comparable(trial: Trial, other: Trial) -> bool:
    same = (trial.benchmark, trial.method, trial.seed, trial.is_translated)
    return (
        other.has_labels and other != trial and same == (other.benchmark, other.method, other.seed, other.is_translated)
    )


def _thresholds_agree(store: PredictionStore, one: PseudoLabelConfig, two: PseudoLabelConfig) -> bool:
    """Whether two configs of one criterion keep the same pixels of a complete store."""
    if not store.is_complete:
        return False
    scores = store.histogram()
    found = [class_thresholds(scores, rule_of(config)) for config in (one, two)]
    side = "mu" if one.criterion == "max_prob" else "nu"
    return bool(np.array_equal(getattr(found[0], side), getattr(found[1], side)))
