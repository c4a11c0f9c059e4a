"""Extraction inside the server: begun in the background, looked at from the first image on."""

import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.jobs import Job
from app.library import ASSETS_DIR, Library, require_writable
from app.opened import OpenStore
from esl.errors import CheckpointError, EslError
from esl.pipelines.extract import extract
from esl.pipelines.origin import note_origin, weights_hash
from esl.pipelines.recorded_network import RecordedNetwork, load_recorded, store_at
from esl.pipelines.targets import load_predictor, open_targets, open_targets_of
from esl.store.manifest import StoreManifest
from esl.store.predictions import PredictionStore

DEMO_SPLIT = "target_val"
_POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Source:
    """A checkpoint and what it shall be run over."""

    checkpoint: Path
    dataset: str
    data_root: Path | None = None
    split: str
    store: Path | None = None
    """Where the store goes; below the server's state folder, named by its source, where this is None."""
    like: StoreManifest | None = None
    """A store of the same images, whose classes, map size and interpolation the new one takes."""


def demo_checkpoint() -> Path | None:
    """The bundled checkpoint, if it is there."""
    return next(iter(sorted((ASSETS_DIR / "demo").glob("*.safetensors"))), None)


def network_name(checkpoint: Path) -> str:
    """What tells a network from others over the same images: its run and the step, or the name of its weights."""
    path = checkpoint.parent if checkpoint.stem == "model" and checkpoint.suffix else checkpoint
    if path.parent.name == "checkpoints":
        return f"{path.parent.parent.name} {path.name}"
    return path.stem if path.suffix == ".safetensors" else path.name


def store_dir(library: Library, source: Source, weights: str = "") -> Path:
    """The folder of a source's store: the same source finds its store again; other weights (by hash) get another."""
    if source.store is not None:
        return source.store
    like = source.like and (source.like.map_size, source.like.interpolate, source.like.class_set.name)
    text = f"{source.checkpoint.resolve()}|{weights}|{source.dataset}|{source.data_root}|{source.split}|{like}"
    name = f"{source.dataset}-{source.split}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return require_writable(library.stores_dir) / name.replace("/", "-")


def start_extraction(library: Library, source: Source, *, timeout: float = 120.0) -> tuple[OpenStore, Job]:
    """Begin (or go on) to extract; returns when the store is open, long before it is full.

    Raises:
        EslError: the checkpoint or the data cannot be used, the network fails, or another set keeps it busy.
    """
    begun = threading.Event()
    found: list[OpenStore] = []
    failed: list[EslError] = []

    def is_open(opened: OpenStore) -> None:
        found.append(opened)
        begun.set()

    def work(job: Job) -> dict[str, Any]:
        try:
            return _run(library, source, job, is_open)
        except EslError as error:
            failed.append(error)
            raise
        except Exception as error:
            # The job's border writes the traceback into the log; whoever waits here is to hear of it, too.
            failed.append(EslError(f"The network failed ({type(error).__name__}); the server's log says why."))
            raise
        finally:
            begun.set()

    job = library.jobs.start("extraction", work, lane="network")
    end = time.monotonic() + timeout
    while time.monotonic() < end and not job.is_over and not begun.wait(min(timeout, _POLL_SECONDS)):
        pass
    if found:
        return found[0], job
    if failed:
        raise failed[0]
    if job.state == "cancelled":
        raise EslError("Opening this set was cancelled; open it again when you want it.")
    if job.state == "queued":
        job.cancelled.set()  # else it would run later, unasked, and once more when it is asked for again
        raise EslError("The network is busy with another set; wait for it or cancel it, then open this one again.")
    raise EslError(f"The set takes long to open ({job.note}); it goes on, so open this one again in a while.")


def _run(library: Library, source: Source, job: Job, on_open: Callable[[OpenStore], None]) -> dict[str, Any]:
    job.note = "opening the data"
    like = source.like
    dataset = open_targets_of(like) if like else open_targets(source.dataset, source.data_root, source.split)
    job.note = "loading the network"
    predictor = _network(library, source)
    directory = store_dir(library, source, str(predictor.info.to_json().get("sha256", "")))
    opened_by: list[OpenStore] = []

    def take(store: PredictionStore) -> None:
        note_origin(directory, source.checkpoint)
        name = f"{source.dataset} {source.split} · {network_name(source.checkpoint)}"
        opened = library.add(store, name, source.checkpoint)
        opened.job = job.id
        if not isinstance(predictor, RecordedNetwork):
            library.keep_predictor(opened, predictor)
        opened_by.append(opened)
        on_open(opened)

    try:
        store = extract(
            predictor,
            dataset,
            directory,
            size=like.map_size if like else None,
            interpolate=like.interpolate if like else "probs",
            progress=job.progress,
            should_stop=job.should_stop,
            next_image=lambda: opened_by[0].next_wanted() if opened_by else None,
            on_open=take,
        )
    finally:
        for opened in opened_by:
            opened.job = ""
        library.release_memory()
    return {"store": str(directory), "images": store.num_done}


def _network(library: Library, source: Source) -> Any:
    """The network of a source: for a store that is there already on its device, and not loaded where that is whole."""
    weights = weights_hash(source.checkpoint)
    begun = store_at(store_dir(library, source, weights))
    if begun is None:
        return load_predictor(source.checkpoint, library.device)
    if begun.is_complete and weights and begun.manifest.model.get("sha256") == weights:
        return RecordedNetwork(source.checkpoint, begun)
    return load_recorded(source.checkpoint, begun, library.device)


def source_of(opened: OpenStore) -> Source:
    """What makes a store like this one with its checkpoint as it is now.

    Raises:
        CheckpointError: the checkpoint is not at hand.
    """
    if opened.checkpoint is None:
        raise CheckpointError("The checkpoint that made this store must be at hand; open it with its data instead.")
    manifest = opened.store.manifest
    return Source(
        checkpoint=opened.checkpoint,
        dataset=manifest.dataset,
        data_root=Path(manifest.root),
        split=manifest.split,
        like=manifest,
    )
