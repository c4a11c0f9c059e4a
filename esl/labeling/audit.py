"""How good the kept labels are, for any thresholds, without touching a pixel again (Table 4).

One pass over maps and ground truth folds counts; every later question is answered from them. Per criterion the counts
are exact. What only one criterion keeps needs both scores at once: those joint counts have 256 x 256 cells per class
and outcome, so a threshold that cuts through a cell leaves a doubt, which is stated as a lower and an upper bound.
"""

import os

import numpy as np
from numpy.typing import NDArray

from esl.errors import ConfigError, DataError, ShapeError
from esl.labeling.audit_report import AuditReport, AuditRow, Share
from esl.labeling.folds import NUM_BINS, fold_outcomes, load_counts, save_counts
from esl.labeling.maps import SCALE, PredictionMaps, quantise
from esl.labeling.thresholds import CRITERIA, Counts, ScoreHistogram, ThresholdRule, Thresholds, class_thresholds

OUTCOMES = ("correct", "wrong", "unlabelled")
"""In the order of the outcome axis; a pixel whose ground truth is 255 or missing is unlabelled."""

CELLS = 256
"""Cells per axis of the joint counts: a cell holds 256 steps of a score (0.0039)."""


class AuditHistogram:
    """Pixels by predicted class, outcome and score, mergeable by addition."""

    def __init__(self, num_classes: int) -> None:
        """Begin with no pixel.

        Raises:
            ConfigError: not 2 to 255 classes.
        """
        if not 2 <= num_classes <= 255:
            raise ConfigError(f"A histogram must have 2 to 255 classes; got {num_classes}.")
        outcomes = len(OUTCOMES)
        self._marginals: Counts = np.zeros((len(CRITERIA), num_classes, outcomes, NUM_BINS), np.int64)
        self._joint: Counts = np.zeros((num_classes, outcomes, CELLS, CELLS), np.int64)
        self._sums: tuple[Counts, Counts] | None = None

    @property
    def num_classes(self) -> int:
        """C."""
        return int(self._joint.shape[0])

    @property
    def marginals(self) -> Counts:
        """(2, C, 3, 65536), read-only: criterion, predicted class, outcome, score."""
        return _read_only(self._marginals)

    @property
    def joint(self) -> Counts:
        """(C, 3, 256, 256), read-only: predicted class, outcome, entropy >> 8, max-prob >> 8."""
        return _read_only(self._joint)

    @property
    def has_truth(self) -> bool:
        """Whether any pixel was labelled."""
        return bool(self._joint[:, :2].any())

    def update(self, maps: PredictionMaps, truth: NDArray[np.uint8] | None = None) -> None:
        """Count one image; `truth` (H, W) holds train ids, 255 = unlabelled; without it all pixels are unlabelled.

        Raises:
            ShapeError: the truth has another size, or one of the two names a class that is not there.
        """
        if truth is None:
            truth = np.full(maps.label.shape, 255, np.uint8)
        if truth.shape != maps.label.shape or truth.dtype != np.uint8:
            raise ShapeError(
                f"The label must have the maps' size {maps.label.shape} in uint8; got {truth.shape} {truth.dtype}."
            )
        self._sums = None
        strangers = fold_outcomes(maps.label, maps.max_prob, maps.entropy, truth, self._marginals, self._joint)
        if strangers:
            raise ShapeError(
                f"Maps and labels must name classes 0 to {self.num_classes - 1} or 255; {strangers} pixels do not. "
                "Read labels with the network's class set."
            )

    def merge(self, other: "AuditHistogram") -> None:
        """Add another histogram's pixels.

        Raises:
            ShapeError: the other has another number of classes.
        """
        if other.num_classes != self.num_classes:
            raise ShapeError(
                f"Histograms must have one class set; got {self.num_classes} and {other.num_classes} classes."
            )
        self._sums = None
        self._marginals += other._marginals
        self._joint += other._joint

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the counts as a compressed .npz, whole or not at all; the same counts give the same bytes."""
        save_counts(path, {"joint": self._joint, "marginals": self._marginals})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "AuditHistogram":
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing, damaged or of another kind.
        """
        joint, marginals = load_counts(path, ("joint", "marginals"))
        num_classes = joint.shape[0] if joint.ndim == 4 else 0
        fits = 2 <= num_classes <= 255 and joint.shape[1:] == (len(OUTCOMES), CELLS, CELLS)
        if not fits or marginals.shape != (len(CRITERIA), num_classes, len(OUTCOMES), NUM_BINS):
            raise DataError(
                f"{os.fspath(path)} must hold audit counts; its shapes are {joint.shape}, {marginals.shape}."
            )
        histogram = cls(num_classes)
        histogram._joint, histogram._marginals = joint, marginals
        return histogram

    def score_histogram(self) -> ScoreHistogram:
        """The label-free histogram of the same pixels."""
        return ScoreHistogram.from_counts(self._marginals.sum(axis=2))

    def kept(self, thresholds: Thresholds, *, keep_ties: bool = True) -> Counts:
        """(2, C, 3): pixels that each criterion keeps, by class and outcome; exact."""
        below, _ = self._cumulative()
        classes = np.arange(self.num_classes)
        mu, nu = thresholds.limits(keep_ties)
        return np.stack([below[0, classes, :, NUM_BINS] - below[0, classes, :, mu], below[1, classes, :, nu + 1]])

    def kept_by_both(
        self, thresholds: Thresholds, *, keep_ties: bool = True
    ) -> tuple[NDArray[np.float64], Counts, Counts]:
        """Pixels (C, 3) that both criteria keep: estimate, lower and upper bound.

        Cells that a threshold cuts are split in the proportion that the exact counts of that criterion say.
        """
        below, square = self._cumulative()
        classes = np.arange(self.num_classes)
        mu, nu = thresholds.limits(keep_ties)
        first = (mu + CELLS - 1) // CELLS  # cells of max-prob from here on are kept whole
        last = (nu + 1) // CELLS  # cells of entropy before this one are kept whole
        cut_mu, cut_nu = mu // CELLS, np.minimum((nu + 1) // CELLS + ((nu + 1) % CELLS != 0), CELLS)

        def cells(e0: Counts, e1: Counts, p0: Counts, p1: Counts) -> Counts:
            corner = square[classes, :, e1, p1] - square[classes, :, e0, p1]
            return np.asarray(corner - square[classes, :, e1, p0] + square[classes, :, e0, p0])

        zero, end = np.zeros_like(mu), np.full_like(mu, CELLS)
        whole = cells(zero, last, first, end)
        ssl_strip, esl_strip = cells(zero, end, cut_mu, first), cells(last, cut_nu, zero, end)
        ssl_kept = below[0, classes, :, first * CELLS] - below[0, classes, :, mu]
        esl_kept = below[1, classes, :, nu + 1] - below[1, classes, :, last * CELLS]
        in_ssl, in_esl = cells(zero, last, cut_mu, first), cells(last, cut_nu, first, end)
        corner = cells(last, cut_nu, cut_mu, first)
        lower = whole + np.maximum(ssl_kept - (ssl_strip - in_ssl), 0) + np.maximum(esl_kept - (esl_strip - in_esl), 0)
        most_ssl, most_esl = np.minimum(in_ssl, ssl_kept), np.minimum(in_esl, esl_kept)
        upper = whole + most_ssl + most_esl + np.minimum(corner, np.minimum(ssl_kept, esl_kept))
        ssl_part, esl_part = ssl_kept / np.maximum(ssl_strip, 1), esl_kept / np.maximum(esl_strip, 1)
        estimate = whole + in_ssl * ssl_part + in_esl * esl_part + corner * ssl_part * esl_part
        kept = self.kept(thresholds, keep_ties=keep_ties)
        lower = np.maximum(lower, kept.sum(axis=0) - below[0, :, :, NUM_BINS])
        upper = np.minimum(upper, kept.min(axis=0))
        return np.clip(estimate, lower, upper), lower, upper

    def _cumulative(self) -> tuple[Counts, Counts]:
        """Sums of everything before a bin or cell, with one place more per axis; kept until the next update."""
        if self._sums is None:
            below = np.zeros((*self._marginals.shape[:3], NUM_BINS + 1), np.int64)
            np.cumsum(self._marginals, axis=3, out=below[..., 1:])
            square = np.zeros((*self._joint.shape[:2], CELLS + 1, CELLS + 1), np.int64)
            np.cumsum(np.cumsum(self._joint, axis=2), axis=3, out=square[:, :, 1:, 1:])
            self._sums = below, square
        return self._sums


