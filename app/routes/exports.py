"""Exports: pseudo-labels as files, written in the background and read again."""

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from app.jobs import Job
from app.library import Library
from app.opened import OpenStore
from app.routes.answers import ApiError
from app.routes.lookup import LibraryDep, store_of
from app.routes.recipes import read_recipe
from esl.labeling.thresholds import ScoreHistogram, class_thresholds
from esl.pipelines.export import ExportReport, export_labels
from esl.pipelines.export_class_balanced import export_class_balanced
from esl.pipelines.figures import write_plates
from esl.store.recipes import Recipe

router = APIRouter()


class ExportQuestion(BaseModel):
    """Body of `POST /exports`."""

    sid: str
    recipe: str = ""
    portion: float | None = Field(None, gt=0, le=1, allow_inf_nan=False)
    """CBST's labels of this portion, instead of a recipe's."""
    kinds: list[str] = Field(default_factory=lambda: ["train_ids"], min_length=1, max_length=20)
    images: list[int] | None = None
    naming: Literal["path", "cityscapes"] = "path"
    dry_run: bool = False


@router.post("/exports")
def export(request: Request, question: ExportQuestion, library: LibraryDep) -> dict[str, Any]:
    """Begin an export, or say what it would write."""
    opened = store_of(request, question.sid)
    if question.portion is not None:
        return _class_balanced(question, opened, question.portion, library)
    recipe, mask = read_recipe(library, question.recipe)
    # Figures need the photo, which the export of labels never opens; they follow it.
    kinds = [kind for kind in question.kinds if kind != "figures"] or ["statistics"]
    options: dict[str, Any] = {
        "kinds": kinds,
        "mask": mask,
        "scores": _scores(library, opened, recipe),
        "image_ids": _image_ids(question, opened),
        "naming": question.naming,
    }
    folder = _folder(library, question, opened, recipe.id)
    image_ids = options["image_ids"] or list(opened.store.image_ids)
    with_figures = "figures" in question.kinds
    if question.dry_run:
        said = export_labels(opened.store, recipe, folder, dry_run=True, **options)
        return _foretold(said, num_more=len(image_ids) if with_figures else 0)

    def work(job: Job) -> dict[str, Any]:
        total = len(image_ids) * (2 if with_figures else 1)
        report = export_labels(
            opened.store,
            recipe,
            folder,
            progress=lambda done, _, note="": job.progress(done, total, note),
            should_stop=job.should_stop,
            **options,
        ).to_json()
        if with_figures and not job.should_stop():
            thresholds = class_thresholds(options["scores"] or opened.histogram(), recipe.rule)
            files, num_bytes = write_plates(
                opened.store, thresholds, image_ids, folder / "figures", pictures=opened.targets,
                progress=lambda n, _, note="": job.progress(len(image_ids) + n, total, "figures"), should_stop=job.should_stop,
            )  # fmt: skip
            report = {**report, "files": report["files"] + files, "bytes": report["bytes"] + num_bytes}
        return report

    return {"job": library.jobs.start("export", work, lane="export").id}


def _class_balanced(question: ExportQuestion, opened: OpenStore, portion: float, library: Library) -> dict[str, Any]:
    """CBST's labels, which need no recipe: the portion says it all."""
    folder = _folder(library, question, opened, f"cbst-{portion!r}")
    options: dict[str, Any] = {
        "portion": portion,
        "kinds": question.kinds,
        "image_ids": _image_ids(question, opened),
        "naming": question.naming,
    }
    said = export_class_balanced(opened.store, folder, dry_run=True, **options)  # raises now what makes no sense
    if question.dry_run:
        return _foretold(said)

    def work(job: Job) -> dict[str, Any]:
        report = export_class_balanced(
            opened.store, folder, progress=job.progress, should_stop=job.should_stop, **options
        )
        return report.to_json()

    return {"job": library.jobs.start("export", work, lane="export").id}


def _foretold(said: ExportReport, num_more: int = 0) -> dict[str, Any]:
    return {
        "dry_run": True,
        "num_images": said.num_images,
        "num_files": said.files + num_more,
        "num_bytes": said.bytes,
        "first": said.first,
        "path": said.path,
    }


def _scores(library: Library, opened: OpenStore, recipe: Recipe) -> ScoreHistogram | None:
    """The histogram behind the recipe's medians where it belongs to another store, e.g. the training set's."""
    if recipe.store == opened.store.store_hash:
        return None
    for other in library.stores():
        if other.store.store_hash == recipe.store and other.num_classes == opened.num_classes:
            return other.histogram()
    raise ApiError(409, "The store whose medians this recipe takes must be open here; open it, or save a new recipe.")


def _image_ids(question: ExportQuestion, opened: OpenStore) -> list[str] | None:
    if question.images is None:
        return None
    count = len(opened.store.image_ids)
    if not question.images or not all(0 <= i < count for i in question.images):
        raise ApiError(400, f"images must hold at least one index from 0 to {count - 1}.")
    return [opened.store.image_ids[i] for i in sorted(set(question.images))]


def _folder(library: Library, question: ExportQuestion, opened: OpenStore, name: str) -> Path:
    """The same export finds its folder again; no part of the name comes from the request as it is."""
    what = [opened.store.store_hash, sorted(question.kinds), question.naming, sorted(set(question.images or []))]
    digest = hashlib.sha256(json.dumps(what).encode()).hexdigest()[:8]
    return library.exports_dir / f"{name}-{digest}"
