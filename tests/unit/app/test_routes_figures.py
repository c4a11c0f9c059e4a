"""Figures of the page: shares in, Plotly's JSON out; Plotly's front end from the package, never from elsewhere."""

import json
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from app.routes.viewer_files import PLOTLY, ViewerFiles, ViewerSnapshot

BARS: dict[str, Any] = {"names": ["road", "sky"], "ssl": [0.25, None], "esl": [0.125, None], "scope": "image a.png"}
CURVE: dict[str, Any] = {
    "criterion": "entropy", "thresholds": [0, 0.5, 1], "error": [None, 0.1, 0.2], "coverage": [0, 0.5, 1], "current": 0.5,
}  # fmt: skip


def test_bars_hold_the_shares_as_per_cents(client: TestClient) -> None:
    figure = client.post("/api/v1/figures/error-bars", json={**BARS, "overall": [0.25, 0.125]}).json()
    ssl, esl = figure["data"]
    assert (ssl["y"], esl["y"]) == ([25, None], [12.5, None])
    assert figure["layout"]["title"]["text"] == "Wrong among kept pixels, image a.png: SSL 25.0 %, ESL 12.5 %"


def test_curves_hold_error_over_coverage_and_mark_the_threshold(client: TestClient) -> None:
    figure = client.post("/api/v1/figures/threshold-curves", json=CURVE).json()
    assert [trace["y"] for trace in figure["data"]] == [[None, 10, 20], [0, 50, 100]]
    assert {shape["x0"] for shape in figure["layout"]["shapes"]} == {0.5}


def test_without_ground_truth_coverage_stands_alone(client: TestClient) -> None:
    figure = client.post("/api/v1/figures/threshold-curves", json={**CURVE, "error": [None] * 3}).json()
    assert [trace["y"] for trace in figure["data"]] == [[0, 50, 100]]
    assert "yaxis2" not in figure["layout"]


def test_text_from_files_is_no_markup(client: TestClient) -> None:
    hostile = '<a href="//evil.example">x</a>'
    text = client.post("/api/v1/figures/error-bars", json={**BARS, "names": [hostile, "b"], "scope": hostile}).text
    text += client.post("/api/v1/figures/threshold-curves", json={**CURVE, "scope": hostile}).text
    assert "evil.example" in text
    assert "<a" not in text
    assert "\\u003ca" not in text


@pytest.mark.parametrize(
    "body", [{**BARS, "ssl": [0.1]}, {**BARS, "ssl": [1.5, 0.1]}, {**BARS, "names": ["x"] * 300}, {**BARS, "ssl": "no"}, {}]
)  # fmt: skip
def test_what_makes_no_chart_is_refused_in_one_sentence(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post("/api/v1/figures/error-bars", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


def test_plotly_comes_from_this_server_and_is_kept_with_its_version() -> None:
    snapshot = ViewerSnapshot.take()
    app = Starlette()
    app.mount("/viewer", ViewerFiles(snapshot))
    client = TestClient(app)
    kept = client.get(snapshot.url(PLOTLY))
    assert "plotly.js v" in kept.text[:200]
    assert kept.headers["content-type"].startswith("text/javascript")
    assert "immutable" in kept.headers["cache-control"]
    loose = client.get(f"/viewer/{PLOTLY}")
    assert loose.content == kept.content
    assert loose.headers["cache-control"] == "private, no-cache"
    assert client.get(f"/viewer/0123/{PLOTLY}").status_code == 404
    assert json.dumps(PLOTLY) not in json.dumps(sorted(snapshot.files))
