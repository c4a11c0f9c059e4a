"""A quick look at a data set before hours are spent on it."""

from typing import Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.routes.lookup import LibraryDep

router = APIRouter()


class DataQuestion(BaseModel):
    """Body of `POST /data-check`: one split of one data set."""

    dataset: str = Field(min_length=1, max_length=100)
    root: str = Field("", max_length=1000)
    split: str = Field(max_length=200)
    class_set: str = Field("", max_length=100)


@router.post("/data-check")
def check_data(question: DataQuestion, library: LibraryDep) -> dict[str, Any]:
    """Headers and ends of all files and a sample of labels; the root must lie below the server's."""
    from esl.pipelines.data_check import data_check  # brings torch, which the page must not wait for

    root = library.confine(question.root) if question.root.strip() else None
    report = data_check(question.dataset, root, question.split, class_set_name=question.class_set or None)
    return {
        "images": report.num_images,
        "labels": report.num_labels,
        "expected": report.num_expected,
        "sizes": report.sizes,
        "seconds": report.seconds,
        "is_sound": report.is_sound,
        "stops_a_run": report.stops_a_run,
        "findings": [{"level": f.level, "message": f.message} for f in report.findings],
    }
