"""The HTTP API of docs/api.md: one file per group of routes."""

from fastapi import APIRouter

from app.routes import (
    class_balanced,
    data_check,
    exports,
    figures,
    images,
    jobs,
    numbers,
    opening,
    queue,
    recipes,
    runs,
    stores,
    uploads,
    verdicts,
)
from app.routes.answers import ApiError

API_BASE = "/api/v1"


def make_router() -> APIRouter:
    """All routes below `API_BASE`."""
    router = APIRouter(prefix=API_BASE)
    parts = (
        stores, images, class_balanced, uploads, numbers, figures, queue, verdicts, recipes, exports, jobs, opening,
        runs, data_check,
    )  # fmt: skip
    for part in parts:
        router.include_router(part.router)
    router.add_api_route("/{rest:path}", _nothing_here, methods=["GET", "POST", "PUT", "DELETE"])
    return router


def _nothing_here(rest: str) -> None:
    """Answer for this API what would else fall through to the page."""
    raise ApiError(404, "There is no such route; docs/api.md lists them.")
