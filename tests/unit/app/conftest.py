"""One small world for the app's tests: a complete store with labels, a library over it, and a client."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from clients import api_client
from starlette.testclient import TestClient
from worlds import make_library, make_store

from app.library import Library
from app.opened import OpenStore


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
