"""An own image, dropped on the page: seen by the checkpoint's network, in no number of the set."""

import hashlib
from typing import Any

from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool

from app.opened import OpenStore, OwnImage
from app.routes.answers import ApiError
from app.routes.lookup import LibraryDep, StoreDep
from esl.errors import DataError, EslError
from esl.pipelines.targets import decode_upload, predict_own

router = APIRouter()
MAX_BYTES = 20 << 20


@router.post("/stores/{sid}/uploads")
async def upload(
    request: Request, opened: StoreDep, library: LibraryDep, name: str = Query("own image", max_length=200)
) -> dict[str, Any]:
    """Predict the image in the body."""
    if opened.checkpoint is None:
        raise ApiError(409, "The checkpoint that made this store must be at hand; start the server with --checkpoint.")
    data = await _body(request)
    try:
        key = await run_in_threadpool(_predict, opened, library.predictor(opened), data, name)
    finally:
        await run_in_threadpool(library.release_memory)
    return {"i": key, "name": name, "done": True, "has_truth": False, "valid": list(opened.own(key).valid)}


async def _body(request: Request) -> bytes:
    """The body, refused as soon as it is too large."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BYTES:
            raise ApiError(413, "A dropped image must have at most 20 MB.")
        parts.append(part)
    return b"".join(parts)


def _predict(opened: OpenStore, predictor: Any, data: bytes, name: str) -> str:
    try:
        image = decode_upload(data, name)
    except DataError as error:
        raise ApiError(422, str(error)) from error
    try:
        logits, valid, photo = predict_own(predictor(), image, opened.store.map_size)
    except EslError as error:
        raise ApiError(409, str(error)) from error
    return opened.add_own(OwnImage(name, logits, valid, photo), hashlib.sha256(data).hexdigest())
