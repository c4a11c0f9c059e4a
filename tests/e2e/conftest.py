"""The real server in a process of its own, and a real Chromium. Skipped where there is no browser, unless one is required."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Modules beside the tests, under names that no other folder uses.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "app"))
sys.path.insert(0, str(Path(__file__).resolve().parent))

from playwright.sync_api import Browser, sync_playwright
from serving import ARGUMENTS, Server, Watched, chromium, start_server
from worlds import make_store


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder drives a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser per file: Playwright allows one driver at a time, and other files bring their own."""
    path = chromium()
    if not path:
        assert not os.environ.get("ESL_REQUIRE_BROWSER"), "a Chromium is required here and there is none"
        pytest.skip("no Chromium on this machine; install one, or name it in ESL_CHROMIUM")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over a complete store of three images with ground truth; one has a hostile name."""
    folder = tmp_path_factory.mktemp("server")
    make_store(folder)
    server = start_server(folder, "--store", "store")
    yield server
    server.stop()


@pytest.fixture
def world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server of one's own, which a test may kill, over a complete store of the images that the test's file NAMES."""
    make_store(tmp_path, names=request.module.NAMES, done=len(request.module.NAMES))
    server = start_server(tmp_path, "--store", "store")
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture
def watch(browser: Browser) -> Iterator[Callable[..., Watched]]:
    """Open pages whose errors, dialogs and requests to other hosts are noted; the test fails on any."""
    opened: list[Watched] = []

    def make(width: int = 1280, height: int = 800) -> Watched:
        page = browser.new_page(viewport={"width": width, "height": height})
        page.set_default_timeout(60_000)
        watched = Watched(page)
        page.on("pageerror", lambda error: watched.faults.append(str(error)))
        page.on("dialog", lambda dialog: (watched.faults.append(f"dialog {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: _note(watched, request.url))
        opened.append(watched)
        return watched

    yield make
    for watched in opened:
        watched.page.close()
        assert watched.faults == []
        assert watched.outside == []


def _note(watched: Watched, url: str) -> None:
    if not url.startswith(("http://127.0.0.1:", "data:", "blob:")):
        watched.outside.append(url)


@pytest.fixture(scope="session")
def artefacts(repository: Path) -> Path:
    """Folder for screenshots."""
    folder = repository / "test-artifacts"
    folder.mkdir(exist_ok=True)
    return folder
