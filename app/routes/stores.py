"""Which stores are open, and all that a page must know of one before it asks for pixels."""

from typing import Any

from fastapi import APIRouter, Request

from app.opened import OpenStore
from app.routes.answers import ApiError
from app.routes.lookup import LibraryDep, StoreDep, store_of

router = APIRouter()
FIRST_WAIT = 0.4
"""Seconds that the first question about a store waits for medians of more than a handful of images."""


def brief(opened: OpenStore) -> dict[str, Any]:
    """One line of `GET /stores`."""
    manifest = opened.store.manifest
    return {
        "sid": opened.sid,
        "name": opened.name,
        "dataset": manifest.dataset,
        "split": manifest.split,
        "num_images": len(manifest.image_ids),
        "num_done": opened.store.num_done,
        "has_truth": opened.has_truth,
    }


@router.get("/stores")
def list_stores(library: LibraryDep) -> list[dict[str, Any]]:
    """All open stores."""
    return [brief(opened) for opened in library.stores()]


@router.get("/stores/{sid}/medians")
def medians(opened: StoreDep, library: LibraryDep) -> dict[str, Any]:
    """Medians of the images counted so far; provisional until all are. Counting goes on in the background."""
    store = opened.store
    store.refresh()
    if store.num_counted < store.num_done:
        is_first = store.num_counted == 0
        numbers = library.numbers(opened)
        if is_first:
            numbers.wait_for_scores(FIRST_WAIT)
    num_counted = store.num_counted
    mu, nu = opened.medians()
    num_damaged, damage = library.damage(opened)
    num_unread, unread = library.unread(opened)
    return {
        "medians": {"mu": mu.tolist(), "nu": nu.tolist()},
        "num_done": store.num_done,
        "num_counted": num_counted,
        "provisional": num_counted < len(store.image_ids),
        "num_damaged": num_damaged,
        "damage": damage,
        "num_unread": num_unread,
        "unread": unread,
    }


@router.get("/stores/{sid}")
def one_store(opened: StoreDep, library: LibraryDep) -> dict[str, Any]:
    """Everything about one store but its pixels."""
    manifest = opened.store.manifest
    return {
        **brief(opened),
        **medians(opened, library),
        "class_names": list(manifest.class_set.names),
        "class_colors": [list(color) for color in manifest.class_set.colors],
        "map_size": list(manifest.map_size),
        "interpolate": manifest.interpolate,
        "precision": manifest.precision,
        "model": opened.model(),
        "map_version": opened.map_version,
        "can_upload": opened.checkpoint is not None,
        "job": opened.job,
        "images": [
            {
                "i": i,
                "name": image_id,
                "done": opened.is_done(i),
                "has_truth": opened.has_labels[i],
                "valid": list(opened.valid(i)),
            }
            for i, image_id in enumerate(manifest.image_ids)
        ],
    }


@router.get("/stores/{sid}/flips/{other}")
def flips(request: Request, opened: StoreDep, other: str, library: LibraryDep) -> dict[str, Any]:
    """Pixels that change between this store and another, image by image, as far as they are counted; ask again for more."""
    beside = store_of(request, other)
    mine, its = opened.store.manifest, beside.store.manifest
    if mine.map_size != its.map_size or mine.class_set.names != its.class_set.names:
        raise ApiError(400, "Both stores must have maps of one size and the same classes.")
    found = library.flips(opened, beside)
    counts = found.counts()
    return {"counts": counts, "num_counted": len(counts), "num_images": found.num_pairs}
