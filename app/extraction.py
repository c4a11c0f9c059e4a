"""Extraction inside the server: begun in the background, looked at from the first image on."""

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app.jobs import Job
from app.library import Library, require_writable
from app.opened import OpenStore
from esl.errors import EslError
from esl.pipelines.extract import extract
from esl.pipelines.targets import load_predictor, open_targets
from esl.store.predictions import PredictionStore

DEMO_SPLIT = "target_val"
_ASSETS = Path(__file__).resolve().parent.parent / "assets" / "demo"


@dataclass(frozen=True, kw_only=True)
class Source:
    """A checkpoint and what it shall be run over."""

    checkpoint: Path
    dataset: str
    data_root: Path | None = None
    split: str
    device: Literal["auto", "cpu", "cuda"] = "auto"
    store: Path | None = None
    """Where the store goes; below the server's state folder, named by its source, where this is None."""


def demo_checkpoint() -> Path | None:
    """The bundled checkpoint, if it is there."""
    return next(iter(sorted(_ASSETS.glob("*.safetensors"))), None)


def store_dir(library: Library, source: Source) -> Path:
    """The folder of a source's store: the same source finds its store again."""
    if source.store is not None:
        return source.store
    text = f"{source.checkpoint.resolve()}|{source.dataset}|{source.data_root}|{source.split}"
    name = f"{source.dataset}-{source.split}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return require_writable(library.stores_dir) / name.replace("/", "-")


def start_extraction(library: Library, source: Source, *, timeout: float = 120.0) -> tuple[OpenStore, Job]:
    """Begin (or go on) to extract; returns when the store is open, long before it is full.

    Raises:
        EslError: the checkpoint or the data cannot be used.
    """
    begun = threading.Event()
    found: list[OpenStore] = []
    failed: list[EslError] = []
    directory = store_dir(library, source)

    def is_open(opened: OpenStore) -> None:
        found.append(opened)
        begun.set()

    def work(job: Job) -> dict[str, Any]:
        try:
            return _run(library, source, directory, job, is_open)
        except EslError as error:
            failed.append(error)
            raise
        finally:
            begun.set()

    job = library.jobs.start("extraction", work, lane="network")
    begun.wait(timeout)
    if found:
        return found[0], job
    if failed:
        raise failed[0]
    raise EslError("The network is still busy with another set; wait for it or cancel it, then open this one again.")


def _run(
    library: Library, source: Source, directory: Path, job: Job, on_open: Callable[[OpenStore], None]
) -> dict[str, Any]:
    job.note = "opening the data"
    dataset = open_targets(source.dataset, source.data_root, source.split)
    job.note = "loading the network"
    predictor = load_predictor(source.checkpoint, source.device)
    opened_by: list[OpenStore] = []

    def take(store: PredictionStore) -> None:
        opened = library.add(store, f"{source.dataset} {source.split}", source.checkpoint)
        opened.job = job.id
        library.keep_predictor(opened, predictor)
        opened_by.append(opened)
        on_open(opened)

    try:
        store = extract(
            predictor,
            dataset,
            directory,
            progress=job.progress,
            should_stop=job.should_stop,
            next_image=lambda: opened_by[0].next_wanted() if opened_by else None,
            on_open=take,
        )
    finally:
        for opened in opened_by:
            opened.job = ""
    return {"store": str(directory), "images": store.num_done}
