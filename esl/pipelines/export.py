"""Pseudo-labels as files: written whole, read again, and told apart from any other export by a manifest."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from esl.errors import ConfigError, DataError
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import ScoreHistogram, Thresholds, class_thresholds
from esl.pipelines.audit import kept_counts
from esl.pipelines.export_folder import MANIFEST_NAME, ExportFolder, Tally
from esl.pipelines.export_kinds import Layer, Naming, Selected, file_names, file_of, layers_of
from esl.pipelines.export_tables import audit_tables
from esl.progress import Progress, ShouldStop, never_stop, no_progress
from esl.store.predictions import PredictionStore
from esl.store.recipes import Recipe, VerdictMask

FORMAT = "esl-pseudo-labels"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class ExportReport:
    """What an export wrote, or would write."""

    path: str
    num_images: int
    files: int
    bytes: int
    """Estimated from the first image in a dry run."""
    verified: int
    """Files that were read again and held exactly what they should."""
    coverage: float
    """Kept share of all predicted pixels; 0 in a dry run."""
    is_complete: bool
    first: str
    """The first file's relative path."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def to_text(self) -> str:
        """One sentence."""
        if not self.verified:
            return f"{self.files} files, about {self.bytes / 1e6:.1f} MB, would go to {self.path}; the first is {self.first}"
        state = "" if self.is_complete else " Stopped before the end; the same command goes on."
        return (
            f"{self.files} files of {self.num_images} images in {self.path}, {self.verified} read again and equal; "
            f"{100 * self.coverage:.1f} % of the pixels kept.{state}"
        )


def export_labels(
    store: PredictionStore,
    recipe: Recipe,
    out_dir: Path | str,
    *,
    kinds: Sequence[str] = ("train_ids",),
    mask: VerdictMask | None = None,
    scores: ScoreHistogram | None = None,
    image_ids: Sequence[str] | None = None,
    naming: Naming = "path",
    command: Sequence[str] = (),
    dry_run: bool = False,
    progress: Progress = no_progress,
    should_stop: ShouldStop = never_stop,
) -> ExportReport:
    """Write the pseudo-labels that a recipe chooses from a store.

    Every file appears whole, is read again and compared; an export that was stopped or killed goes on by the same call, and
    files that are right already stay untouched. `manifest.json` says `is_complete` once all are.

    Paper: Eq. (5) and (7), Sec. 3.3.

    Args:
        store: complete.
        recipe: criterion and rule; its `store` is the hash of the store that `scores` belong to.
        out_dir: a new folder, or one that the same export began.
        kinds: see `export_kinds.Kind`.
        mask: the verdicts that the recipe names.
        scores: histogram behind the medians, where it is another store's.
        image_ids: some images only.
        naming: see `export_kinds.Naming`.
        command: for the record.
        dry_run: only say what would be written.
        progress: told after each image.
        should_stop: asked before each image.

    Raises:
        DataError: the store is not complete, the folder holds something else, or a file cannot be written.
        ConfigError: recipe, mask, kinds or images do not fit.
    """
    ids = list(store.image_ids if image_ids is None else image_ids)
    _check(store, recipe, mask, scores, ids)
    thresholds = class_thresholds(store.histogram() if scores is None else scores, recipe.rule)
    layers = layers_of(kinds, store.class_set, store.manifest.label_format)
    plan = _plan(ids, layers, naming)
    select = _selector(store, recipe, mask, thresholds)
    counts = kept_counts(store) if "statistics" in kinds else None
    if dry_run:
        num_texts = (2 if counts is None else 4) * ("statistics" in kinds) + ("verdicts" in kinds and mask is not None)
        return _foretell(Path(out_dir), ids, layers, plan, select, num_texts)
    out = ExportFolder(Path(out_dir), _header(store, recipe, thresholds, kinds, naming, ids))
    out.begin(recipe, mask)
    tally = Tally(store.class_set.names)
    for done, image_id in enumerate(ids, start=1):
        if should_stop():
            break
        one = select(image_id)
        for layer, name in zip(layers, plan[image_id], strict=True):
            out.put(name, layer.values(one), layer)
        tally.add(image_id, one)
        progress(done, len(ids))
    if is_complete := len(tally.images) == len(ids):
        if "statistics" in kinds:
            out.put_text("statistics/classes.csv", tally.class_csv(thresholds))
            out.put_text("statistics/images.csv", tally.image_csv())
        if counts is not None:
            behind = store.histogram() if scores is None else scores
            for name, text in audit_tables(counts, behind, recipe.rule, store.class_set.names).items():
                out.put_text(name, text)
        if "verdicts" in kinds and mask is not None:
            out.put_json("verdicts.json", mask.to_json())
        out.finish({**tally.to_json(), "command": list(command)})
    first = plan[ids[0]][0] if layers else MANIFEST_NAME
    return ExportReport(
        path=str(out.path), num_images=len(tally.images), files=len(out.digests), bytes=out.num_bytes,
        verified=len(out.digests), coverage=tally.coverage, is_complete=is_complete, first=first,
    )  # fmt: skip


