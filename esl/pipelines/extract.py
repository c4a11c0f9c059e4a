"""Extraction: images through a network into a prediction store, once.

No label is ever opened here. While the network predicts, the images to come are read and those before are written (`overlap`).
The same call continues what an earlier one left, and ends with the same bytes.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from esl.data.dataset import PairDataset
from esl.errors import ConfigError, DataError
from esl.files import read_json
from esl.labeling.maps import Interpolate
from esl.pipelines.extraction_inputs import ImageSource, LogitSource, Regions, size_faults
from esl.pipelines.first_look import FirstLook
from esl.pipelines.origin import note_origin
from esl.pipelines.overlap import helper_threads, in_order
from esl.pipelines.precheck import require_sound
from esl.pipelines.same_classes import require_same_classes
from esl.progress import Progress, ShouldStop, never_stop, no_progress
from esl.store.predictions import MANIFEST_NAME, PredictionStore, StoreManifest

_T = TypeVar("_T")
_Inputs: TypeAlias = tuple[tuple[str, ...], NDArray[np.uint8], Regions]
"""Ids of a batch, its images (B, H, W, 3) and the valid region of each."""
_Predictions: TypeAlias = tuple[tuple[str, ...], NDArray[np.float32] | NDArray[np.float16], Regions]
"""The same with logits (B, C, h, w)."""


def extract(
    source: LogitSource | Path | str,
    dataset: ImageSource,
    store_dir: Path | str,
    *,
    size: tuple[int, int] | None = None,
    interpolate: Interpolate = "probs",
    precision: Literal["auto", "fp32", "bf16"] = "auto",
    device: Literal["auto", "cpu", "cuda"] = "auto",
    batch_size: int = 1,
    progress: Progress = no_progress,
    should_stop: ShouldStop = never_stop,
    next_image: Callable[[], str | None] = lambda: None,
    on_open: Callable[[PredictionStore], None] = lambda store: None,
    rank: int = 0,
    world: int = 1,
    say: Callable[[str], None] = lambda message: None,
) -> PredictionStore:
    """Predict all images of `dataset` into the store at `store_dir`.

    Args:
        source: a checkpoint, or whatever gives logits.
        dataset: the images.
        store_dir: a new folder, or the store that an earlier call began.
        size: (H, W) of the network's input and of all maps; by default the store's, else what the checkpoint was
            trained on, else the first image's own.
        interpolate: what derived maps resize; recorded.
        precision: resolved once, when the store is made; a later call takes what was recorded.
        device: the same.
        batch_size: images per forward pass.
        progress: told after each batch.
        should_stop: asked before each batch.
        next_image: asked before each batch is read; an image that someone is waiting for, or None.
        on_open: given the store before the first image, so that a page can show it while it grows.
        rank: number of this process among those that share the work.
        world: how many share it.
        say: gets a sentence on what the network makes of its first images.

    Returns:
        The store; incomplete where it was stopped or other ranks are not done.

    Raises:
        CheckpointError: the checkpoint cannot be used, or has other classes than the data.
        ConfigError: a setting makes no sense, or the machine lacks the store's device or precision.
        DataError: an image cannot be read, a prediction holds NaN, the store was begun with other settings, or the
            disk is full. What was written so far stays and counts.
    """
    if not dataset.image_ids:
        raise DataError(f"A data set must have images; {dataset.root} has none in split {dataset.split!r}.")
    _check_numbers(size, batch_size, rank, world)
    recorded = _recorded(Path(store_dir))
    checkpoint = source if isinstance(source, (str, Path)) else None
    if isinstance(source, (str, Path)):
        source = _load(source, device, precision, recorded)
    require_same_classes(source.info, dataset)
    if isinstance(dataset, PairDataset):
        require_sound(dataset, with_labels=False)
    manifest = _manifest(source, dataset, size, interpolate, batch_size, recorded)
    with PredictionStore.create(store_dir, manifest, rank=rank, world=world) as store:
        if checkpoint is not None and rank == 0:
            note_origin(store_dir, checkpoint)
        on_open(store)
        batches = shard(_batches(store.image_ids, batch_size), rank, world)
        look = FirstLook(dataset.class_set.names, say)
        _predict_all(source, dataset, store, batches, progress, should_stop, next_image, look)
        store.finish()
    return store


def shard(items: Sequence[_T], rank: int, world: int) -> Sequence[_T]:
    """The part of `items` that process `rank` of `world` does; together the parts are the whole, without overlap."""
    return items[rank::world]


def _check_numbers(size: tuple[int, int] | None, batch_size: int, rank: int, world: int) -> None:
    faults = size_faults(size)
    if batch_size < 1:
        faults.append(f"batch_size must be at least 1, got {batch_size}")
    if world < 1:
        faults.append(f"world must be at least 1, got {world}")
    elif not 0 <= rank < world:
        faults.append(f"rank must be 0 to {world - 1}, got {rank}")
    if faults:
        raise ConfigError(f"Settings of an extraction must make sense: {'; '.join(faults)}.")


def _recorded(store_dir: Path) -> StoreManifest | None:
    path = store_dir / MANIFEST_NAME
    return StoreManifest.from_json(read_json(path), path) if path.exists() else None


def _load(checkpoint: Path | str, device: Any, precision: Any, recorded: StoreManifest | None) -> LogitSource:
    from esl.models.predictor import Predictor

    if recorded is not None:
        device = recorded.device if device == "auto" else device
        precision = recorded.precision if precision == "auto" else precision
    return Predictor.load(checkpoint, device=device, precision=precision)


def _manifest(
    source: LogitSource,
    dataset: ImageSource,
    size: tuple[int, int] | None,
    interpolate: Interpolate,
    batch_size: int,
    recorded: StoreManifest | None,
) -> StoreManifest:
    if recorded is not None:
        size = size or recorded.map_size
        shape, dtype = recorded.logits_shape, recorded.logits_type
    else:
        size = size or _default_size(source, dataset)
        # A blank image tells the logits' size before anything is on disk.
        blank = source.predict(np.zeros((1, *size, 3), np.uint8))[0]
        shape, dtype = blank.shape, "float16" if blank.dtype == np.float16 else "float32"
    return StoreManifest(
        dataset=dataset.name,
        root=str(Path(dataset.root).absolute()),
        split=dataset.split,
        class_set=dataset.class_set,
        label_format=dataset.label_format,
        image_ids=tuple(dataset.image_ids),
        map_size=size,
        logits_shape=shape,
        logits_type=dtype,
        interpolate=interpolate,
        precision=source.precision,
        device=source.device,
        batch_size=batch_size,
        model=_model_record(source.info),
    )


def _default_size(source: LogitSource, dataset: ImageSource) -> tuple[int, int]:
    trained_on = source.info.to_json().get("provenance", {}).get("input_size")
    if trained_on:
        return int(trained_on[0]), int(trained_on[1])
    height, width = dataset.read_image(dataset.image_ids[0]).shape[:2]
    return height, width


def _model_record(info: Any) -> dict[str, Any]:
    value = {k: v for k, v in info.to_json().items() if k not in ("format", "version", "provenance", "heads")}
    name = "-".join(str(value[k]) for k in ("architecture", "backbone") if k in value) or "custom"
    if info.to_json().get("provenance", {}).get("chosen_on_target_labels"):
        name += " (chosen on target labels)"  # so that every number made of these predictions says it
    return {"name": name, **value}


def _batches(image_ids: Sequence[str], batch_size: int) -> list[tuple[str, ...]]:
    return [tuple(image_ids[i : i + batch_size]) for i in range(0, len(image_ids), batch_size)]


def _predict_all(
    source: LogitSource,
    dataset: ImageSource,
    store: PredictionStore,
    batches: Sequence[tuple[str, ...]],
    progress: Progress,
    should_stop: ShouldStop,
    next_image: Callable[[], str | None],
    look: FirstLook,
) -> None:
    total = sum(map(len, batches))
    pending = [batch for batch in batches if not all(map(store.has, batch))]
    done = total - sum(not store.has(i) for batch in pending for i in batch)
    progress(done, total)
    readers = helper_threads(source.device)

    def read(batch: tuple[str, ...]) -> _Inputs:
        images, regions = zip(*(dataset.read_input(image_id, store.map_size) for image_id in batch), strict=True)
        return batch, np.stack(images), regions

    def predictions(inputs: Iterable[_Inputs]) -> Iterator[_Predictions]:
        for batch, images, regions in inputs:
            if should_stop():
                return
            # A batch that was cut short is predicted whole again: its last bits may depend on its company.
            yield batch, source.predict(images), regions

    def write(predicted: _Predictions) -> tuple[_Predictions, int]:
        absent = [one for one in zip(*predicted, strict=True) if not store.has(one[0])]
        for image_id, logits, region in absent:
            store.write(image_id, logits, region)
        return predicted, len(absent)

    with (
        closing(in_order(read, _Order(pending, next_image), threads=readers, ahead=readers)) as inputs,
        # One writer, since a store is written by one thread at a time.
        closing(in_order(write, predictions(inputs))) as written,
    ):
        for predicted, count in written:
            for image_id, logits, region in zip(*predicted, strict=True):
                look.add(logits, store.map_size, region, image_id)
            done += count
            progress(done, total)
    look.finish()


class _Order:
    """Pending batches in turn, but first those that someone waits for."""

    def __init__(self, pending: Sequence[tuple[str, ...]], next_image: Callable[[], str | None]) -> None:
        self._pending = dict.fromkeys(pending)
        self._batch_of = {image_id: batch for batch in pending for image_id in batch}
        self._next_image = next_image

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        """Each batch once; `next_image` is asked before each."""
        while self._pending:
            wanted = self._next_image()
            batch = self._batch_of.get(wanted) if wanted is not None else None
            if batch is None or batch not in self._pending:
                batch = next(iter(self._pending))
            del self._pending[batch]
            yield batch
