"""A store's pseudo-labels by true class: a pass for each set of thresholds, kept for the next time."""

import hashlib

import numpy as np

from esl.errors import DataError
from esl.files import read_json, write_json
from esl.labeling.by_truth import WHAT, TruthCounts, TruthReport, truth_report
from esl.labeling.thresholds import Thresholds
from esl.pipelines.audit_pass import CACHE_NAME, Labels, images_with_progress, may_keep, truth_of
from esl.progress import Progress, ShouldStop
from esl.store.predictions import PredictionStore


def by_truth(
    store: PredictionStore,
    labels: Labels,
    thresholds: Thresholds,
    key: str,
    progress: Progress,
    should_stop: ShouldStop,
) -> TruthReport:
    """What becomes of each true class's pixels, from the store's cache where it was counted before.

    Args:
        store: complete, or as far as it is.
        labels: ground truth.
        thresholds: SSL's and ESL's.
        key: identity of logits and labels.
        progress: told after each image of a pass.
        should_stop: asked before each image of a pass.

    Raises:
        DataError: a label cannot be used.
        AuditStopped: `should_stop` said so.
    """
    content = thresholds.mu.tobytes() + thresholds.nu.tobytes()
    path = store.directory / CACHE_NAME / f"{key}-truth-{hashlib.sha256(content).hexdigest()[:12]}.json"
    names = store.class_set.names
    if path.is_file():
        try:
            kept = np.asarray(read_json(path)["counts"], np.int64)
            if kept.shape == (len(WHAT), len(names), len(names)):
                return truth_report(kept, names)
        except (DataError, KeyError, TypeError, ValueError):
            pass  # a damaged cache is made anew
    counted = TruthCounts(thresholds)
    for image_id in images_with_progress(store, progress, should_stop):
        counted.update(store.maps(image_id), truth_of(labels, image_id))
    if may_keep(store):
        write_json(path, {"counts": counted.counts.tolist()})
    return truth_report(counted.counts, names)
