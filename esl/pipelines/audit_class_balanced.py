"""CBST's part of a store's audit: a pass for each set of thresholds, since re-weighting chooses the class anew."""

from esl.labeling.class_balanced_audit import ClassBalancedCounts
from esl.labeling.thresholds import Counts, Thresholds
from esl.pipelines.audit_pass import AuditPass
from esl.training.class_balanced import ClassBalancedPseudoLabels


def class_balanced_counts(one: AuditPass, balanced: ClassBalancedPseudoLabels, beside: Thresholds) -> Counts:
    """Counts (3, C, 3) of `ClassBalancedCounts`.

    Args:
        one: the pass.
        balanced: CBST's labels.
        beside: SSL's and ESL's thresholds.

    Raises:
        DataError: a label cannot be used.
        AuditStopped: the pass was stopped.
    """

    def count() -> Counts:
        counted = ClassBalancedCounts(balanced.thresholds, beside)
        for maps, truth in one.images(balanced.maps):
            counted.update(maps, truth)
        return counted.counts

    rule = b"".join(values.tobytes() for values in (balanced.thresholds, beside.mu, beside.nu))
    rule += balanced.prior.digest.encode() if balanced.prior else b""
    return one.kept_counts("cbst-", rule, (3, one.store.class_set.num_classes, 3), count)
