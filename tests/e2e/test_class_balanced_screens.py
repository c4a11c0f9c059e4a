"""CBST's labels on the screens that use them: Export writes the portion on screen, Train offers it beside SSL and ESL."""

import re
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from playwright.sync_api import Page, expect
from serving import Server, Watched
from worlds import NAMES

from esl.classes import IGNORE
from esl.store.predictions import PredictionStore
from esl.training.class_balanced import class_balanced_labels

PORTION = 0.35


def inspect_with_portion(page: Page, server: Server) -> None:
    page.goto(f"{server.url}/#tab=inspect&p=photo,cbst&cb={PORTION}")
    page.wait_for_selector(".esl-slider.is-portion", state="visible")


def test_the_export_screen_writes_cbsts_labels_of_the_portion_on_screen(
    server: Server, watch: Callable[..., Watched]
) -> None:
    page = watch().page
    inspect_with_portion(page, server)
    page.get_by_role("tab", name="Export", exact=True).click()
    form = page.locator("#esl-screen-export .esl-form")
    form.get_by_label("Labels").select_option("cbst")
    portion = form.get_by_label("CBST’s portion of each predicted class")
    expect(portion).to_have_value(str(PORTION))
    expect(form.get_by_label("Recipe", exact=True)).to_be_hidden()
    expect(form.get_by_text("Difference")).to_be_hidden()
    form.get_by_role("button", name="Dry run").click()
    expect(form.locator(".esl-export-preview")).to_contain_text("3 files for 3 images")
    form.get_by_role("button", name="Export", exact=True).click()
    report = form.locator(".esl-report")
    expect(report).to_contain_text("3 files", timeout=60_000)
    folder = Path(report.inner_text().split("equal. ")[1])
    store = PredictionStore.open(server.folder / "store")
    labels = class_balanced_labels(store.directory, PORTION)
    for name in NAMES:
        png = cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(png, labels(name))
        assert (png != IGNORE).any()
    portion.fill("0.5")  # moves the portion of the whole page
    portion.press("Tab")
    page.get_by_role("tab", name="Inspect", exact=True).click()
    expect(page.get_by_label("CBST’s portion as a number")).to_have_value("0.5")


def test_the_train_form_offers_cbst_with_its_portion(server: Server, watch: Callable[..., Watched]) -> None:
    page = watch().page
    inspect_with_portion(page, server)
    page.get_by_role("tab", name="Train", exact=True).click()
    form = page.locator("#esl-screen-train form")
    command = form.locator("[aria-label='Command line']")
    expect(command).to_contain_text("esl train")  # the preset's settings are there
    form.get_by_role("radio", name="Self-train on them").click()
    portion = form.get_by_label("CBST’s portion")
    expect(portion).to_be_hidden()
    criterion = form.get_by_label("Criterion").locator("visible=true")
    criterion.select_option("class_balanced")
    expect(portion).to_have_value(str(PORTION))
    expect(form.locator(".esl-recipe-note")).to_contain_text("CBST")
    expect(command).to_contain_text("--pseudo-labels.criterion class_balanced")
    expect(command).to_contain_text(f"--pseudo-labels.path {server.folder / 'store'}")
    expect(command).to_contain_text(f"--pseudo-labels.portion {PORTION}")
    form.get_by_role("radio", name="Whole experiment").click()
    expect(command).to_contain_text(re.compile(r"esl self-train .*--criterion class_balanced"))
    portion.fill("0.4")
    expect(command).to_contain_text("--pseudo-labels.portion 0.4")
    criterion.select_option("entropy")
    expect(portion).to_be_hidden()
    expect(command).not_to_contain_text("portion")
