"""Score predictions against ground truth, with the protocol beside the number (decision 5)."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esl.classes import ClassSet, built_in_name
from esl.config import DataConfig
from esl.data.dataset import PairDataset
from esl.data.opening import open_dataset
from esl.errors import ConfigError, DataError
from esl.metrics.confusion import ConfusionMatrix
from esl.metrics.subsets import SEVEN, members, merged_into_seven, subset_means
from esl.models.device import DeviceName, PrecisionName
from esl.models.predictor import Predictor
from esl.pipelines.extraction_inputs import size_faults
from esl.pipelines.first_look import FirstLook
from esl.pipelines.ranks import Share, summed_over_ranks
from esl.pipelines.same_classes import require_classes_of_store, require_same_classes
from esl.pipelines.scoring import Protocol, labelled_ids, score, score_stored
from esl.pipelines.views import ONE_LOOK, Views
from esl.progress import Progress, ShouldStop, never_stop, no_progress
from esl.store.predictions import PredictionStore


@dataclass(frozen=True, kw_only=True)
class EvaluationReport:
    """Scores of one set of predictions on one split."""

    dataset: str
    split: str
    class_set: str
    class_names: tuple[str, ...]
    """In the order of `iou`; a folder's own class set is known by them alone."""
    num_images: int
    protocol: str
    """What a reader must know to compare the number: order of interpolation, sizes, precision."""
    predictions: str
    """Where the predictions came from: a checkpoint or a store."""
    miou: float
    """Mean over the classes that occur, in [0, 1]."""
    iou: tuple[float | None, ...]
    """Per class in [0, 1]; None where a class is neither in the labels nor predicted."""
    accuracy: float
    """Share of labelled pixels that are right."""
    subsets: dict[str, float]
    """Other means of the same predictions that papers print: mIoU16, mIoU13, mIoU7, where the class set has them."""
    merged: dict[str, float | None] = field(default_factory=dict)
    """IoU of the seven merged classes behind mIoU7."""
    target_labels_chose: bool = False
    """Whether the checkpoint was chosen on labels of the target domain."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def to_text(self) -> str:
        """A table for the terminal; IoU in percent."""
        names = self.class_names
        full = f"mIoU{len(names)}"
        width = max(len(name) for name in (*names, *self.merged, full))
        rows = [
            f"  {name:<{width}}  {_percent(value)}{self._counted_in(name)}"
            for name, value in zip(names, self.iou, strict=True)
        ]
        rows += [f"  {name:<{width}}  {_percent(value)}  mIoU7" for name, value in self.merged.items()]
        rows += [f"  {name:<{width}}  {_percent(value)}" for name, value in {full: self.miou, **self.subsets}.items()]
        head = f"{self.predictions} on {self.dataset} {self.split}: {self.num_images} images"
        notes = ["The checkpoint was chosen on target labels."] if self.target_labels_chose else []
        return "\n".join([head, *rows, f"Protocol: {self.protocol}", *notes])

    def _counted_in(self, name: str) -> str:
        """The smaller means that a class is part of."""
        means = [mean for mean in self.subsets if mean != "mIoU7" and name in members(mean)]
        return f"  {' '.join(means)}" if means else ""


def evaluate_checkpoint(
    checkpoint: Path | str,
    *,
    dataset: str,
    root: Path | str,
    split: str,
    size: tuple[int, int],
    class_set_name: str = "",
    label_format: str = "",
    protocol: Protocol = "advent",
    device: DeviceName = "auto",
    precision: PrecisionName = "auto",
    views: Views = ONE_LOOK,
    share: Share = (0, 1),
    progress: Progress = no_progress,
    should_stop: ShouldStop = never_stop,
    say: Callable[[str], None] = lambda message: None,
) -> EvaluationReport:
    """Predict every labelled image of a split at `size` and score it at its label's own size.

    Args:
        checkpoint: what `resolve_checkpoint` takes.
        dataset: name of the data set.
        root: its folder.
        split: with labels.
        size: (height, width) that images are resized to for the network.
        class_set_name: classes to score; the checkpoint's when empty.
        label_format: what the ids in the label files mean; the data set's default when empty.
        protocol: order of interpolation.
        device: where to predict.
        precision: what to predict in.
        views: how often the network looks at an image; once, unless told otherwise.
        share: (rank, ranks) where several processes share the images; their counts are added up, and each gets the report.
        progress: told after each image.
        should_stop: asked before each image.
        say: gets a sentence on what the network makes of its first images.

    Raises:
        CheckpointError: the checkpoint cannot be used, or has other classes.
        ConfigError: the size makes no sense.
        DataError: the split has no labels, or a file cannot be used.
    """
    if faults := size_faults(size):
        raise ConfigError(f"Settings of an evaluation must make sense: {'; '.join(faults)}.")
    predictor = Predictor.load(checkpoint, device=device, precision=precision)
    classes = class_set_name or predictor.info.class_set
    pairs = open_dataset(dataset, root, split, classes, label_format=label_format or None)
    require_same_classes(predictor.info, pairs)
    matrix = score(
        predictor.predict,
        pairs,
        size,
        device=predictor.device,
        protocol=protocol,
        views=views,
        share=share,
        progress=progress,
        should_stop=should_stop,
        look=FirstLook(pairs.class_set.names, say),
    )
    matrix.counts = summed_over_ranks(matrix.counts, share)
    how = f"input {size[0]}x{size[1]}, {predictor.precision}"
    report = report_of(matrix, pairs, protocol=protocol, views=views, how=how, predictions=str(checkpoint))
    return replace(report, target_labels_chose=_chosen_on_target(predictor))


def evaluate_on(
    checkpoint: Path | str, on: DataConfig, class_set_name: str, *, device: DeviceName, progress: Progress,
    should_stop: ShouldStop,
) -> EvaluationReport:  # fmt: skip
    """`evaluate_checkpoint` on a split as configs name one, labels in its `label_format`; raises the same errors."""
    return evaluate_checkpoint(
        checkpoint, dataset=on.dataset, root=on.root, split=on.split, size=on.size, class_set_name=class_set_name,
        label_format=on.label_format, device=device, progress=progress, should_stop=should_stop,
    )  # fmt: skip


def evaluate_store(
    store: PredictionStore,
    *,
    dataset: str,
    root: Path | str,
    split: str,
    protocol: Protocol = "advent",
    share: Share = (0, 1),
    progress: Progress = no_progress,
    should_stop: ShouldStop = never_stop,
) -> EvaluationReport:
    """Score the predictions that a store holds, at each label's own size; `share` as in `evaluate_checkpoint`.

    Raises:
        DataError: an image of the split is not in the store or has no label, or the labels have other classes.
    """
    classes = built_in_name(store.class_set)
    pairs = open_dataset(dataset, root, split, classes, label_format=_format_of(store, dataset))
    require_classes_of_store(store.class_set, pairs)
    missing = [i for i in pairs.image_ids if pairs.has_label(i) and not store.has(i)]
    if missing:
        raise DataError(
            f"A store must hold every labelled image of {split}: {len(missing)} are missing, e.g. {missing[0]}. Finish `extract`."
        )
    matrix = score_stored(store, pairs, protocol=protocol, share=share, progress=progress, should_stop=should_stop)
    matrix.counts = summed_over_ranks(matrix.counts, share)
    how = f"stored logits, {store.manifest.precision}"
    return report_of(matrix, pairs, protocol=protocol, how=how, predictions="store")


def _format_of(store: PredictionStore, dataset: str) -> str | None:
    """Label format that the store was made with; another data set's labels have their own."""
    return store.manifest.label_format if store.manifest.dataset == dataset else None


