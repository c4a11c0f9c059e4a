"""Drive the inspector and the plain page in headless Chromium, and take the times that the page measures itself."""

import json
import os
import statistics
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from tests.e2e.serving import ARGUMENTS, Server, chromium, start_server

WINDOW = (1720, 980)
_MEASURES = Path(__file__).with_name("viewer_measures.js").read_text()


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Several times of one thing, in milliseconds unless its name says otherwise."""

    median: float
    p95: float
    p10: float
    """What the fastest tenth stays below: near to what an idle machine would show."""

    @classmethod
    def of(cls, values: Sequence[float]) -> "Timing":
        """Median, and the 95th and 10th percentile (the next larger value that was measured)."""
        ranked = sorted(values)
        p10, p95 = (ranked[-(-share * len(ranked) // 100) - 1] for share in (10, 95))
        return cls(median=statistics.median(ranked), p95=p95, p10=p10)


@contextmanager
def a_browser() -> Iterator[Browser]:
    """A headless Chromium.

    Raises:
        RuntimeError: there is none.
    """
    path = chromium()
    if not path:
        raise RuntimeError("A Chromium must be on this machine; install one, or name it in ESL_CHROMIUM.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@contextmanager
def a_server(store: Path, folder: Path) -> Iterator[Server]:
    """The inspector over one store, state in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    server = start_server(folder, "--store", str(store))
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def a_page(browser: Browser, url: str) -> Iterator[Page]:
    """A fresh tab with an empty cache; nothing is waited for. The page must not complain of anything."""
    context = browser.new_context(viewport={"width": WINDOW[0], "height": WINDOW[1]})
    page = context.new_page()
    page.set_default_timeout(120_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.add_init_script(_MEASURES)
    page.goto(url, wait_until="commit")
    yield page
    context.close()
    if faults:
        raise RuntimeError(f"The page complained: {faults[0]}")


def first_image(page: Page) -> float:
    """Wait for the first picture; milliseconds since the page was asked for."""
    page.wait_for_function("window.measures.firstImage() > 0", polling="raf")
    return float(page.evaluate("window.measures.firstImage()"))


def sorted_image(page: Page) -> None:
    """Wait until the image's pixels are sorted, after which a move is incremental."""
    page.wait_for_function("window.measures.isSorted()")
    page.wait_for_timeout(500)


def call(page: Page, name: str, *arguments: Any) -> Any:
    """What `measures.<name>(...)` in the page gives."""
    return page.evaluate(f"window.measures.{name}(...{json.dumps(arguments)})")


def resident_mb(server: Server) -> tuple[float, float]:
    """(resident now, highest so far) of the server in MB."""
    words = {
        line.split(":")[0]: line.split() for line in Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    }
    return int(words["VmRSS"][1]) * 1024 / 1e6, int(words["VmHWM"][1]) * 1024 / 1e6


def ask(server: Server, path: str, body: Any = None) -> Any:
    """One call of the HTTP API."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{server.url}/api/v1{path}", data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as answer:
        return json.load(answer)


def counted(server: Server, sid: str, num_classes: int, timeout: float = 1800.0) -> None:
    """Wait until the server has counted every image."""
    start = time.monotonic()
    body = {"mu": [0] * num_classes, "nu": [0] * num_classes}
    while time.monotonic() - start < timeout:
        answer = ask(server, f"/stores/{sid}/rank", body)
        if answer["num_counted"] == ask(server, "/stores")[0]["num_images"]:
            return
        time.sleep(1)
    raise RuntimeError(f"The server must count {sid} in {timeout:.0f} s; it did not.")


def load() -> float:
    """Running processes over the last minute; above the number of cores they wait for one another."""
    return os.getloadavg()[0]


def open_tabs(browser: Browser, url: str, count: int) -> float:
    """Open tabs of one browser window at once; seconds until all of them have a picture."""
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    start = time.monotonic()
    pages = [context.new_page() for _ in range(count)]
    for page in pages:
        page.set_default_timeout(120_000)
        page.goto(url, wait_until="commit")
    for page in pages:
        page.bring_to_front()  # a tab behind others draws when it is looked at
        page.wait_for_function("document.querySelector('#esl-screen-inspect .esl-shell')?.__esl?.session.image")
    context.close()
    return time.monotonic() - start
