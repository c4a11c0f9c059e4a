"""How routes answer: binary bodies with ETag and compression, errors as one sentence."""

import gzip
import hashlib
import importlib.util
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from app.opened import NotDoneError
from esl.errors import EslError

_LOCAL = ("127.0.0.1", "::1", "localhost", "testclient")
_SMALL = 16 << 10
_FOREVER = "private, max-age=31536000, immutable"


class ApiError(Exception):
    """An answer other than 200: a status and one sentence."""

    def __init__(self, status: int, sentence: str, **more: Any) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.more = status, sentence, more


def etag_of(*parts: object) -> str:
    """A strong ETag from whatever decides the bytes."""
    return '"' + hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()[:20] + '"'


def not_modified(request: Request, etag: str) -> bool:
    """Whether the client holds this answer already."""
    held = request.headers.get("if-none-match", "")
    return etag in [h.strip().removeprefix("W/") for h in held.split(",")]


def caching(request: Request, etag: str, version: str, *, is_final: bool = True) -> dict[str, str]:
    """Headers of an answer that may be kept: for ever where the URL names the version and the bytes are final."""
    is_named = is_final and request.query_params.get("v") == version
    return {"ETag": etag, "Cache-Control": _FOREVER if is_named else "private, no-cache"}


def binary(
    request: Request, body: bytes, headers: dict[str, str], media_type: str = "application/octet-stream"
) -> Response:
    """A binary answer, compressed where the client is far away and takes it."""
    encoding = _encoding(request) if len(body) > _SMALL and not media_type.startswith("image/") else ""
    if encoding == "br":
        body = importlib.import_module("brotli").compress(body, quality=4)
    elif encoding == "gzip":
        body = gzip.compress(body, 3, mtime=0)
    more = {"Content-Encoding": encoding} if encoding else {}
    return Response(body, headers={**headers, **more, "Vary": "Accept-Encoding"}, media_type=media_type)


def unchanged(headers: dict[str, str]) -> Response:
    """304."""
    return Response(status_code=304, headers=headers)


def _encoding(request: Request) -> str:
    if request.client is None or request.client.host in _LOCAL:
        return ""  # between processes of one machine packing costs more than it saves
    accepted = request.headers.get("accept-encoding", "")
    if "br" in accepted and _has_brotli():
        return "br"
    return "gzip" if "gzip" in accepted else ""


def _has_brotli() -> bool:
    return importlib.util.find_spec("brotli") is not None  # comes with Gradio


def add_error_answers(app: FastAPI) -> None:
    """Turn errors into `{"error": sentence}` with a status."""

    @app.exception_handler(ApiError)
    async def api_error(request: Request, error: ApiError) -> JSONResponse:
        return JSONResponse({"error": error.sentence, **error.more}, error.status)

    @app.exception_handler(NotDoneError)
    async def not_done(request: Request, error: NotDoneError) -> JSONResponse:
        return JSONResponse({"error": str(error), "waiting": True}, 409, {"Retry-After": "1"})

    @app.exception_handler(EslError)
    async def esl_error(request: Request, error: EslError) -> JSONResponse:
        return JSONResponse({"error": str(error)}, 400)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = [f"{'.'.join(map(str, e['loc'][1:])) or 'body'}: {e['msg']}" for e in error.errors()[:5]]
        return JSONResponse({"error": f"The request must make sense: {'; '.join(faults)}."}, 400)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        return JSONResponse({"error": f"{error.detail}: {request.url.path}."}, error.status_code)
