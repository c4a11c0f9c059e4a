"""CBST's labels of one image: re-weighting needs every class's probability, which only the logits here give."""

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from numpy.typing import NDArray

from app.opened import OpenStore
from app.routes.answers import binary, caching, etag_of, not_modified, unchanged
from app.routes.lookup import StoreDep, image_key
from esl.labeling.class_balanced import class_balanced_divisors, class_balanced_thresholds, select_class_balanced

router = APIRouter(prefix="/stores/{sid}/images/{i}")


@router.get("/class-balanced")
def class_balanced(
    request: Request, opened: StoreDep, i: str, portion: float = Query(0.2, gt=0, le=1, allow_inf_nan=False)
) -> Response:
    """u8 `[H, W]` train ids, 255 where nothing is kept; the thresholds behind them in a header."""
    key = image_key(opened, i)
    scores, num_counted = opened.store.counted()
    etag = etag_of(opened.map_version, key, "class-balanced", portion, num_counted)
    is_final = num_counted == len(opened.store.image_ids)  # until then thresholds move
    headers = caching(request, etag, opened.map_version, is_final=is_final)
    if not_modified(request, etag):
        return unchanged(headers)
    thresholds = class_balanced_thresholds(scores, portion)
    headers["X-Thresholds"] = ",".join(map(str, thresholds.tolist()))
    body = opened.caches.bytes.get(
        opened.cache_key(key, "class-balanced", portion, num_counted), lambda: _labels(opened, key, thresholds)
    )
    return binary(request, body, headers)


def _labels(opened: OpenStore, key: int | str, thresholds: NDArray[np.uint16]) -> bytes:
    maps = opened.weighted_maps(key, class_balanced_divisors(thresholds))
    return select_class_balanced(maps, thresholds).tobytes()