def audit(
    histogram: AuditHistogram,
    scores: ScoreHistogram,
    rule: ThresholdRule,
    class_names: tuple[str, ...] | None = None,
    *,
    keep_ties: bool = True,
) -> AuditReport:
    """Answer coverage, error rate and what only one criterion keeps, per class and over all pixels.

    Paper: Table 4, Sec. 4.3. The error rate is the share of wrong labels among the kept ones that have ground truth.

    Args:
        histogram: counts of the audited pixels.
        scores: the label-free histogram that thresholds come from: the whole set's, or one image's.
        rule: any mu*, nu*, mode and overrides.
        class_names: as they shall be printed; ids by default.
        keep_ties: whether a score that equals its threshold is kept.

    Raises:
        ShapeError: the two histograms or the names are of different class sets.
        ConfigError: the rule names a class that is not there.
    """
    names = class_names or tuple(str(c) for c in range(histogram.num_classes))
    if not histogram.num_classes == scores.num_classes == len(names):
        raise ShapeError(
            f"An audit must have one class set: {histogram.num_classes} classes are counted, "
            f"thresholds are for {scores.num_classes}, there are {len(names)} names."
        )
    thresholds = class_thresholds(scores, rule)
    predicted = histogram._cumulative()[0][0, :, :, NUM_BINS]
    kept = histogram.kept(thresholds, keep_ties=keep_ties)
    both, lower, upper = histogram.kept_by_both(thresholds, keep_ties=keep_ties)
    rows = [
        _row(names[c], predicted[c], kept[:, c], both[c], lower[c], upper[c], bool(thresholds.absent[c]))
        for c in range(histogram.num_classes)
    ]
    total = _row(
        "global", predicted.sum(0), kept.sum(1), both.sum(0), lower.sum(0), upper.sum(0), not predicted.any()
    )  # fmt: skip
    return AuditReport(rule=rule, thresholds=thresholds, rows_by_class=tuple(rows), total=total)


