"""Numbers of the whole set: joint histogram, exact marginals, and the ranking of images at any thresholds."""

import json
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray
from pydantic import BaseModel, Field

from app.filters import ImageFacts, passing
from app.jobs import Job
from app.library import Library
from app.opened import OpenStore
from app.routes.answers import ApiError, binary, caching, etag_of, not_modified, unchanged
from app.routes.lookup import LibraryDep, StoreDep, thresholds_of
from app.set_numbers import SetNumbers
from esl.errors import DataError
from esl.labeling.comparison import BoundaryCounts
from esl.labeling.maps import SCALE
from esl.pipelines.ranking import RankTable

router = APIRouter(prefix="/stores/{sid}")
KEYS = (
    "index", "ssl_only", "esl_only", "err_ssl", "err_esl", "err_diff", "coverage", "coverage_ssl",
    "boundary", "entropy", "class", "verdicts",
)  # fmt: skip
_BOUNDARY_PX = "2"
Range = Annotated[list[Annotated[int, Field(ge=0, le=SCALE)]], Field(min_length=2, max_length=2)]


class Brush(BaseModel):
    """A box in the joint density of one class; inclusive."""

    cls: int = Field(ge=0)
    e: Range = [0, SCALE]
    p: Range = [0, SCALE]


class RankQuestion(BaseModel):
    """Body of `rank`."""

    mu: list[int]
    nu: list[int]
    key: str = "index"
    filter: str = Field("", max_length=500)
    cls: int = Field(0, alias="class", ge=0)
    brush: Brush | None = None


class Levels(BaseModel):
    """Thresholds of a request."""

    mu: list[int]
    nu: list[int]


@router.get("/hist")
def hist(request: Request, opened: StoreDep, library: LibraryDep) -> Response:
    """[C, 3, 256, 256] u32 of the images counted so far."""
    return _set_answer(request, opened, library.numbers(opened), "hist", lambda n: n.joint().tobytes())


@router.get("/marginals")
def marginals(request: Request, opened: StoreDep, library: LibraryDep) -> Response:
    """Exact score histograms, sparse."""
    return _set_answer(request, opened, library.numbers(opened), "marginals", SetNumbers.sparse_marginals)


@router.post("/rank")
def rank_answer(question: RankQuestion, opened: StoreDep, library: LibraryDep) -> Response:
    """Order the images by what these thresholds do to each."""
    # Written as it is: FastAPI's own way looks at each of the thousands of numbers once more.
    return Response(json.dumps(rank(question, opened, library)), media_type="application/json")


def rank(question: RankQuestion, opened: OpenStore, library: Library) -> dict[str, Any]:
    """What `rank_answer` answers.

    Raises:
        ApiError: a key or class that there is not.
        ConfigError: a filter that means nothing.
    """
    if question.key not in KEYS:
        raise ApiError(400, f"key must be one of {', '.join(KEYS)}.")
    numbers = library.numbers(opened)
    table = numbers.table()
    levels = thresholds_of(opened, question.mu, question.nu)
    kept = table.kept(levels.mu, levels.nu)
    facts = _facts(opened, table, kept, numbers, library.verdict_counts(opened))
    keep = passing(question.filter, facts)
    values = _values(question, facts, opened.num_classes)
    if question.brush is not None:
        _check_class("brush.cls", question.brush.cls, opened.num_classes)
        e, p = question.brush.e, question.brush.p
        values = table.in_brush(question.brush.cls, (e[0], e[1]), (p[0], p[1]))
        keep &= values > 0
    order = _ordered(values, keep, is_rising=question.key == "index" and question.brush is None)
    totals = np.floor(kept[keep].sum(axis=0) + 0.5).astype(np.int64)
    return {
        "order": table.images[order].tolist(),
        "values": _numbers(values[order]),
        "approximate": question.brush is not None or question.key not in ("index", "entropy", "class", "verdicts"),
        "totals": totals.tolist(),
        "num_counted": numbers.num_counted,
    }


