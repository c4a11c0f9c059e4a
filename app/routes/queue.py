"""The audit's queue: boundary arcs of the difference, sampled so that rates can be said of all of them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal

import numpy as np
from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.opened import OpenStore
from app.routes.answers import ApiError
from app.routes.lookup import LibraryDep, StoreDep, thresholds_of
from esl.classes import IGNORE
from esl.cores import usable_cores
from esl.errors import DataError
from esl.labeling.comparison import ESL_ONLY, SSL_ONLY, compare
from esl.labeling.thresholds import Thresholds
from esl.pipelines.arcs import MIN_PIXELS, Arc, Sampling, find_arcs, sample_arcs
from esl.pipelines.ranking import RankTable

router = APIRouter(prefix="/stores/{sid}")
_THREADS = min(4, usable_cores())
MAX_IMAGES = 48
"""Images looked at for one queue; enough arcs for an afternoon, found in seconds."""


class QueueQuestion(BaseModel):
    """Body of `queue`."""

    mu: list[int]
    nu: list[int]
    sampling: Sampling = "top"
    seed: int = Field(0, ge=0, lt=2**31)
    limit: int = Field(100, ge=1, le=2000)
    direction: Literal["ssl_only", "esl_only"] = "ssl_only"
    images: list[int] | None = None


@router.post("/queue")
def queue(question: QueueQuestion, opened: StoreDep, library: LibraryDep) -> dict[str, Any]:
    """Arcs to judge."""
    levels = thresholds_of(opened, question.mu, question.nu)
    candidates = _candidates(question, opened)
    table = library.numbers(opened).table() if question.sampling == "top" else None
    images = _choose(question, candidates, levels, table)
    with ThreadPoolExecutor(_THREADS, thread_name_prefix="arcs") as pool:
        looked_at = list(pool.map(lambda i: _arcs(opened, i, levels, question.direction), images))
    found = [one for one in looked_at if one is not None]
    if images and not found:
        opened.maps(images[0])  # raises, in words
    arcs = [arc for one, _ in found for arc in one]
    scale = len(candidates) / max(1, len(found))
    sample = sample_arcs(arcs, question.sampling, question.seed, question.limit, scale=scale)
    return {
        "items": [_item(arc) for arc in sample],
        "seed": question.seed,
        "num_candidates": len(arcs),
        "num_images": len(found),
        "num_pixels": sum(pixels for _, pixels in found),
        "min_pixels": MIN_PIXELS,
    }


def _candidates(question: QueueQuestion, opened: OpenStore) -> list[int]:
    count = len(opened.store.image_ids)
    if question.images is None:
        return [i for i in range(count) if opened.is_done(i)]
    if not all(0 <= i < count for i in question.images):
        raise ApiError(400, f"images must hold indexes from 0 to {count - 1}.")
    return [i for i in sorted(set(question.images)) if opened.is_done(i)]


def _choose(question: QueueQuestion, candidates: list[int], levels: Thresholds, table: RankTable | None) -> list[int]:
    """The images to look at: for `top` those with the largest difference, else a draw that depends on the seed alone."""
    if len(candidates) <= MAX_IMAGES:
        return candidates
    if table is not None and table.images.size:
        state = 1 if question.direction == "ssl_only" else 2
        pixels = table.kept(levels.mu, levels.nu)[:, :, :, state].sum(axis=(1, 2))
        allowed = set(candidates)
        ranked = [int(i) for i in table.images[np.argsort(-pixels, kind="stable")] if int(i) in allowed]
        return sorted(ranked[:MAX_IMAGES])
    drawn = np.random.default_rng(question.seed).permutation(len(candidates))[:MAX_IMAGES]
    return sorted(candidates[int(k)] for k in drawn)


def _arcs(opened: OpenStore, i: int, levels: Thresholds, direction: str) -> tuple[list[Arc], int] | None:
    """Arcs of one image, and how many pixels there are in its difference, those of smaller pieces among them.

    None where its logits are damaged, which is said where it is looked at; the queue goes on without it.
    """
    try:
        maps = opened.maps(i)
    except DataError:
        return None
    difference = compare(maps, levels) == (SSL_ONLY if direction == "ssl_only" else ESL_ONLY)
    try:
        truth = opened.truth(i)
    except DataError:
        truth = None  # a wrong label file is shown where it is looked at; the queue goes on without it
    if truth is not None:
        difference &= truth != IGNORE
    return find_arcs(maps, difference, i), int(difference.sum())


def _item(arc: Arc) -> dict[str, Any]:
    return {
        "key": arc.key,
        "i": arc.image,
        "box": list(arc.box),
        "runs": [list(run) for run in arc.runs],
        "pred": arc.predicted,
        "second": arc.second,
        "pixels": arc.pixels,
        "weight": arc.weight,
        "contested": round(arc.contested, 6),
    }
