"""The plain page: move a slider, and pictures, plot and numbers follow."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from serving import Server, Watched


def panels(page: Any) -> list[str]:
    return list(page.eval_on_selector_all(".esl-panel img", "all => all.map((img) => img.src)"))


def test_a_slider_moves_panels_plot_and_numbers(server: Server, watch: Callable[..., Watched], artefacts: Path) -> None:
    page = watch(1600, 1000).page
    page.goto(server.url + "/plain/")
    page.wait_for_function("document.querySelectorAll('.esl-panel img').length === 4")
    page.wait_for_selector("#plain-plot .plotly")
    page.wait_for_function("document.querySelector('#plain-table').innerText.includes('all classes')")
    page.screenshot(path=artefacts / "plain-page.png", full_page=True)
    before = panels(page), page.input_value("#plain-summary textarea"), page.inner_text("#plain-table")
    assert "Whole set (3 images" in before[1]
    page.locator("#plain-nu input[type=number]").fill("0.9")
    page.locator("#plain-nu input[type=number]").press("Tab")
    page.wait_for_function("text => document.querySelector('#plain-summary textarea').value !== text", arg=before[1])
    page.wait_for_function(
        "srcs => [...document.querySelectorAll('.esl-panel img')].some((img, k) => img.src !== srcs[k])", arg=before[0]
    )
    page.wait_for_function("text => document.querySelector('#plain-table').innerText !== text", arg=before[2])
    after = panels(page)
    # Ground truth and SSL do not depend on nu*; ESL and the difference do.
    assert [a == b for a, b in zip(before[0], after, strict=True)] == [True, True, False, False]


def test_panels_are_lossless_png_at_map_size(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch().page
    page.goto(server.url + "/plain/")
    page.wait_for_function(
        "[...document.querySelectorAll('.esl-panel img')].filter((img) => img.naturalWidth > 0).length === 4"
    )
    sizes = page.eval_on_selector_all(
        ".esl-panel img", "all => all.map((img) => [img.naturalHeight, img.naturalWidth])"
    )
    assert sizes == [[48, 96]] * 4
    assert all(src.endswith(".png") for src in panels(page))


def test_scripts_call_the_named_endpoints(server: Server) -> None:
    from gradio_client import Client

    client = Client(server.url + "/plain/", verbose=False)
    table, _, text = client.predict("", 0, 0.1, 0.9, "whole set", "whole set", api_name="/numbers")
    assert table["data"][-1][0] == "all classes"
    assert "ESL keeps" in text
    pictures = client.predict("", 0, 0.1, 0.9, "whole set", 0.0, api_name="/panels")
    assert all(str(path).endswith(".png") for path in pictures[:4])
    *_, note = client.predict("", 99, 0.1, 0.9, "whole set", 0.0, api_name="/panels")
    assert "index must be" in note