@router.post("/boundary")
def boundary(question: Levels, opened: StoreDep, library: LibraryDep) -> dict[str, str]:
    """Recompute which share of each image's SSL-minus-ESL pixels lies near a predicted boundary."""
    levels = thresholds_of(opened, question.mu, question.nu)
    numbers = library.numbers(opened)

    def work(job: Job) -> dict[str, Any]:
        images = [i for i in range(len(opened.store.image_ids)) if opened.is_done(i)]
        shares: dict[int, float] = {}
        for done, i in enumerate(images):
            if job.should_stop():
                break
            job.progress(done, len(images))
            counts = BoundaryCounts()
            try:
                counts.update(opened.derive_once(i), levels)
            except DataError:
                continue  # it says so where it is shown; the others are counted
            share = counts.shares()["predicted"]["ssl_only"]
            shares[i] = float("nan") if share is None else share[_BOUNDARY_PX]
        numbers.boundary_shares = shares
        job.progress(len(shares), len(images))
        return {"images": len(shares)}

    return {"job": library.jobs.start("boundary", work, lane=f"boundary-{opened.sid}").id}


def _set_answer(request: Request, opened: OpenStore, numbers: SetNumbers, what: str, make: Any) -> Response:
    count = numbers.num_counted
    etag = etag_of(opened.map_version, what, count, opened.store.store_hash, numbers.label_seal)
    # Ground truth may be mended on the disk.
    headers = caching(request, etag, opened.map_version, is_final=False)
    headers |= {"X-Num-Images": str(count), "X-Num-Damaged": str(numbers.num_damaged)}
    headers["X-Num-Unread"] = str(numbers.num_unread)
    if not_modified(request, etag):
        return unchanged(headers)
    return binary(request, make(numbers), headers)


def _facts(
    opened: OpenStore, table: RankTable, kept: NDArray[np.float64], numbers: SetNumbers, verdicts: dict[str, int]
) -> ImageFacts:
    by_state = kept.sum(axis=1)  # (N, 3, 4): truth, state
    pixels = by_state.sum(axis=(1, 2))
    ids, shares = opened.store.image_ids, numbers.boundary_shares
    names = [ids[i] for i in table.images.tolist()]
    with np.errstate(invalid="ignore", divide="ignore"):
        columns = {
            "index": table.images.astype(np.float64),
            "ssl_only": by_state[:, :, 1].sum(axis=1),
            "esl_only": by_state[:, :, 2].sum(axis=1),
            "err_ssl": _wrong_share(by_state[:, :, 1] + by_state[:, :, 3]),
            "err_esl": _wrong_share(by_state[:, :, 2] + by_state[:, :, 3]),
            "err_diff": _wrong_share(by_state[:, :, 1]),
            "coverage": by_state[:, :, 2:].sum(axis=(1, 2)) / pixels,
            "coverage_ssl": by_state[:, :, 1::2].sum(axis=(1, 2)) / pixels,
            "boundary": np.asarray([shares.get(i, np.nan) for i in table.images.tolist()]),
            "entropy": table.mean_entropy,
            "verdicts": np.asarray([verdicts.get(name, 0) for name in names], np.float64),
        }
    return ImageFacts(names, columns, table.class_pixels, opened.store.class_set.names, table.has_truth)


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    """As JSON has them: null where there is none."""
    numbers: list[float | None] = values.tolist()
    for k in np.flatnonzero(np.isnan(values)):
        numbers[k] = None
    return numbers


def _wrong_share(by_truth: NDArray[np.float64]) -> NDArray[np.float64]:
    labelled = by_truth[:, 0] + by_truth[:, 1]
    return np.asarray(np.where(labelled > 0.5, by_truth[:, 1] / labelled, np.nan))


def _values(question: RankQuestion, facts: ImageFacts, num_classes: int) -> NDArray[np.float64]:
    if question.key != "class":
        return facts.columns[question.key]
    _check_class("class", question.cls, num_classes)
    return facts.class_pixels[:, question.cls]


def _check_class(name: str, cls: int, num_classes: int) -> None:
    if cls >= num_classes:
        raise ApiError(400, f"{name} must be 0 to {num_classes - 1}; got {cls}.")


def _ordered(values: NDArray[np.float64], keep: NDArray[np.bool_], *, is_rising: bool) -> NDArray[np.intp]:
    """Indexes of kept rows, largest value first (or smallest), rows without a value last, ties in file order."""
    keyed = np.where(np.isnan(values), np.inf, values if is_rising else -values)
    order = np.argsort(keyed, kind="stable")
    return np.asarray(order[keep[order]])
