"""The whole way by clicks alone, on the demo, with real training: baseline, pseudo-labels, thresholds, self-training, comparison.

And what happens when the page's server or a run is killed on the way.
"""

import json
import os
import re
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from safetensors.numpy import load_file
from serving import Server, Watched, start_server
from worlds import make_store

from esl.store.recipes import load_recipe
from tests.integration.training_world import make_world, metrics_of, weights_of

pytestmark = pytest.mark.slow
LONG = 600_000
"""Milliseconds for a real training of a few steps on a crowded machine."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over a tiny store, in a folder of its own, with a tiny day-and-dusk world in CamVid's layout."""
    folder = tmp_path_factory.mktemp("journey")
    make_store(folder)
    make_world(folder / "camvid")
    with pytest.MonkeyPatch.context() as patch:
        # Server, browser and training share two cores: more threads would only wait for one another.
        patch.setenv("OMP_NUM_THREADS", "1")
        server = start_server(folder, "--store", "store")
        yield server
        server.stop()


def ask(url: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def row_of(server: Server, run: str) -> dict[str, Any]:
    return next((row for row in ask(server.url + "/api/v1/runs")["runs"] if row["name"] == run), {})


def wait_for_state(server: Server, run: str, states: tuple[str, ...], seconds: float) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        row = row_of(server, run)
        if row.get("state") in states:
            return row
        assert row.get("state") not in ("failed", "crashed", "stopped"), row
        time.sleep(0.2)
    raise AssertionError(f"{run} is {row_of(server, run)}, not {states}")


def open_tab(page: Page, name: str) -> Locator:
    page.get_by_role("tab", name=name, exact=True).click()
    screen = page.locator(f"#esl-screen-{name.lower()}")
    screen.locator(".esl").wait_for(state="visible")
    return screen


def start(train: Locator, kind: str, name: str) -> None:
    """Press a kind's button, name the run, and start it when nothing is refused."""
    train.get_by_role("radio", name=kind).click()
    train.get_by_role("textbox", name="Name").fill(name)
    button = train.locator(".esl-start")
    expect(button).to_be_enabled(timeout=60_000)
    button.click()
    expect(button).to_contain_text(f": {name}", timeout=60_000)


def test_baseline_extraction_thresholds_self_training_and_comparison_by_clicks_alone(
    place: Server, watch: Callable[..., Watched], artefacts: Path
) -> None:
    page = watch(1600, 1000).page
    page.goto(place.url)
    train = open_tab(page, "Train")

    # A baseline, and its curve while it grows.
    train.get_by_role("combobox", name="Preset").select_option("demo_source_only")
    expect(train.get_by_role("textbox", name="Start weights")).to_have_value(
        re.compile(r"demo_source_only\.safetensors$")
    )
    train.get_by_role("textbox", name="Steps").fill("6")
    train.get_by_text("All settings").click()
    train.get_by_role("searchbox", name="Search settings").fill("log_every")
    train.get_by_role("textbox", name="log_every").fill("2")
    start(train, "Train baseline", "base")
    expect(train.get_by_role("heading", name="base", exact=True)).to_be_visible()
    wait_for_state(place, "base", ("running", "done"), 120)
    train.locator(".esl-chart").filter(has_text="Losses").get_by_text("seg_main").wait_for(timeout=LONG)
    expect(train.locator(".esl-run .esl-state")).to_have_text("done", timeout=LONG)
    expect(train.locator(".esl-samples img")).to_have_count(2)
    page.screenshot(path=artefacts / "journey-1-baseline.png")

    # Pseudo-labels of the baseline's network.
    train.get_by_role("button", name="← Runs").click()
    train.get_by_role("button", name="Set up another").click()
    train.get_by_role("radio", name="Extract pseudo-labels").click()
    train.get_by_role("combobox", name="Checkpoint").fill("runs/base")
    train.get_by_role("combobox", name="Data set").fill("demo")
    train.get_by_role("textbox", name="Split").fill("target_train")
    start(train, "Extract pseudo-labels", "labels")
    page.get_by_role("button", name="Open in the inspector").click(timeout=LONG)

    # Thresholds: nu* moves, and the whole set's numbers with it.
    inspect = page.locator("#esl-screen-inspect")
    inspect.locator("canvas").first.wait_for()
    expect(inspect.get_by_text("200 images")).to_be_visible(timeout=60_000)
    kept = inspect.locator(".esl-summary").inner_text()
    box = inspect.get_by_role("spinbutton", name="ν* as a number")
    box.fill("0.98")  # after six steps the medians lie so high that less would move nothing
    box.press("Enter")
    summary = "document.querySelector('#esl-screen-inspect .esl-summary').innerText"
    page.wait_for_function(f"(before) => {summary} !== before", arg=kept)
    page.screenshot(path=artefacts / "journey-2-thresholds.png")

    # Self-training on what these thresholds keep.
    train = open_tab(page, "Train")
    train.get_by_role("button", name="Set up another").click()
    train.get_by_role("radio", name="Self-train on them").click()
    expect(train.locator(".esl-recipe-note")).to_contain_text("ν* 0.98")
    expect(train.locator(".esl-recipe-note")).to_contain_text(re.compile(r"\d % of the set is kept"), timeout=60_000)
    train.get_by_role("textbox", name="Steps").fill("4")
    start(train, "Self-train on them", "self")
    expect(train.get_by_role("heading", name="self", exact=True)).to_be_visible()
    expect(train.locator(".esl-run .esl-state")).to_have_text("done", timeout=LONG)
    page.screenshot(path=artefacts / "journey-3-self-training.png")
    (saved,) = (place.folder / "runs" / "self" / "recipe").glob("*.json")
    recipe, _ = load_recipe(saved)
    assert recipe.rule.nu_star == 0.98
    config = json.loads((place.folder / "runs" / "self" / "config.json").read_text())["config"]
    assert config["pseudo_labels"]["source"] == "recipe"

    # Both side by side, then both on the same image.
    train.get_by_role("button", name="← Runs").click()
    train.get_by_label("Choose base", exact=True).check()
    train.get_by_label("Choose self", exact=True).check()
    train.get_by_role("button", name="Compare 2").click()
    compare = page.locator("#esl-screen-compare")
    expect(compare.get_by_label("Config differences")).to_contain_text("pseudo_labels", timeout=60_000)
    page.screenshot(path=artefacts / "journey-4-compare.png")
    compare.get_by_role("button", name="Open both in the inspector").click()
    flips = compare.locator(".esl-two-pane").filter(has_text="Flips A → B")
    flips.wait_for(timeout=LONG)
    expect(compare.locator(".esl-two-side")).to_contain_text("mIoU", timeout=LONG)
    page.wait_for_timeout(500)
    page.screenshot(path=artefacts / "journey-5-both.png")


def tiny_form(run: str, steps: int) -> dict[str, Any]:
    """A run of a few seconds on the tiny world."""
    values = {
        "source.size": "32 48", "target.size": "32 48", "selection.data.size": "32 48", "source.augment.crop": "32 32",
        "target.augment.crop": "32 32", "source.augment.scale": "1 1", "steps": str(steps), "schedule_steps": str(steps),
        "batch_size": "1", "log_every": "5", "save_every": "5", "num_workers": "0", "precision": "fp32",
    }  # fmt: skip
    return {
        "id": f"form-{run}", "run": run, "kind": "train", "preset": "camvid_day_dusk_advent", "values": values,
        "data_root": "camvid",
    }  # fmt: skip


def begin(server: Server, run: str, steps: int, until: int) -> dict[str, Any]:
    """Start a tiny run and wait until some steps are made."""
    job = ask(server.url + "/api/v1/runs", tiny_form(run, steps))
    assert job["run"] == run
    row = wait_for_state(server, run, ("running",), 120)
    while row.get("step", 0) < until:  # a job runs a while before its run says anything
        time.sleep(0.1)
        row = row_of(server, run)
        assert row["state"] in ("queued", "running"), row
    return row


def test_a_killed_run_is_shown_and_resumes_to_the_bit(place: Server, watch: Callable[..., Watched]) -> None:
    steps = 60
    row = begin(place, "killed", steps, until=8)
    os.killpg(os.getpgid(row["pid"]), signal.SIGKILL)
    began = time.monotonic()
    wait_for_state(place, "killed", ("crashed",), 10)
    assert time.monotonic() - began < 10
    page = watch(1600, 1000).page
    page.goto(place.url)
    train = open_tab(page, "Train")
    train.locator('[data-run="killed"]').click()
    expect(train.locator(".esl-run .esl-state")).to_have_text("crashed")
    expect(train.locator(".esl-runmessage")).to_contain_text("gone")
    train.get_by_role("button", name="Resume").click()
    expect(train.locator(".esl-run .esl-state")).to_have_text("done", timeout=LONG)
    begin(place, "whole", steps, until=1)
    wait_for_state(place, "whole", ("done",), 300)
    killed, whole = place.folder / "runs" / "killed", place.folder / "runs" / "whole"
    assert weights_of(killed) == weights_of(whole)
    assert metrics_of(killed) == metrics_of(whole)
    assert load_file(killed / "checkpoints" / f"step_{steps:06d}" / "model.safetensors")


def test_a_run_outlives_the_page_and_its_server(place: Server, watch: Callable[..., Watched]) -> None:
    row = begin(place, "outlives", 3000, until=3)
    place.process.kill()
    place.process.wait(30)
    again = start_server(place.folder, *place.arguments)
    place.url, place.process = again.url, again.process
    later = wait_for_state(place, "outlives", ("running",), 30)
    assert (later["pid"], later["started"]) == (row["pid"], row["started"])
    page = watch().page
    page.goto(place.url)
    train = open_tab(page, "Train")
    train.locator('[data-run="outlives"]').click()
    expect(train.locator(".esl-run .esl-state")).to_have_text("running")
    train.get_by_role("button", name="Stop").click()
    expect(train.locator(".esl-run .esl-state")).to_have_text("stopped", timeout=LONG)
    expect(train.get_by_text("Resume goes on exactly")).to_be_visible()
    assert row_of(place, "outlives")["step"] > row["step"]


def test_two_browsers_start_a_run_once_and_their_forms_are_their_own(
    place: Server, watch: Callable[..., Watched]
) -> None:
    pages = [watch(1600, 1000).page, watch(1600, 1000).page]
    forms = []
    for page in pages:
        page.goto(place.url)
        forms.append(open_tab(page, "Train"))
        forms[-1].get_by_role("textbox", name="Name").fill("both")
    forms[0].get_by_role("combobox", name="Preset").select_option("demo_advent")
    forms[0].get_by_role("textbox", name="Steps").fill("2")
    forms[0].get_by_role("textbox", name="Seed").fill("41")
    assert forms[0].get_by_role("textbox", name="Steps").input_value() == "2"
    assert forms[1].get_by_role("textbox", name="Steps").input_value() != "2"
    assert forms[1].get_by_role("textbox", name="Seed").input_value() != "41"
    for form in forms:
        expect(form.locator(".esl-start")).to_be_enabled(timeout=60_000)
    forms[0].locator(".esl-start").dblclick()
    expect(forms[0].locator(".esl-start")).to_contain_text(re.compile("^(Queued|Running): "), timeout=60_000)
    forms[1].locator(".esl-start").click()
    expect(forms[1].locator(".esl-startbar .esl-fault")).not_to_be_empty()
    jobs = [row for row in ask(place.url + "/api/v1/runs")["runs"] if row["name"].startswith("both")]
    assert len(jobs) == 1
    wait_for_state(place, "both", ("done",), 600)
    assert json.loads((place.folder / "runs" / "both" / "config.json").read_text())["config"]["seed"] == 41
