"""One small world for the app's tests: a complete store with labels, a library over it, and a client."""

import shutil
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


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A complete store of three images with its counts, made once and copied for each test."""
    root = tmp_path_factory.mktemp("template")
    library = make_library(root)
    assert library.numbers(library.add(make_store(root))).wait(60)
    return root


@pytest.fixture
def opened(library: Library, template: Path, tmp_path: Path) -> OpenStore:
    """A complete store of three images, counted."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    manifest = tmp_path / "store" / "manifest.json"
    manifest.write_text(manifest.read_text().replace(str(template), str(tmp_path)))
    opened = library.open(tmp_path / "store", "tiny")
    assert library.numbers(opened).wait(60)
    return opened


@pytest.fixture
def client(library: Library) -> TestClient:
    """A client of the HTTP API."""
    return api_client(library)
