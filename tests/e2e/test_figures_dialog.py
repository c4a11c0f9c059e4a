"""The figures of a screen, drawn by Plotly in the browser and saved: the files arrive and are what they say."""

import csv
import io
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
from playwright.sync_api import Page
from serving import Server, Watched
from worlds import TINY

SVG = "{http://www.w3.org/2000/svg}"


def open_figures(server: Server, page: Page, screen: str, more: str = "") -> None:
    page.goto(f"{server.url}/#tab={screen}{more}")
    page.locator(f"#esl-screen-{screen} .esl-btn", has_text="Figures").click()
    page.wait_for_function("document.querySelectorAll('.esl-figure-plot[data-drawn] svg').length >= 3")


def saved(page: Page, figure: str, kind: str) -> tuple[str, bytes]:
    with page.expect_download() as arriving:
        page.locator(f".esl-figure[data-figure={figure}] button", has_text=kind).click()
    return arriving.value.suggested_filename, Path(arriving.value.path()).read_bytes()


def texts(svg: bytes) -> set[str]:
    return {"".join(node.itertext()) for node in ElementTree.fromstring(svg).iter(f"{SVG}text")}


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_each_figure_is_saved_as_png_svg_and_csv(
    server: Server, watch: Callable[..., Watched], artefacts: Path, theme: str
) -> None:
    page = watch().page
    page.add_init_script(f"localStorage.setItem('esl.theme', '{theme}')")
    open_figures(server, page, "inspect", "&nu=0.3")
    page.screenshot(path=artefacts / f"figures-{theme}-1280.png")
    for figure in ("error-rate", "nu-curve", "mu-curve"):
        name, png = saved(page, figure, "PNG")
        assert name == f"{figure}-image-nu0.3-mu0.9.png"
        pixels = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
        assert pixels.shape[1] == 2000
        assert (pixels[0] == 255).all(), "on white, whatever the theme"
        assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
        name, svg = saved(page, figure, "SVG")
        assert name.endswith(".svg")
        assert "% wrong" in texts(svg)
    name, text = saved(page, "error-rate", "CSV")
    rows = list(csv.DictReader(io.StringIO(text.decode())))
    assert [row["class"] for row in rows] == [*TINY.names, "all"]
    assert float(rows[0]["nu"]) >= 0.3
    assert set(TINY.names) <= texts(saved(page, "error-rate", "SVG")[1])
    points = list(csv.DictReader(io.StringIO(saved(page, "nu-curve", "CSV")[1].decode())))
    assert [p["threshold"] for p in points] == [f"{k / 100:.3f}" for k in range(101)]
    coverage = [float(p["coverage"]) for p in points]
    assert coverage == sorted(coverage)
    assert coverage[-1] == 1


def test_figures_of_the_set_follow_the_thresholds(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch().page
    open_figures(server, page, "thresholds")
    title = page.locator(".esl-figure[data-figure=error-rate] .gtitle")
    assert "whole target set, 3 images" in str(title.text_content())
    before = title.text_content()
    page.evaluate(
        "document.querySelector('#esl-screen-thresholds .esl-shell').__esl.setRule({nuStar: 0.9, mode: 'fixed'})"
    )
    page.wait_for_function(
        "(before) => document.querySelector('[data-figure=error-rate] .gtitle').textContent !== before", arg=before
    )
    page.keyboard.press("Escape")
    assert page.locator(".esl-figure").count() == 0
    assert page.evaluate("document.activeElement.textContent") == "Figures"


def test_a_figure_that_cannot_be_drawn_says_why_and_comes_on_retry(
    server: Server, watch: Callable[..., Watched]
) -> None:
    page = watch().page
    page.route("**/figures/error-bars", lambda route: route.fulfill(status=400, json={"error": "No such chart."}))
    page.route("**/plotly.min.js", lambda route: route.abort())
    page.goto(f"{server.url}/#tab=inspect&i=2")
    page.locator(".esl-btn", has_text="Figures").click()
    page.locator("[data-figure=mu-curve]", has_text="Plotly could not be fetched").wait_for()
    page.unroute("**/plotly.min.js")
    page.locator("[data-figure=mu-curve] button", has_text="Retry").click()
    page.wait_for_selector("[data-figure=mu-curve] svg")
    bars = page.locator("[data-figure=error-rate]")
    bars.get_by_role("button", name="Retry").click()
    bars.get_by_text("No such chart.").wait_for()
    assert bars.get_by_role("button", name="PNG").is_disabled()
    page.unroute("**/figures/error-bars")
    bars.get_by_role("button", name="Retry").click()
    bars.locator("svg").first.wait_for()
    assert "${alert(1)}<img" in str(bars.locator(".gtitle").text_content())