def report_of(
    matrix: ConfusionMatrix,
    pairs: PairDataset,
    *,
    protocol: Protocol,
    how: str,
    predictions: str,
    views: Views = ONE_LOOK,
) -> EvaluationReport:
    """The numbers of a finished matrix, with the protocol in words."""
    order = (
        "logits resized to the label's size, then decided"
        if protocol == "advent"
        else "probabilities resized to the label's size, then decided"
    )
    classes: ClassSet = pairs.class_set
    merged = merged_into_seven(classes, matrix)
    return EvaluationReport(
        dataset=pairs.name,
        split=pairs.split,
        class_set=classes.name,
        class_names=classes.names,
        num_images=len(labelled_ids(pairs)),
        protocol=f"{protocol}: {order}; bilinear, corners aligned; {views.in_words()}; one confusion matrix over the split; {how}",
        predictions=predictions,
        miou=matrix.miou(),
        iou=_plain(matrix.iou()),
        accuracy=matrix.accuracy(),
        subsets=subset_means(classes, matrix),
        merged=dict(zip(SEVEN.names, _plain(merged.iou()), strict=True)) if merged else {},
    )


def _chosen_on_target(predictor: Predictor) -> bool:
    return bool(predictor.info.provenance.get("chosen_on_target_labels", False))


def _plain(iou: NDArray[np.float64]) -> tuple[float | None, ...]:
    return tuple(None if np.isnan(v) else float(v) for v in iou)


def _percent(value: float | None) -> str:
    return "  n/a" if value is None or np.isnan(value) else f"{100 * value:5.1f}"
