"""What goes wrong is said where it went wrong, and comes back on a retry; on the real server and real files."""

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from playwright.sync_api import Page
from serving import Server, Watched, start_server
from worlds import MAP_SIZE, NAMES, TINY, make_store

from esl.images import write_png
from esl.models.deeplab_v2 import build_network
from esl.models.weights import NetworkInfo, save_network
from esl.pipelines.origin import note_origin

HANDLE = "document.querySelector('.esl-shell')?.__esl?"


def show(page: Page, i: int) -> None:
    page.evaluate(f"{HANDLE}.show({i})")


def is_shown(page: Page, i: int) -> None:
    page.wait_for_function(f"{HANDLE}.session.image?.maps.i === {i} && !{HANDLE}.session.loading")


def card(page: Page, kind: str) -> Any:
    return page.locator(f"#esl-screen-inspect .esl-pane[data-kind='{kind}'] .esl-card:visible")


@pytest.fixture
def world(tmp_path: Path) -> Any:
    make_store(tmp_path)
    server = start_server(tmp_path, "--store", "store")
    yield server
    server.stop()


def test_a_label_of_another_size_is_told_and_comes_back(world: Server, watch: Callable[..., Watched]) -> None:
    label = world.folder / "data" / "labels" / NAMES[2]
    kept = label.read_bytes()
    write_png(label, np.zeros((MAP_SIZE[0] // 2, MAP_SIZE[1]), np.uint8))
    page = watch().page
    page.goto(f"{world.url}/#tab=inspect&p=photo,gt,ssl,errors")
    is_shown(page, 0)
    show(page, 2)
    is_shown(page, 2)
    card(page, "gt").wait_for()
    for kind in ("gt", "errors"):
        text = card(page, kind).inner_text()
        assert "Ground truth cannot be used" in text
        assert "(48, 96)" in text
        assert "(24, 96)" in text
    assert card(page, "photo").count() + card(page, "ssl").count() == 0, "what does not need the label goes on"
    label.write_bytes(kept)
    card(page, "gt").get_by_role("button", name="Retry").click()
    page.wait_for_function(f"{HANDLE}.session.image?.maps.truth != null")
    assert page.locator("#esl-screen-inspect .esl-card:visible").count() == 0


def test_a_photo_that_is_gone_is_told_and_comes_back(world: Server, watch: Callable[..., Watched]) -> None:
    photo = world.folder / "data" / "images" / NAMES[2]
    kept = photo.read_bytes()
    photo.unlink()
    page = watch().page
    page.goto(f"{world.url}/#tab=inspect&p=photo,ssl")
    is_shown(page, 0)
    show(page, 2)
    card(page, "photo").wait_for()
    assert "photo cannot be shown" in card(page, "photo").inner_text()
    assert card(page, "ssl").count() == 0
    show(page, 1)
    is_shown(page, 1)
    assert page.locator("#esl-screen-inspect .esl-card:visible").count() == 0
    show(page, 2)
    card(page, "photo").wait_for()
    photo.write_bytes(kept)
    card(page, "photo").get_by_role("button", name="Retry").click()
    page.wait_for_function(f"{HANDLE}.session.image?.maps.photo != null")
    page.wait_for_function(
        "document.querySelectorAll('#esl-screen-inspect .esl-pane:not([hidden]) .esl-card:not([hidden])').length === 0"
    )


def test_maps_that_the_server_cannot_derive_are_told_and_come_back(
    world: Server, watch: Callable[..., Watched]
) -> None:
    page = watch().page
    page.goto(f"{world.url}/#tab=inspect&p=ssl")
    is_shown(page, 0)
    page.route("**/images/2/maps*", lambda route: route.abort())
    show(page, 2)
    card(page, "ssl").wait_for()
    assert "The server does not answer" in card(page, "ssl").inner_text()
    inspect = page.locator("#esl-screen-inspect")
    for part in (".esl-pane-note:visible", ".esl-sum-num", ".esl-kept"):
        shown = inspect.locator(part)
        assert {shown.nth(k).inner_text() for k in range(shown.count())} == {"\u2013"}, "no number of the image before"
    assert "cannot be shown" in inspect.locator(".esl-sum-scope").inner_text()
    assert inspect.locator(".esl-image-name").inner_text() == NAMES[2]
    page.unroute("**/images/2/maps*")
    page.keyboard.press("r")
    is_shown(page, 2)
    assert card(page, "ssl").count() == 0


def save_checkpoint(path: Path, seed: int) -> str:
    torch.manual_seed(seed)
    info = NetworkInfo(
        num_classes=5, backbone="mobilenet_v2", class_set=TINY.name, provenance={"input_size": list(MAP_SIZE)}
    )
    return save_network(path, build_network(info), info).sha256


def test_a_store_that_is_older_than_its_checkpoint_says_so_and_is_predicted_again(
    tmp_path: Path, watch: Callable[..., Watched], artefacts: Path
) -> None:
    make_store(tmp_path)
    weights = tmp_path / "best.safetensors"
    note_origin(tmp_path / "store", weights)  # the store says that weights 000... made it
    server = start_server(tmp_path, "--store", "store")
    try:
        page = watch().page
        page.goto(f"{server.url}/#tab=inspect")
        is_shown(page, 0)
        page.wait_for_timeout(2000)
        assert page.locator(".esl-strip:visible").count() == 0, (
            "a checkpoint that is gone leaves the maps what they are"
        )
        sha = save_checkpoint(weights, 1)
        page.reload()
        strip = page.locator("#esl-screen-inspect .esl-strip")
        strip.wait_for()
        assert f"of the weights 00000000; the checkpoint best.safetensors has changed since and holds {sha[:8]}" in (
            strip.inner_text()
        )
        page.screenshot(path=artefacts / "stale-store.png")
        strip.get_by_role("button", name="Dismiss").click()
        assert not strip.is_visible()
        page.reload()
        strip.wait_for()
        old = page.evaluate(f"{HANDLE}.session.sid")
        strip.get_by_role("button", name="Predict again").click()
        page.wait_for_function(
            f"{HANDLE}.session.sid !== '{old}' && {HANDLE}.session.info.num_done === 3", timeout=120_000
        )
        is_shown(page, 0)
        page.wait_for_timeout(2000)
        assert page.locator(".esl-strip:visible").count() == 0
        assert page.evaluate(f"{HANDLE}.session.info.model.sha256") == sha
        stores = json.load(urllib.request.urlopen(server.url + "/api/v1/stores"))
        assert stores[0]["sid"] == old, "the older store stays open, with its verdicts"
        assert len(stores) == 2
    finally:
        server.stop()
