"""CBST's pseudo-labels as PNG files, written as `export` writes those of SSL and ESL."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from esl.classes import IGNORE
from esl.errors import ConfigError, DataError
from esl.labeling.class_balanced import select_class_balanced
from esl.labeling.thresholds import ThresholdRule, class_thresholds
from esl.pipelines.export import ExportReport
from esl.pipelines.export_folder import ExportFolder
from esl.pipelines.export_kinds import Naming, Selected, file_names, file_of, layers_of
from esl.progress import Progress, ShouldStop, never_stop, no_progress
from esl.store.predictions import PredictionStore
from esl.training.class_balanced import class_balanced_labels

CLASS_BALANCED_KINDS = ("train_ids", "label_ids", "color")
"""What can be written: the others compare SSL with ESL."""


def export_class_balanced(
    store: PredictionStore,
    out_dir: Path | str,
    *,
    portion: float = 0.2,
    sample_every: int = 1,
    prior_path: Path = Path(),
    kinds: Sequence[str] = ("train_ids",),
    image_ids: Sequence[str] | None = None,
    naming: Naming = "path",
    command: Sequence[str] = (),
    dry_run: bool = False,
    progress: Progress = no_progress,
    should_stop: ShouldStop = never_stop,
) -> ExportReport:
    """Write the class-balanced pseudo-labels of a store; the same call goes on with what is there.

    Args:
        store: complete.
        out_dir: a new folder, or one that the same export began.
        portion: share of each predicted class that sets its threshold.
        sample_every: 1 counts all pixels, 4 counts as the reference code does.
        prior_path: a file of spatial priors (CBST-SP); the empty path is CBST.
        kinds: some of `CLASS_BALANCED_KINDS`.
        image_ids: some images only; thresholds are those of the whole set in any case.
        naming: see `export_kinds.Naming`.
        command: for the record.
        dry_run: only say what would be written.
        progress: told after each image.
        should_stop: asked before each image.

    Raises:
        ConfigError: a kind or the portion makes no sense here.
        DataError: the store is not complete, the folder holds something else, or a file cannot be written.
    """
    wrong = [kind for kind in kinds if kind not in CLASS_BALANCED_KINDS]
    if wrong or not kinds:
        raise ConfigError(
            f"Class-balanced labels can be written as {', '.join(CLASS_BALANCED_KINDS)}; got {', '.join(wrong) or 'none'}."
        )
    if not store.is_complete:
        raise DataError(f"Thresholds need the whole set; {store.directory} is not complete. Let extract finish first.")
    ids = list(store.image_ids if image_ids is None else image_ids)
    if not ids or not set(ids) <= set(store.image_ids):
        raise ConfigError("An export needs images that are in the store.")
    labels = class_balanced_labels(store.directory, portion, sample_every, prior_path)
    thresholds = labels.thresholds
    layers = layers_of(kinds, store.class_set, store.manifest.label_format)
    stems = file_names(ids, naming)
    unused = class_thresholds(store.histogram(), ThresholdRule())  # what is written here compares no two criteria

    def selected(image_id: str) -> Selected:
        maps = labels.maps(store, image_id)
        return Selected(maps, select_class_balanced(maps, thresholds), unused)

    first = file_of(layers[0], stems[ids[0]], naming)
    if dry_run:
        one = selected(ids[0])
        size = sum(len(layer.encode(layer.values(one))) for layer in layers)
        return ExportReport(
            path=str(out_dir), num_images=len(ids), files=len(ids) * len(layers), bytes=size * len(ids), verified=0,
            coverage=0.0, is_complete=False, first=first,
        )  # fmt: skip
    header = {
        "format": "esl-export",
        "version": 1,
        "criterion": "class_balanced",
        "portion": portion,
        "sample_every": sample_every,
        **({} if labels.prior is None else {"spatial_prior": labels.prior.digest}),
        "thresholds": dict(zip(store.class_set.names, thresholds.tolist(), strict=True)),
        "threshold_scale": 65535,
        "store_hash": store.store_hash,
        "kinds": sorted(kinds),
        "naming": naming,
        "images": hashlib.sha256("\n".join(ids).encode()).hexdigest(),
        "num_images": len(ids),
    }
    out = ExportFolder(Path(out_dir), header)
    out.begin(None, None)
    kept = total = done = 0
    for image_id in ids:
        if should_stop():
            break
        one = selected(image_id)
        for layer in layers:
            out.put(file_of(layer, stems[image_id], naming), layer.values(one), layer)
        kept += int((one.pseudo_label != IGNORE).sum())
        total += int((one.maps.label != IGNORE).sum())
        done += 1
        progress(done, len(ids))
    if is_complete := done == len(ids):
        out.finish({"coverage": kept / max(total, 1), "command": list(command)})
    return ExportReport(
        path=str(out.path), num_images=done, files=len(out.digests), bytes=out.num_bytes, verified=len(out.digests),
        coverage=kept / max(total, 1), is_complete=is_complete, first=first,
    )  # fmt: skip
