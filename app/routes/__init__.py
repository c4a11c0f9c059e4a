"""The HTTP API of docs/api.md: one file per group of routes."""

from fastapi import APIRouter

from app.routes import (
    data_check,
    exports,
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

API_BASE = "/api/v1"


def make_router() -> APIRouter:
    """All routes below `API_BASE`."""
    router = APIRouter(prefix=API_BASE)
    for part in (stores, images, uploads, numbers, queue, verdicts, recipes, exports, jobs, opening, runs, data_check):
        router.include_router(part.router)
    return router
