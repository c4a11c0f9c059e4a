"""CBST's part of a store's audit: a pass for each set of thresholds, since re-weighting chooses the class anew."""

import hashlib

import numpy as np

from esl.errors import DataError
from esl.files import read_json, write_json
from esl.labeling.class_balanced_audit import ClassBalancedCounts
from esl.labeling.thresholds import Counts, Thresholds
from esl.pipelines.audit_pass import CACHE_NAME, Labels, images_with_progress, may_keep, truth_of
from esl.progress import Progress, ShouldStop
from esl.store.predictions import PredictionStore
from esl.training.class_balanced import ClassBalancedPseudoLabels


def class_balanced_counts(
    store: PredictionStore,
    labels: Labels,
    balanced: ClassBalancedPseudoLabels,
    beside: Thresholds,
    key: str,
    progress: Progress,
    should_stop: ShouldStop,
) -> Counts:
    """Counts (3, C, 3) of `ClassBalancedCounts`, from the store's cache where they were counted before.

    Args:
        store: complete, or as far as it is.
        labels: ground truth.
        balanced: CBST's labels.
        beside: SSL's and ESL's thresholds.
        key: identity of logits and labels.
        progress: told after each image of a pass.
        should_stop: asked before each image of a pass.

    Raises:
        DataError: a label cannot be used.
        AuditStopped: `should_stop` said so.
    """
    content = b"".join(values.tobytes() for values in (balanced.thresholds, beside.mu, beside.nu))
    content += balanced.prior.digest.encode() if balanced.prior else b""
    path = store.directory / CACHE_NAME / f"{key}-cbst-{hashlib.sha256(content).hexdigest()[:12]}.json"
    shape = (3, store.class_set.num_classes, 3)
    if path.is_file():
        try:
            kept = np.asarray(read_json(path)["counts"], np.int64)
            if kept.shape == shape:
                return kept
        except (DataError, KeyError, TypeError, ValueError):
            pass  # a damaged cache is made anew
    counts = ClassBalancedCounts(balanced.thresholds, beside)
    for image_id in images_with_progress(store, progress, should_stop):
        counts.update(balanced.maps(store, image_id), truth_of(labels, image_id))
    if may_keep(store):
        write_json(path, {"counts": counts.counts.tolist()})
    return counts.counts