def _check(
    store: PredictionStore, recipe: Recipe, mask: VerdictMask | None, scores: ScoreHistogram | None, ids: Sequence[str]
) -> None:
    if not store.is_complete and scores is None:
        raise DataError(
            f"Medians need the whole set; {store.directory} has {store.num_done} of {len(store.image_ids)} images. "
            "Let extract finish first."
        )
    if scores is None and recipe.store != store.store_hash:
        raise ConfigError(
            f"A recipe applies to its own store; it names {recipe.store[:12]}, {store.directory} is {store.store_hash[:12]}. "
            "Save it again for this store."
        )
    if recipe.mask != ("" if mask is None else mask.id):
        raise ConfigError("A recipe that names a mask of verdicts needs that mask, and no other.")
    missing = [i for i in ids if not store.has(i)]
    if missing or not ids:
        raise DataError(
            f"An export needs images that are in the store; {missing[0] if missing else 'no image'} is not."
        )


def _plan(ids: Sequence[str], layers: Sequence[Layer], naming: Naming) -> dict[str, tuple[str, ...]]:
    """Image id -> its files, in the order of the layers."""
    stems = file_names(ids, naming)
    plan = {i: tuple(file_of(layer, stems[i], naming) for layer in layers) for i in ids}
    names = [name for files in plan.values() for name in files]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(
            f"Files of an export need names of their own; {twice} is both a label and a layer. Export fewer kinds."
        )
    return plan


def _selector(
    store: PredictionStore, recipe: Recipe, mask: VerdictMask | None, thresholds: Thresholds
) -> Callable[[str], Selected]:
    def select(image_id: str) -> Selected:
        maps = store.maps(image_id)
        label = select_pseudo_label(maps, thresholds, recipe.criterion)
        if mask is not None:
            label = mask.apply(image_id, label, maps.label)
        return Selected(maps, label, thresholds)

    return select


def _foretell(
    path: Path,
    ids: Sequence[str],
    layers: Sequence[Layer],
    plan: Mapping[str, tuple[str, ...]],
    select: Callable[[str], Selected],
    num_texts: int,
) -> ExportReport:
    one = select(ids[0])
    size = sum(len(layer.encode(layer.values(one))) for layer in layers)
    return ExportReport(
        path=str(path), num_images=len(ids), files=len(ids) * len(layers) + num_texts, bytes=size * len(ids), verified=0,
        coverage=0.0, is_complete=False, first=plan[ids[0]][0] if layers else MANIFEST_NAME,
    )  # fmt: skip


def _header(
    store: PredictionStore,
    recipe: Recipe,
    thresholds: Thresholds,
    kinds: Sequence[str],
    naming: Naming,
    ids: Sequence[str],
) -> dict[str, Any]:
    """What makes this export this one; a folder that says otherwise belongs to another."""
    manifest = store.manifest
    per_class = {
        name: {
            "mu": int(thresholds.mu[c]), "nu": int(thresholds.nu[c]), "is_absent": bool(thresholds.absent[c]),
            "mu_median_binds": bool(thresholds.mu_median_binds[c]),
            "nu_median_binds": bool(thresholds.nu_median_binds[c]),
        }
        for c, name in enumerate(manifest.class_set.names)
    }  # fmt: skip
    return {
        "format": FORMAT,
        "version": VERSION,
        "store_hash": store.store_hash,
        "recipe": recipe.id,
        "criterion": recipe.criterion,
        "rule": recipe.rule.to_json(),
        "mask": recipe.mask,
        "thresholds": per_class,
        "threshold_scale": 65535,
        "kinds": sorted(kinds),
        "naming": naming,
        "dataset": manifest.dataset,
        "split": manifest.split,
        "class_set": manifest.class_set.name,
        "map_size": list(manifest.map_size),
        "interpolate": manifest.interpolate,
        "precision": manifest.precision,
        "model": dict(manifest.model),
        "images": hashlib.sha256("\n".join(ids).encode()).hexdigest(),
        "num_images": len(ids),
    }