def _row(
    name: str, predicted: Counts, kept: Counts, both: NDArray[np.float64], lower: Counts, upper: Counts, absent: bool
) -> AuditRow:
    return AuditRow(
        name=name,
        is_absent=absent,
        num_pixels=int(predicted.sum()),
        num_labelled=int(predicted[:2].sum()),
        ssl=Share.exact(kept[0]),
        esl=Share.exact(kept[1]),
        both=Share(both, lower, upper),
        ssl_only=Share(kept[0] - both, kept[0] - upper, kept[0] - lower),
        esl_only=Share(kept[1] - both, kept[1] - upper, kept[1] - lower),
    )


def match_coverage(histogram: AuditHistogram, scores: ScoreHistogram, rule: ThresholdRule) -> ThresholdRule:
    """The rule with the nu* at which ESL keeps as many pixels as SSL does, or as near as the mode and the bins allow.

    In mode `capped` ESL never keeps less than half of a class, and in mode `median` nu* has no effect, so compare the
    two coverages in the report.
    """
    wanted = int(histogram.kept(class_thresholds(scores, rule))[0].sum())

    def coverage(nu_star: int) -> int:
        moved = _with_nu_star(rule, nu_star)
        return int(histogram.kept(class_thresholds(scores, moved))[1].sum())

    low, high = 0, SCALE
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if coverage(middle) >= wanted else (middle + 1, high)
    if low > 0 and wanted - coverage(low - 1) < coverage(low) - wanted:
        low -= 1
    return _with_nu_star(rule, low)


def _with_nu_star(rule: ThresholdRule, nu_star: int) -> ThresholdRule:
    moved = ThresholdRule.from_json({**rule.to_json(), "nu_star": nu_star / SCALE})
    assert quantise(moved.nu_star) == nu_star
    return moved


def _read_only(counts: Counts) -> Counts:
    view = counts.view()
    view.flags.writeable = False
    return view
