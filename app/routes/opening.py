"""Opening a store, or running a checkpoint over a data set, from the page."""

import hashlib
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.extraction import DEMO_SPLIT, Source, demo_checkpoint, source_of, start_extraction
from app.library import Library
from app.routes.answers import ApiError
from app.routes.lookup import LibraryDep, StoreDep
from esl.pipelines.origin import stale_sentence
from esl.pipelines.targets import dataset_names

router = APIRouter()


class OpenQuestion(BaseModel):
    """Body of `POST /open`: a store, the demo, or a checkpoint and a data set."""

    store: str = Field("", max_length=1000)
    demo: bool = False
    checkpoint: str = Field("", max_length=1000)
    dataset: str = Field("", max_length=100)
    data_root: str = Field("", max_length=1000)
    split: str = Field("", max_length=200)


@router.get("/open")
def what_there_is(library: LibraryDep) -> dict[str, Any]:
    """Checkpoints below the server's roots, and stores there that are not open yet."""
    are_open = {opened.store.directory.resolve() for opened in library.stores()}
    return {
        "checkpoints": [_entry(library, path) for path in library.found_checkpoints()],
        "stores": [_entry(library, path) for path in library.found_stores() if path not in are_open],
        "datasets": list(dataset_names()),
        "roots": [str(root) for root in library.roots],
        "demo": demo_checkpoint() is not None,
    }


@router.post("/open")
def open_one(question: OpenQuestion, library: LibraryDep) -> dict[str, Any]:
    """Open a store, or begin to make one; the answer names the store, which grows meanwhile."""
    if question.store:
        path = _named(library, question.store, library.found_stores())
        return {"sid": library.open(path).sid, "job": ""}
    source = _demo_source() if question.demo else _source(question, library)
    opened, job = start_extraction(library, source)
    return {"sid": opened.sid, "job": job.id}


@router.get("/stores/{sid}/origin")
def origin(opened: StoreDep) -> dict[str, str]:
    """Which checkpoint made the store, and in one sentence how it has changed since; empty where that is not known."""
    if opened.checkpoint is None:
        return {"checkpoint": "", "stale": ""}
    return {"checkpoint": opened.checkpoint.name, "stale": stale_sentence(opened.store, opened.checkpoint)}


@router.post("/stores/{sid}/again")
def again(opened: StoreDep, library: LibraryDep) -> dict[str, Any]:
    """Predict the same images with the checkpoint as it is now, into a store of their own."""
    renewed, job = start_extraction(library, source_of(opened))
    return {"sid": renewed.sid, "job": job.id}


def _demo_source() -> Source:
    checkpoint = demo_checkpoint()
    if checkpoint is None:
        raise ApiError(404, "The bundled demo is not here; name a checkpoint.")
    return Source(checkpoint=checkpoint, dataset="demo", split=DEMO_SPLIT)


def _source(question: OpenQuestion, library: Library) -> Source:
    if not (question.checkpoint and question.dataset and question.split):
        raise ApiError(400, "Name a store, or a checkpoint, a data set and a split.")
    root = library.confine(question.data_root) if question.data_root else None
    checkpoint = _named(library, question.checkpoint, library.found_checkpoints())
    return Source(checkpoint=checkpoint, dataset=question.dataset, data_root=root, split=question.split)


def _named(library: Library, text: str, found: list[Path]) -> Path:
    """A path by the id that `GET /open` gave it, or as text below a root."""
    return next((path for path in found if _id(path) == text), None) or library.confine(text)


def _entry(library: Library, path: Path) -> dict[str, str]:
    for root in library.roots:
        if path.is_relative_to(root.resolve()):
            return {"id": _id(path), "name": str(path.relative_to(root.resolve())), "path": str(path)}
    return {"id": _id(path), "name": path.name, "path": str(path)}


def _id(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:12]
