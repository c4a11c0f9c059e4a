"""One small world for the app's tests: a complete store with labels, a library over it, and a client."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from fastapi import FastAPI
from starlette.testclient import TestClient
from worlds import make_library, make_store

from app.library import Library
from app.opened import OpenStore
from app.routes import make_router
from app.routes.answers import add_error_answers
from app.security import Access, SecurityMiddleware


def api_client(library: Library, access: Access | None = None, user: str = "") -> TestClient:
    """The HTTP API alone, without Gradio."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.library = library
    add_error_answers(app)
    app.include_router(make_router())
    app.add_middleware(SecurityMiddleware, access=access or Access())
    return TestClient(app, base_url="http://localhost:7860")


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """A library with nothing open."""
    library = make_library(tmp_path)
    yield library
    library.close()


@pytest.fixture
def opened(library: Library, tmp_path: Path) -> OpenStore:
    """A complete store of three images, counted."""
    opened = library.add(make_store(tmp_path), "tiny")
    assert library.numbers(opened).wait(60)
    return opened


@pytest.fixture
def client(library: Library) -> TestClient:
    """A client of the HTTP API."""
    return api_client(library)
