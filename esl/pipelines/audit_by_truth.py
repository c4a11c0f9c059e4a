"""A store's pseudo-labels by true class: a pass for each set of thresholds."""

from esl.labeling.by_truth import WHAT, TruthCounts, TruthReport, truth_report
from esl.labeling.thresholds import Counts, Thresholds
from esl.pipelines.audit_pass import AuditPass


def by_truth(one: AuditPass, thresholds: Thresholds) -> TruthReport:
    """What becomes of each true class's pixels.

    Args:
        one: the pass.
        thresholds: SSL's and ESL's.

    Raises:
        DataError: a label cannot be used.
        AuditStopped: the pass was stopped.
    """
    names = one.store.class_set.names

    def count() -> Counts:
        counted = TruthCounts(thresholds)
        for maps, truth in one.images():
            counted.update(maps, truth)
        return counted.counts

    shape = (len(WHAT), len(names), len(names))
    return truth_report(
        one.kept_counts("truth-", thresholds.mu.tobytes() + thresholds.nu.tobytes(), shape, count), names
    )
