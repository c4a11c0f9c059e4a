"""A login that covers page, routes and files alike; verdicts that survive the server."""

import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from serving import start_server
from worlds import make_store


def test_with_a_login_the_pages_work_and_without_it_nothing_does(tmp_path: Path, browser: Browser) -> None:
    make_store(tmp_path)
    (tmp_path / "users").write_text("# who may come in\nann:secret\n")
    server = start_server(tmp_path, "--store", "store", "--auth", "users")
    try:
        for path in ("/", "/plain/", "/viewer/main.js", "/api/v1/stores", "/theme.css", "/docs"):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(server.url + path)
            assert refused.value.code == 401
        context = browser.new_context(http_credentials={"username": "ann", "password": "secret"})
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.goto(server.url + "/")
        page.wait_for_selector("#esl-screen-inspect canvas")
        page.goto(server.url + "/plain/")
        page.wait_for_function("document.querySelectorAll('.esl-panel img').length === 4")
        context.close()
    finally:
        server.stop()


def ask(url: str, body: Any = None, method: str = "GET") -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_verdicts_and_recipes_survive_a_killed_server(tmp_path: Path) -> None:
    make_store(tmp_path)
    first = start_server(tmp_path, "--store", "store")
    base = first.url + "/api/v1"
    sid = ask(base + "/stores")[0]["sid"]
    for k in range(20):
        body = {"id": f"v{k}", "sid": sid, "i": k % 3, "decision": "drop", "runs": [[k, 5]], "pred": 1, "user": "ada"}
        assert ask(base + "/verdicts", body, "POST")["ok"]
    recipe = ask(base + "/recipes", {"sid": sid, "name": "mine", "nu_star": 0.2}, "PUT")["id"]
    first.process.kill()
    first.process.wait(30)
    second = start_server(tmp_path, "--store", "store")
    try:
        base = second.url + "/api/v1"
        assert [v["id"] for v in ask(f"{base}/verdicts?sid={sid}")["verdicts"]] == [f"v{k}" for k in range(20)]
        assert [r["id"] for r in ask(f"{base}/recipes?sid={sid}")["recipes"]] == [recipe]
    finally:
        second.stop()
