"""Translate a whole split into a data set of its own.

    manifest.json       what was translated by which weights; `complete` when all is there
    dataset.toml        so that it opens as data set `folder`, split `all` or the split's own name
    images/             the translations, 8-bit PNG, under their images' names
    labels/             links to the labels (or labels brought to the translations' size)
    lists/SPLIT.txt
    sheet.png           originals and translations side by side

Every file appears whole or not at all; a call that finds a part of them does the rest.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from esl.classes import CLASS_SETS
from esl.config import DataConfig, SelectionConfig, TrainConfig
from esl.config.translation import TranslationConfig
from esl.data.dataset import PairDataset
from esl.data.opening import open_dataset
from esl.data.transforms import resize_image
from esl.errors import ConfigError, DataError
from esl.files import is_partial, read_json, safe_join, sweep_partial_files, write_json, write_text
from esl.images import image_size, read_ids, read_image, resize_label, write_png
from esl.models.translation import Generator
from esl.pipelines.precheck import require_sound
from esl.pipelines.run_record import Accelerator
from esl.pipelines.translate_image import Statistics, TilePlan, load_generator, translate_image
from esl.pipelines.translate_train import checkpoint_digest, translation_checkpoint
from esl.progress import Progress, ShouldStop, never_stop, no_progress

MANIFEST = "manifest.json"
SHEET = "sheet.png"
_SHEET_ROWS, _SHEET_HEIGHT, _SHEET_GAP = 6, 192, 4
Direction = Literal["to_target", "to_source"]


@dataclass(frozen=True, kw_only=True)
class ApplyPlan:
    """What to translate, and how."""

    direction: Direction = "to_target"
    """`to_target` gives source images the target's style."""
    data: DataConfig = field(default_factory=DataConfig)
    """The images; empty takes those that the run was trained on."""
    data_root: Path = Path()
    """Their folder, where it is not the one that the run had."""
    size: tuple[int, int] = (0, 0)
    """(height, width) to translate at; (0, 0) is each image's own."""
    own_size: bool = False
    """Bring what was translated at `size` back to each image's own size, so that labels fit as they are."""
    tile: int = 0
    """Greatest side that goes through the network at once, a multiple of 4; 0 takes whole images."""
    statistics: Statistics = "instance"
    """What instance norm divides by: each image's own numbers, as in training, or the running ones."""

    def __post_init__(self) -> None:
        if (self.size == (0, 0)) != (min(self.size) <= 0):
            raise ConfigError(f"A size must be (height, width), or (0, 0) for each image's own; got {self.size}.")
        TilePlan(tile=self.tile, statistics=self.statistics)


def apply_translation(
    run: Path | str,
    out: Path | str,
    plan: ApplyPlan,
    *,
    device: Accelerator = "auto",
    progress: Progress = no_progress,
    should_stop: ShouldStop = never_stop,
) -> dict[str, Any]:
    """Translate all images of a split, or those that an earlier call left.

    Args:
        run: a run of translation, or one of its checkpoints.
        out: a new folder, or the result that an earlier call began.
        plan: what and how.
        device: `auto` takes CUDA where there is one.
        progress: told after each image.
        should_stop: asked before each image.

    Returns:
        The manifest; `complete` is false where the call was stopped.

    Raises:
        CheckpointError: the weights cannot be used.
        ConfigError: a setting makes no sense.
        DataError: an image or label cannot be used, the disk is full, or `out` holds something else.
    """
    folder, out = translation_checkpoint(run), Path(out)
    trained = TranslationConfig.from_json(read_json(folder / "state.json")["config"])
    dataset = _open(trained, plan)
    require_sound(dataset, with_labels=plan.direction == "to_target")
    manifest = _begin(folder, out, plan, dataset)
    sweep_partial_files(out, "**/*")  # of an earlier call that was killed
    waiting = [i for i in dataset.image_ids if not _translated(out, i).is_file()]
    done = len(dataset) - len(waiting)
    progress(done, len(dataset))
    if waiting:
        generator = load_generator(folder, trained, plan.direction, plan.statistics, device)
        for image_id in waiting:
            if should_stop():
                return manifest
            _translate_one(generator, dataset, image_id, out, plan)
            done += 1
            progress(done, len(dataset))
    for image_id in dataset.image_ids:
        _place_label(dataset, image_id, out, plan.direction)
    _describe(dataset, out)
    sheet = write_contact_sheet(dataset, out)
    manifest = manifest | {"complete": True, "sheet": sheet.name}
    write_json(out / MANIFEST, manifest)
    return manifest


