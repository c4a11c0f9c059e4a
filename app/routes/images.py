"""One image: its maps as integers, its photo, and the class distribution of a pixel."""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray

from app.opened import OpenStore
from app.routes.answers import ApiError, binary, caching, etag_of, not_modified, unchanged
from app.routes.lookup import LibraryDep, StoreDep, image_index, image_key
from esl.errors import DataError
from esl.images import encode_png
from esl.labeling.boundary import boundary_distance

router = APIRouter(prefix="/stores/{sid}/images/{i}")
KINDS = ("pred", "conf", "ent", "second", "second_prob", "gt", "edge")


@router.get("/maps")
def maps(request: Request, opened: StoreDep, library: LibraryDep, i: str, kinds: str = "pred,conf,ent") -> Response:
    """Whole maps, one after the other, little endian."""
    key, wanted = image_key(opened, i), kinds.split(",")
    if unknown := [kind for kind in wanted if kind not in KINDS]:
        raise ApiError(400, f"kinds must be some of {', '.join(KINDS)}; got {', '.join(unknown)[:80]}.")
    stamp = opened.targets.label_stamp(opened.image_id(key)) if "gt" in wanted and isinstance(key, int) else ""
    etag = etag_of(opened.map_version, key, kinds, stamp)
    # Ground truth may be mended on the disk; only what follows from the logits is final.
    headers = caching(request, etag, opened.map_version, is_final="gt" not in wanted)
    if not_modified(request, etag):
        return unchanged(headers)
    return binary(
        request, b"".join(np.ascontiguousarray(_map(opened, key, kind)).tobytes() for kind in wanted), headers
    )


@router.get("/photo")
def photo(request: Request, opened: StoreDep, i: str) -> Response:
    """The photo as the network saw it, PNG."""
    key = image_key(opened, i)
    return _picture(request, opened, key, "photo", "image/png", lambda image: encode_png(image))


@router.get("/thumb")
def thumb(request: Request, opened: StoreDep, i: str, w: int = Query(96, ge=16, le=512)) -> Response:
    """A small photo, JPEG."""

    def shrink(image: NDArray[np.uint8]) -> bytes:
        height = max(1, round(image.shape[0] * w / image.shape[1]))
        small = cv2.resize(image, (w, height), interpolation=cv2.INTER_AREA)
        return cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()

    return _picture(request, opened, image_key(opened, i), f"thumb{w}", "image/jpeg", shrink)


@router.get("/probe")
def probe(opened: StoreDep, i: str, x: int, y: int) -> dict[str, Any]:
    """The whole class distribution at a pixel."""
    key = image_key(opened, i)
    height, width = opened.store.map_size
    if not (0 <= x < width and 0 <= y < height):
        raise ApiError(400, f"A pixel must lie inside {width} x {height}; got ({x}, {y}).")
    return {"probs": [float(p) for p in opened.probs(key, y, x)]}


@router.post("/next")
def predict_next(opened: StoreDep, i: str) -> dict[str, bool]:
    """Have this image predicted before the others."""
    opened.want(image_index(opened, i))
    return {"ok": True}


def _map(opened: OpenStore, key: int | str, kind: str) -> NDArray[Any]:
    if kind == "gt":
        return _truth(opened, key)
    derived = opened.maps(key)
    if kind == "edge":
        return np.asarray(boundary_distance(derived.label, 254))
    arrays: dict[str, NDArray[Any] | None] = {
        "pred": derived.label,
        "conf": derived.max_prob,
        "ent": derived.entropy,
        "second": derived.second,
        "second_prob": derived.second_prob,
    }
    array = arrays[kind]
    assert array is not None
    return array if array.dtype == np.uint8 else array.astype("<u2", copy=False)


def _truth(opened: OpenStore, key: int | str) -> NDArray[np.uint8]:
    try:
        truth = opened.truth(key) if isinstance(key, int) else None
    except DataError as error:
        raise ApiError(422, str(error)) from error
    if truth is None:
        raise ApiError(404, "This image has no ground truth.")
    return truth


def _picture(
    request: Request,
    opened: OpenStore,
    key: int | str,
    what: str,
    media: str,
    encode: Callable[[NDArray[np.uint8]], bytes],
) -> Response:
    etag = etag_of(opened.map_version, key, what)
    headers = caching(request, etag, opened.map_version)
    if not_modified(request, etag):
        return unchanged(headers)
    try:
        body = opened.caches.bytes.get(opened.cache_key(key, what), lambda: encode(opened.photo(key)))
    except DataError as error:
        raise ApiError(410, str(error)) from error
    return binary(request, body, headers, media)
