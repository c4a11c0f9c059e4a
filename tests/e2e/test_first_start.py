"""`python launch.py` and nothing else: the bundled demo, its world drawn and its network run while the page opens."""

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from serving import Watched, start_server

from app.extraction import demo_checkpoint


@pytest.mark.slow
def test_the_demo_opens_with_its_first_image(
    tmp_path: Path, watch: Callable[..., Watched], artefacts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if demo_checkpoint() is None:
        pytest.skip("the bundled checkpoint is not in assets/demo")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    server = start_server(tmp_path)
    try:
        page = watch(1600, 1000).page
        page.goto(server.url + "/")
        page.wait_for_selector("#esl-screen-inspect canvas", timeout=180_000)
        page.screenshot(path=artefacts / "first-start.png")
        page.goto(server.url + "/plain/")
        page.wait_for_function("document.querySelectorAll('.esl-panel img').length === 4", timeout=180_000)
        (store,) = json.load(urllib.request.urlopen(server.url + "/api/v1/stores"))
        assert store["num_images"] == 60
        page.wait_for_function(
            "document.querySelector('#plain-summary textarea').value.includes('(60 images')", timeout=300_000
        )
        page.screenshot(path=artefacts / "first-start-plain.png", full_page=True)
    finally:
        server.stop()
