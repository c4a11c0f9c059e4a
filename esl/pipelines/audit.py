"""The audit of a store: how good its pseudo-labels are (Table 4), in a second pass that opens labels, kept for the next time."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esl.errors import ConfigError, DataError
from esl.labeling.audit import AuditHistogram, audit
from esl.labeling.audit_report import AuditReport, ClassBalancedSetting
from esl.labeling.by_truth import TruthReport
from esl.labeling.calibration import Calibration, calibration
from esl.labeling.class_balanced import class_balanced_thresholds
from esl.labeling.comparison import BoundaryCounts
from esl.labeling.thresholds import ScoreHistogram, ThresholdRule, Thresholds
from esl.pipelines.audit_by_truth import by_truth
from esl.pipelines.audit_class_balanced import class_balanced_counts
from esl.pipelines.audit_pass import (
    CACHE_NAME,
    AuditPass,
    Labels,
    audit_key,
    done_images,
    images_with_progress,
    may_keep,
    truth_of,
)
from esl.pipelines.targets import Targets
from esl.progress import Progress, ShouldStop, never_stop, no_progress
from esl.store.predictions import PredictionStore
from esl.training.class_balanced import ClassBalancedPseudoLabels, class_balanced_labels
from esl.training.pseudo_labels import StoredPseudoLabels

Shares = Mapping[str, Mapping[str, Mapping[str, float] | None]]


@dataclass(frozen=True, kw_only=True)
class StoreAudit:
    """A store's audit for one rule."""

    report: AuditReport
    boundary: Shares | None
    """Shares near borders as of `BoundaryCounts.shares`; None where they were not asked for."""
    calibration: Calibration | None = None
    """Before any threshold; None where it was not asked for."""
    by_truth: TruthReport | None = None
    """The same pixels by true class; None where it was not asked for."""
    store_hash: str
    num_images: int
    num_labelled: int
    """Images with ground truth."""
    is_complete: bool
    """Whether all images of the set are in the store; medians move until then."""
    facts: Mapping[str, Any]
    """Data set, split, sizes, order of interpolation, model: what a number needs beside it."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        value = {
            **self.facts,
            "store_hash": self.store_hash,
            "num_images": self.num_images,
            "num_labelled": self.num_labelled,
            "is_complete": self.is_complete,
            **self.report.to_json(),
        }
        if self.calibration is not None:
            value["calibration"] = self.calibration.to_json()
        if self.by_truth is not None:
            value["by_truth"] = self.by_truth.to_json()
        return value if self.boundary is None else {**value, "boundary": self.boundary}

    def to_text(self) -> str:
        """The table, under a line that says what it is about."""
        size = "x".join(map(str, self.facts["map_size"]))
        lines = [
            f"{self.facts['dataset']} {self.facts['split']}: {self.num_images} images at {size}, "
            f"{self.num_labelled} with ground truth; {self.facts['interpolate']} resized; {self.facts['model']}",
        ]
        if not self.is_complete:
            lines.append("The store is not complete: medians, and all that follows from them, are provisional.")
        lines += ["", self.report.to_text()]
        if self.boundary is not None:
            lines += _boundary_lines(self.boundary)
        if self.calibration is not None:
            lines += ["", self.calibration.to_text()]
        if self.by_truth is not None:
            lines += ["", self.by_truth.to_text()]
        return "\n".join(lines)


def audit_store(
    store: PredictionStore,
    rule: ThresholdRule,
    *,
    labels: Labels | None = None,
    scores: ScoreHistogram | None = None,
    with_boundary: bool = False,
    with_calibration: bool = False,
    with_truth: bool = False,
    portion: float | None = None,
    sample_every: int = 1,
    prior_path: Path = Path(),
    keep_ties: bool = True,
    progress: Progress = no_progress,
    should_stop: ShouldStop = never_stop,
) -> StoreAudit:
    """Audit what a store's logits would give as pseudo-labels.

    The first call passes over maps and labels; later ones, for any rule, answer from counts kept inside the store, unless
    a label or the store changed. Boundary shares pass over the pixels once per set of thresholds.

    Paper: Table 4, Sec. 4.3.

    Args:
        store: complete, or as far as it is.
        rule: thresholds.
        labels: ground truth; by default that of the data set which the store names. None may be there at all.
        scores: where medians and CBST's thresholds come from; by default this store.
        with_boundary: also count how near to borders the kept pixels lie.
        with_calibration: also say how sure and how right the network is, and which score tells wrong from right.
        with_truth: also count by true class; like boundary shares, a pass for each set of thresholds.
        portion: also audit CBST's labels, of this share of each predicted class; a pass per portion and rule.
        sample_every: CBST counts every n-th pixel of a class; 1 is exact.
        prior_path: CBST-SP's file of spatial priors; the empty path is CBST.
        keep_ties: False gives the coverage and error rates of a training that drops ties; all else keeps them.
        progress: told after each image of a pass.
        should_stop: asked before each image of a pass.

    Raises:
        DataError: a label cannot be used; the message names it.
        ConfigError: the rule names a class that is not there, or the portion makes no sense.
        AuditStopped: `should_stop` said so.
    """
    labels = Targets.of(store.manifest) if labels is None else labels
    key = audit_key(store, labels)
    histogram = audit_histogram(store, labels, progress=progress, should_stop=should_stop, key=key)
    scored = store.histogram() if scores is None else scores
    report = audit(histogram, scored, rule, store.class_set.names, keep_ties=keep_ties)
    one = AuditPass(store=store, labels=labels, key=key, progress=progress, should_stop=should_stop)
    if portion is not None:
        balanced = _class_balanced(store, scores, portion, sample_every, prior_path)
        setting = ClassBalancedSetting(
            portion=portion,
            sample_every=sample_every,
            thresholds=balanced.thresholds,
            spatial_prior=balanced.prior.digest if balanced.prior else "",
        )
        counts = class_balanced_counts(one, balanced, report.thresholds)
        report = report.with_class_balanced(setting, counts)
    boundary = None
    if with_boundary:
        boundary = _boundary_shares(one, report.thresholds)
    manifest = store.manifest
    facts = {
        "dataset": manifest.dataset,
        "split": manifest.split,
        "map_size": list(manifest.map_size),
        "interpolate": manifest.interpolate,
        "precision": manifest.precision,
        "class_set": manifest.class_set.name,
        "model": manifest.model.get("name", ""),
    }
    return StoreAudit(
        report=report,
        boundary=boundary,
        calibration=calibration(histogram, store.class_set.names) if with_calibration else None,
        by_truth=by_truth(one, report.thresholds) if with_truth else None,
        store_hash=store.store_hash,
        num_images=store.num_done,
        num_labelled=sum(map(labels.has_label, done_images(store))),
        is_complete=store.is_complete,
        facts=facts,
    )


def _class_balanced(
    store: PredictionStore, scores: ScoreHistogram | None, portion: float, sample_every: int, prior_path: Path
) -> ClassBalancedPseudoLabels:
    if scores is None:
        return class_balanced_labels(store.directory, portion, sample_every, prior_path)
    if sample_every != 1 or prior_path != Path():
        raise ConfigError("CBST's thresholds of another store take neither sample_every nor a spatial prior.")
    return ClassBalancedPseudoLabels(store.directory, "", class_balanced_thresholds(scores, portion))


def audit_histogram(
    store: PredictionStore,
    labels: Labels,
    *,
    progress: Progress = no_progress,
    should_stop: ShouldStop = never_stop,
    key: str = "",
) -> AuditHistogram:
    """Counts that answer any rule; from the store's cache where labels and logits are those it was made from.

    Raises:
        DataError: a label cannot be used.
        AuditStopped: `should_stop` said so.
    """
    path = _counts_of(store, labels, key)
    if path.is_file():
        try:
            return AuditHistogram.load(path)
        except DataError:
            pass  # a damaged cache is made anew
    histogram = AuditHistogram(store.class_set.num_classes)
    for image_id in images_with_progress(store, progress, should_stop):
        histogram.update(store.maps(image_id), truth_of(labels, image_id))
    _keep(store, path, histogram)
    return histogram


def keep_counts(store: PredictionStore, labels: Labels, histogram: AuditHistogram) -> None:
    """Keep counts of a whole set that were made elsewhere, for audits and for runs that learn from the store.

    Raises:
        DataError: they cannot be written.
    """
    _keep(store, _counts_of(store, labels), histogram)


def _keep(store: PredictionStore, path: Path, histogram: AuditHistogram) -> None:
    if may_keep(store):
        histogram.save(path)
        _forget_others(path)


def kept_counts(store: PredictionStore) -> AuditHistogram | None:
    """Counts of a store against the label files that are there now, where an audit or the page kept them; opens no label."""
    path = _counts_of(store, Targets.of(store.manifest))
    try:
        return AuditHistogram.load(path) if path.is_file() else None
    except DataError:
        return None  # a damaged cache is made anew by the next audit


def known_quality(labels: object) -> dict[str, float]:
    """What is known of a run's pseudo-labels without opening a label (decision 6).

    Args:
        labels: where the run takes them from (`esl.training.pseudo_labels`), or None.

    Returns:
        `coverage` of the whole set for labels from a store and a rule; and `error_rate`, where the store was audited
        against the label files that are there now and its counts are kept. Both in [0, 1]; neither with verdicts, which
        the counts know nothing of.
    """
    if not isinstance(labels, StoredPseudoLabels) or labels.mask is not None:
        return {}
    store, criterion, keep_ties = PredictionStore.open(labels.store_dir), labels.recipe.criterion, labels.keep_ties
    found = {"coverage": store.histogram().coverage(labels.thresholds, criterion, keep_ties=keep_ties)}
    counts = kept_counts(store)
    if counts is None:
        return found
    outcomes = counts.kept(labels.thresholds, keep_ties=keep_ties)[("max_prob", "entropy").index(criterion)]
    correct, wrong = (int(outcomes[:, outcome].sum()) for outcome in (0, 1))
    return found | ({"error_rate": wrong / (correct + wrong)} if correct + wrong else {})


def _counts_of(store: PredictionStore, labels: Labels, key: str = "") -> Path:
    """Where counts of these logits against these label files are kept."""
    return store.directory / CACHE_NAME / f"{key or audit_key(store, labels)}.npz"


def _boundary_shares(one: AuditPass, thresholds: Thresholds) -> Shares:
    def count() -> Shares:
        counts = BoundaryCounts()
        for maps, truth in one.images():
            counts.update(maps, thresholds, truth)
        return counts.shares()

    shares: Shares = one.kept_json("", thresholds.mu.tobytes() + thresholds.nu.tobytes(), count)
    return shares


def _forget_others(path: Path) -> None:
    """Counts of labels or logits that are no more."""
    for other in path.parent.iterdir():
        if not other.name.startswith((path.stem, ".")):
            other.unlink(missing_ok=True)


def _boundary_lines(shares: Shares) -> list[str]:
    lines = ["", "Share of pixels within 1, 2, 4, 8 px of a border, %"]
    for border, groups in shares.items():
        for group, near in groups.items():
            if near is not None:
                values = "  ".join(f"{100 * share:5.1f}" for share in near.values())
                lines.append(f"  {border:9} border, {group:8}  {values}")
    return lines