def _open(trained: TranslationConfig, plan: ApplyPlan) -> PairDataset:
    data = plan.data or (trained.source if plan.direction == "to_target" else trained.target)
    root = plan.data_root if plan.data_root != Path() else data.root
    class_set_name = None if data.dataset == "folder" and plan.data else trained.class_set
    return open_dataset(data.dataset, root, data.split, class_set_name)


def _begin(folder: Path, out: Path, plan: ApplyPlan, dataset: PairDataset) -> dict[str, Any]:
    told = {
        "format": "esl-translation",
        "version": 1,
        "generator": checkpoint_digest(folder, plan.direction),
        "direction": plan.direction,
        "size": list(plan.size),
        "own_size": plan.own_size,
        "tile": plan.tile,
        "statistics": plan.statistics,
        "dataset": dataset.name,
        "split": dataset.split,
        "class_set": dataset.class_set.name,
        "images": list(dataset.image_ids),
    }
    if not (out / MANIFEST).is_file():
        if out.is_dir() and not all(map(is_partial, out.iterdir())):
            raise DataError(f"A translated data set needs an empty folder: {out} holds other files. Choose another.")
        record = {**told, "root": str(Path(dataset.root).absolute()), "checkpoint": str(folder), "complete": False}
        write_json(out / MANIFEST, record)
        return record
    record = read_json(out / MANIFEST)
    changed = [f"{k}: {record.get(k)} -> {v}" for k, v in told.items() if record.get(k) != v and k != "images"]
    if record.get("images") != told["images"]:
        changed.append("the list of images")
    if changed:
        raise DataError(
            f"A translation must go on as it began; {out} differs in {'; '.join(changed)}. Use another --out."
        )
    return record


def _translated(out: Path, image_id: str) -> Path:
    return safe_join(out, f"images/{Path(image_id).with_suffix('.png').as_posix()}")


def _translate_one(generator: Generator, dataset: PairDataset, image_id: str, out: Path, plan: ApplyPlan) -> None:
    image = dataset.read_image(image_id)
    own_size = (image.shape[0], image.shape[1])
    if plan.size != (0, 0):
        image = resize_image(image, plan.size)
    if min(image.shape[:2]) < 8:
        raise DataError(
            f"An image must have at least 8 by 8 pixels to be translated; {image_id} has {image.shape[:2]}."
        )
    made = translate_image(generator, image, TilePlan(tile=plan.tile, statistics=plan.statistics))
    write_png(_translated(out, image_id), resize_image(made, own_size) if plan.own_size else made)


def _place_label(dataset: PairDataset, image_id: str, out: Path, direction: Direction) -> None:
    """Link the label where the translation has its image's size; else bring it to that size.

    A link opens nothing. Labels of target images are linked or left out: adaptation never looks at them.
    """
    sample, label = dataset.sample(image_id), out / "labels" / Path(image_id).with_suffix(".png")
    path = sample.label_path
    if path is None or not path.is_file() or os.path.lexists(label):
        return
    size = image_size(_translated(out, image_id))
    is_builtin = _is_builtin(dataset)
    is_plain = is_builtin and dataset.encoding == "ids" and path.suffix.lower() == ".png"
    if is_plain and image_size(sample.image_path) == size:
        label.parent.mkdir(parents=True, exist_ok=True)
        os.symlink(path.resolve(), label)
    elif direction == "to_target":
        ids = read_ids(path, encoding=dataset.encoding) if is_builtin else dataset.read_label(image_id)
        write_png(label, resize_label(ids, size))


