"""A mask of verdicts from Audit to Thresholds and Export: saved, shown, and brought back by its recipe after a reload."""

import json
import re
import urllib.request
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect
from serving import Server, Watched

WAIT = 60_000
NAMES = tuple(f"street/{k:02d}.png" for k in range(6))


def recipes(server: Server) -> list[dict[str, Any]]:
    with urllib.request.urlopen(f"{server.url}/api/v1/recipes", timeout=60) as answer:
        found: list[dict[str, Any]] = json.load(answer)["recipes"]
    return found


def save_as(page: Page, screen: str, name: str) -> None:
    box = page.locator(f"#esl-screen-{screen}").get_by_label("Recipe name")
    box.fill(name)
    box.press("Control+s")
    expect(page.locator(f"#esl-screen-{screen} .esl-toast").filter(has_text=f"“{name}” saved")).to_be_visible(
        timeout=WAIT
    )


def test_a_recipe_brings_its_mask_back_and_is_told_from_one_without(
    world: Server, watch: Callable[..., Watched]
) -> None:
    page = watch().page
    page.goto(f"{world.url}/#tab=audit&mu=0.3&nu=0.4&mode=fixed")
    audit = page.locator("#esl-screen-audit")
    page.wait_for_function("document.querySelectorAll('.esl-arc').length > 3")
    save_as(page, "audit", "plain")
    page.keyboard.press("Escape")
    audit.get_by_role("button", name=re.compile("drop", re.IGNORECASE)).first.click()
    expect(audit.get_by_text("1 of")).to_be_visible(timeout=WAIT)
    audit.get_by_label("Put your verdicts into recipes as a mask").check()
    expect(audit.get_by_role("button", name="Save", exact=True)).to_be_visible(timeout=WAIT)
    save_as(page, "audit", "masked")

    page.goto("about:blank")
    page.goto(f"{world.url}/#tab=thresholds")
    thresholds = page.locator("#esl-screen-thresholds")
    row = thresholds.locator(".esl-recipe-row").filter(has_text="masked")
    expect(row).to_contain_text("with 1 verdict of me", timeout=WAIT)
    row.get_by_role("button", name="Load").click()
    expect(thresholds.locator(".esl-recipe-row.is-on")).to_have_text(re.compile("masked"), timeout=WAIT)
    thresholds.get_by_label("ν* as a number").fill("0.11")
    thresholds.get_by_label("ν* as a number").press("Tab")
    expect(thresholds.locator(".esl-recipe-row.is-on")).to_have_count(0, timeout=WAIT)
    thresholds.get_by_role("button", name="Save", exact=True).click()
    expect(thresholds.locator(".esl-recipe-row.is-on")).to_contain_text("with 1 verdict of me", timeout=WAIT)
    assert [(r["name"], r["nu_star"], r["num_verdicts"]) for r in recipes(world)] == [
        ("masked", 0.11, 1), ("masked", 0.4, 1), ("plain", 0.4, 0),
    ]  # fmt: skip
    page.get_by_role("tab", name="Audit").click()
    expect(audit.get_by_label("Put your verdicts into recipes as a mask")).to_be_checked(timeout=WAIT)
    page.get_by_role("tab", name="Export").click()
    export = page.locator("#esl-screen-export")
    expect(export.get_by_label("Recipe", exact=True).locator("option", has_text="with 1 verdict of me")).to_have_count(
        2
    )
    export.get_by_label("Rule").select_option("max_prob")
    export.get_by_role("button", name="Save the thresholds on screen as a recipe").click()
    expect(export.get_by_label("Recipe", exact=True).locator("option", has_text="SSL")).to_have_count(1, timeout=WAIT)