def _is_builtin(dataset: PairDataset) -> bool:
    """Whether a built-in class set knows what the ids in the label files mean; else labels are written as train ids."""
    known = CLASS_SETS.get(dataset.class_set.name)
    return known is not None and dataset.label_format in known.label_formats


def _describe(dataset: PairDataset, out: Path) -> None:
    classes = dataset.class_set
    if classes.name in CLASS_SETS:
        label_format = dataset.label_format if _is_builtin(dataset) else "train_ids"
        lines = [f"class_set = {json.dumps(classes.name)}", f"label_format = {json.dumps(label_format)}"]
    else:
        colors = [list(map(int, color)) for color in classes.colors]
        lines = [f"classes = {json.dumps(list(classes.names))}", f"colors = {json.dumps(colors)}"]
    split = Path(dataset.split).name or "all"
    lines += ["", "[splits]", f"{json.dumps(split)} = {json.dumps(f'lists/{split}.txt')}"]
    names = [Path(i).with_suffix(".png").as_posix() for i in dataset.image_ids]
    write_text(out / "lists" / f"{split}.txt", "\n".join(names) + "\n")
    write_text(out / "dataset.toml", "\n".join(lines) + "\n")


def translated_data(data: DataConfig, out: Path) -> DataConfig:
    """`data` with its translations in place of its images."""
    return replace(data, dataset="folder", root=out, split=Path(data.split).name or "all")


def on_translated_source(config: TrainConfig, out: Path) -> TrainConfig:
    """`config` with translations of its source images.

    Where source and target are splits of one data set, the source can then no longer be told from the target by its
    name, so that selection on a split of it would count as target labels: it is left out, and the last checkpoint is
    the run's.
    """
    selection = config.selection
    is_doubtful = bool(selection.data) and selection.data.dataset == config.target.dataset
    if is_doubtful and not selection.allow_target_labels:
        selection = SelectionConfig()
    return replace(config, source=translated_data(config.source, out), selection=selection)


def require_translated(out: Path, data: DataConfig) -> None:
    """Hold a result of `translate apply` to being whole, and of the images of `data`.

    Raises:
        ConfigError: no folder is named, or it is of another data set or split, or to the source's style.
        DataError: there is no such result, or it is not complete.
    """
    if out == Path():
        raise ConfigError(
            "Training on translated source images needs their folder: --translated DIR (translate apply)."
        )
    record = read_json(out / MANIFEST)
    told = tuple(record.get(k) for k in ("dataset", "split", "direction"))
    if told != (data.dataset, data.split, "to_target"):
        raise ConfigError(
            f"Translated images must be those of {data.dataset} {data.split!r}, to_target; {out} holds {told}."
        )
    if not record.get("complete"):
        raise DataError(f"A translated set must be complete; {out} is not. Run the same `translate apply` to its end.")


def write_contact_sheet(dataset: PairDataset, out: Path) -> Path:
    """Six pairs spread evenly over the set, original left, translation right, as `sheet.png`."""
    count = min(_SHEET_ROWS, len(dataset))
    chosen = [dataset.image_ids[i * len(dataset) // count] for i in range(count)]
    write_png(out / SHEET, contact_sheet([(dataset.read_image(i), read_image(_translated(out, i))) for i in chosen]))
    return out / SHEET


def contact_sheet(pairs: Sequence[tuple[NDArray[np.uint8], NDArray[np.uint8]]]) -> NDArray[np.uint8]:
    """(H, W, 3) of pairs of images, one pair a row, all cells of one size on white."""
    height, width = pairs[0][1].shape[:2]
    cell = (_SHEET_HEIGHT, max(1, round(width * _SHEET_HEIGHT / height)))
    rows = len(pairs)
    sheet = np.full((rows * (cell[0] + _SHEET_GAP) - _SHEET_GAP, 2 * cell[1] + _SHEET_GAP, 3), 255, np.uint8)
    for row, pair in enumerate(pairs):
        top = row * (cell[0] + _SHEET_GAP)
        for column, image in enumerate(pair):
            left = column * (cell[1] + _SHEET_GAP)
            sheet[top : top + cell[0], left : left + cell[1]] = resize_image(image, cell)
    return sheet
