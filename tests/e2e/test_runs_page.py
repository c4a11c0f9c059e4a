"""Train and Compare in a real browser, over run folders that no process made: no Gradio, no training, nothing timed but the table."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from worlds import logits_of, make_store

from app.library import Library
from app.main import make_desk
from app.routes import make_router
from app.routes.answers import add_error_answers
from app.routes.viewer_files import ViewerFiles
from app.run_desk import RunDesk
from esl.config import config_to_json
from esl.files import write_bytes, write_json
from esl.images.writing import encode_jpeg, write_png
from esl.presets import preset
from esl.store.job_queue import Job
from esl.store.predictions import PredictionStore, StoreManifest
from esl.store.runs import RunDirectory, RunStatus

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.e2e
playwright.expect.set_options(timeout=20_000)  # a crowded machine loads modules slowly; nothing here measures time
CHROMIUM = Path("/usr/bin/chromium")
EVIL = "<img src=x onerror=alert(1)>"
PAGE = """<!doctype html><meta charset="utf-8"><style>body{margin:0}</style><div id="host"></div><script type="module">
import { mount } from '/viewer/main.js';
const params = new URLSearchParams(location.search);
const host = document.getElementById('host');
host.addEventListener('esl:open', (e) => { params.set('screen', e.detail.screen); location.search = params; });
mount(host, { apiBase: '/api/v1', screen: params.get('screen') ?? 'train', theme: 'dark', pollMs: 300 }).then(() => { window.mounted = true; });
</script>"""


def make_run(folder: Path, name: str, *, state: Any = "done", seed: int = 1, message: str = "") -> RunDirectory:
    run = RunDirectory(folder / name)
    config = config_to_json(replace(preset("demo_source_only"), seed=seed))
    write_json(run.config_path, {"config": config, "resolved": {}, "commit": "0" * 12})
    run.write_status(
        RunStatus(state=state, step=20, steps=40, miou=0.25 + seed / 100, message=message, started=1.7e9 + seed)
    )
    lines: list[dict[str, Any]] = [
        {"kind": "train", "step": s, "lr": 0.1, "seg_main": 3 / s, "rate": 1.0} for s in (5, 10, 15)
    ]
    lines.append(
        {"kind": "evaluation", "step": 20, "miou": 0.3, "iou": [0.3 + seed / 50] * 19, "split": "demo source_val"}
    )
    run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    run.log_path.write_text("begun\nWARNING: one class is in no label\n")
    return run


@pytest.fixture
def desk(tmp_path: Path) -> RunDesk:
    library = Library(
        roots=(tmp_path,), exports_dir=tmp_path / "exports", state_dir=tmp_path / "state",
        cache_dir=tmp_path / "cache", stores_dir=tmp_path / "stores", device="cpu",
    )  # fmt: skip
    desk = make_desk(library, tmp_path / "runs")
    desk.library = library  # type: ignore[attr-defined]
    desk.tick = lambda: None  # type: ignore[method-assign]  # jobs stay in the queue: nothing is trained here
    return desk


@pytest.fixture
def address(desk: RunDesk) -> Iterator[str]:
    app = FastAPI()
    app.state.runs, app.state.library = desk, desk.library  # type: ignore[attr-defined]
    add_error_answers(app)
    app.include_router(make_router())
    app.mount("/viewer", ViewerFiles())
    app.add_api_route("/", lambda: HTMLResponse(PAGE))
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        path = {"executable_path": str(CHROMIUM)} if CHROMIUM.exists() else {}
        try:
            instance = driver.chromium.launch(**path, args=["--no-sandbox", "--disable-gpu"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium to drive: {str(error).splitlines()[0]}")
        yield instance
        instance.close()


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    tab = context.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("dialog", lambda dialog: (errors.append(f"dialog {dialog.message}"), dialog.dismiss()))
    yield tab
    context.close()
    assert errors == []


def visit(page: Any, address: str, query: str = "") -> None:
    page.goto(address + query)
    page.wait_for_function("window.mounted")


def ready(page: Any, address: str) -> None:
    """The form is filled and its first check has come back."""
    visit(page, address)
    page.wait_for_function("document.querySelector('[aria-label=\"Command line\"]')?.textContent.includes('esl train')")


def test_what_cannot_be_meant_is_refused_beside_its_field(page: Any, address: str) -> None:
    ready(page, address)
    start = page.locator(".esl-start")
    for field, text, word in [
        ("Steps", "-1", "at least 1"),
        ("Learning rate", "nan", "finite"),
        ("Name", "../x", "plain folder name"),
        ("Name", "<script>alert(1)</script>", "plain folder name"),
        ("Data folder", "/etc", "must lie in"),
        ("Devices", "0", "1 to 1024"),
    ]:
        box = page.get_by_role("textbox", name=field).or_(page.get_by_role("combobox", name=field)).first
        before = box.input_value()
        box.fill(text)
        fault = page.locator(f"#{box.get_attribute('id')}-fault")
        playwright.expect(fault).to_contain_text(word)
        playwright.expect(start).to_be_disabled()
        box.fill(before)
        playwright.expect(fault).to_be_empty()
    playwright.expect(start).to_be_enabled()


def test_a_folder_that_is_no_data_set_is_refused_beside_its_field(page: Any, address: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ready(page, address)
    page.get_by_role("combobox", name="Preset").select_option("camvid_day_dusk_advent")
    box = page.get_by_role("combobox", name="Data folder")
    box.fill(str(tmp_path / "empty"))
    fault = page.locator(f"#{box.get_attribute('id')}-fault")
    playwright.expect(fault).to_contain_text("CamVid")
    playwright.expect(page.locator(".esl-start")).to_be_disabled()
    page.get_by_role("combobox", name="Preset").select_option("demo_advent")
    box.fill("")
    playwright.expect(fault).to_be_empty()
    playwright.expect(page.locator(".esl-start")).to_be_enabled()


def test_a_double_click_starts_once_and_a_second_form_is_another_run(page: Any, address: str, desk: RunDesk) -> None:
    ready(page, address)
    page.get_by_role("textbox", name="Steps").fill("7")
    playwright.expect(page.get_by_label("Command line").locator("xpath=self::pre")).to_contain_text("--steps 7")
    page.locator(".esl-start").dblclick()
    page.get_by_text("Set up another").wait_for()
    jobs = desk.worker.queue.jobs()
    assert [job.run for job in jobs] == ["demo_source_only"]
    assert "--schedule-steps" in jobs[0].argv
    page.get_by_text("Set up another").click()
    playwright.expect(page.get_by_role("textbox", name="Name")).to_have_value("demo_source_only-2")
    page.locator(".esl-start:enabled").click()
    page.get_by_text("Set up another").wait_for()
    assert len(desk.worker.queue.jobs()) == 2
    page.get_by_text("← Runs").click()
    page.get_by_label("Later demo_source_only", exact=True).click()
    playwright.expect(page.locator(".esl-queue-job").first).to_contain_text("demo_source_only-2")
    page.get_by_label("Remove demo_source_only-2 from the queue").click()
    playwright.expect(page.locator(".esl-queue-job")).to_have_count(1)


def test_names_and_messages_of_runs_are_text_and_bad_ends_say_what_to_do(
    page: Any, address: str, desk: RunDesk
) -> None:
    make_run(desk.runs_dir, EVIL, state="failed", message=f"CUDA out of memory {EVIL}")
    visit(page, address)
    row = page.locator(".esl-runs-inner .esl-runs-row")
    playwright.expect(row).to_contain_text(EVIL)
    row.click()
    playwright.expect(page.locator(".esl-run h2")).to_have_text(EVIL)
    playwright.expect(page.locator(".esl-runmessage")).to_contain_text(EVIL)
    playwright.expect(page.locator(".esl-run")).to_contain_text("smaller batch")
    playwright.expect(page.locator(".esl-warnings")).to_contain_text("one class is in no label")
    assert page.locator(".esl img[src=x]").count() == 0


def test_a_curve_moves_while_its_run_writes(page: Any, address: str, desk: RunDesk) -> None:
    run = make_run(desk.runs_dir, "live", state="running")
    visit(page, address)
    page.locator('[data-run="live"]').click()
    last = "document.getElementById('host').__esl.screen.page.series.losses.get('seg_main')?.x.at(-1)"
    page.wait_for_function(f"{last} === 15")
    with run.metrics_path.open("a") as stream:
        stream.write(json.dumps({"kind": "train", "step": 25, "seg_main": 0.1}) + "\n")
    page.wait_for_function(f"{last} === 25", timeout=5000)


def test_a_new_run_does_not_show_the_state_of_the_one_before(page: Any, address: str, desk: RunDesk) -> None:
    make_run(desk.runs_dir, "before")
    visit(page, address)
    page.locator('[data-run="before"]').click()
    run = page.locator(".esl-run")
    playwright.expect(run.locator(".esl-state")).to_have_text("done")
    page.route("**/api/v1/runs**", lambda route: None)  # no answer ever comes
    page.evaluate("document.getElementById('host').__esl.screen.show('new')")
    playwright.expect(run.get_by_role("heading", name="new", exact=True)).to_be_visible()
    assert run.locator(".esl-state").inner_text() == ""
    assert run.locator(".esl-run-head .esl-btn:visible").all_inner_texts() == ["← Runs"]
    assert run.locator(".esl-meter i").bounding_box()["width"] == 0


def test_samples_of_checkpoints_are_shown_over_time(page: Any, address: str, desk: RunDesk) -> None:
    run = make_run(desk.runs_dir, "first")
    write_bytes(run.samples_dir / "photo.jpg", encode_jpeg(np.full((16, 32, 3), 90, np.uint8)))
    for step in range(100, 2100, 100):
        write_png(run.samples_dir / f"step_{step:06d}.png", np.full((16, 32), step % 255, np.uint8))
    visit(page, address)
    page.locator('[data-run="first"]').click()
    pictures = page.locator(".esl-samples img")
    playwright.expect(pictures).to_have_count(9)
    playwright.expect(page.locator(".esl-samples").first).to_contain_text("step 2000")
    pictures.last.scroll_into_view_if_needed()
    page.wait_for_function("[...document.querySelectorAll('.esl-samples img')].every((i) => i.naturalWidth === 32)")


def test_rounds_of_an_experiment_stand_in_the_table_and_go_together(page: Any, address: str, desk: RunDesk) -> None:
    for number in (0, 1):
        make_run(desk.runs_dir, f"e/round_{number}/run", seed=number + 1)
    write_json(desk.runs_dir / "e" / "experiment.json", {})
    write_json(desk.runs_dir / "e" / "round_0" / "store" / "manifest.json", {})
    visit(page, address)
    for number in (0, 1):
        folder = desk.runs_dir / "e" / f"round_{number}" / "run" / "samples"
        write_png(folder / "step_000020.png", np.full((16, 32), number, np.uint8))
    page.locator('[data-run="e~round_0"]').click()
    playwright.expect(page.locator(".esl-rounds .esl-sample")).to_have_count(2)
    page.locator(".esl-rounds .esl-sample button").first.hover()
    playwright.expect(page.locator(".esl-rounds [role=status]")).to_contain_text("round_0")
    page.get_by_role("button", name="Play").click()
    playwright.expect(page.locator(".esl-rounds [role=status]")).to_contain_text("round_1")
    page.get_by_role("button", name="Pause").click()
    playwright.expect(page.get_by_role("button", name="Open in the inspector")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    playwright.expect(page.get_by_role("alertdialog")).to_contain_text("The whole experiment e")
    page.get_by_role("button", name="Move to the trash").click()
    playwright.expect(page.locator(".esl-runs-inner .esl-runs-row")).to_have_count(0)


def test_delete_asks_moves_to_the_trash_and_the_trash_is_emptied(page: Any, address: str, desk: RunDesk) -> None:
    make_run(desk.runs_dir, "old")
    visit(page, address)
    page.locator('[data-run="old"]').click()
    playwright.expect(page.locator(".esl-checkpoints")).to_contain_text("kB")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Keep").click()
    assert (desk.runs_dir / "old").is_dir()
    page.get_by_role("button", name="Delete").click()
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('.is-ask') !== null"), "Tab stays inside"
    page.keyboard.press("Escape")
    playwright.expect(page.get_by_role("alertdialog")).to_have_count(0)
    assert page.locator(".esl-checkpoints").is_visible(), "Escape closes the question, not the run's page behind it"
    page.get_by_role("button", name="Delete").click()
    playwright.expect(page.get_by_role("alertdialog")).to_contain_text("kB")
    page.get_by_role("button", name="Move to the trash").click()
    playwright.expect(page.locator(".esl-runs-inner .esl-runs-row")).to_have_count(0)
    assert len(desk.table.trash()) == 1
    page.get_by_role("button", name="Empty the trash").click()
    page.get_by_role("button", name="Remove for good").click()
    playwright.expect(page.get_by_role("button", name="Empty the trash")).to_be_hidden()
    assert desk.table.trash() == []


def test_a_start_that_failed_is_looked_at_started_again_and_deleted(page: Any, address: str, desk: RunDesk) -> None:
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status == 400 else None)
    folder = desk.runs_dir / "broken"
    write_bytes(folder / "log.txt", b"no labels\n")
    write_bytes(folder / "run.lock", b"")
    desk.worker.queue.add(Job(job_id="j", run="broken", argv=("python", "-m", "esl", "train", "x")))
    desk.worker.queue.set_state("j", "failed", "no labels")
    visit(page, address)
    page.locator('[data-run="broken"]').click()
    run = page.locator(".esl-run")
    playwright.expect(run).to_contain_text("It ended before its first step")
    playwright.expect(run.get_by_label("Log")).to_have_text("no labels")
    run.get_by_role("button", name="Start again").click()
    playwright.expect(run).to_contain_text("it waits in the queue")
    desk.worker.stop(desk.worker.queue.jobs(("queued",))[0].job_id)
    run.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Move to the trash").click()
    playwright.expect(page.locator(".esl-runs-blank")).to_contain_text("No run yet")
    assert not folder.exists()
    assert refused == []


def test_clone_opens_the_form_with_the_runs_values(page: Any, address: str, desk: RunDesk) -> None:
    make_run(desk.runs_dir, "first", seed=9)
    visit(page, address)
    page.locator('[data-run="first"]').click()
    playwright.expect(page.locator(".esl-pairs")).to_contain_text("seed")
    page.get_by_role("button", name="Clone").click()
    playwright.expect(page.get_by_role("textbox", name="Seed")).to_have_value("9")
    playwright.expect(page.get_by_role("textbox", name="Name")).to_have_value("first-2")


def test_a_thousand_runs_open_at_once_and_only_rows_in_view_exist(page: Any, address: str, desk: RunDesk) -> None:
    config = {"config": config_to_json(preset("demo_advent_esl"))}
    for k in range(1000):
        run = RunDirectory(desk.runs_dir / f"run-{k}")
        write_json(run.config_path, config)
        write_json(run.status_path, {"state": "done", "step": 10, "steps": 10, "miou": k / 1000, "started": 1.7e9 + k})
    desk.rows()  # a server that runs has read them; the page is what is tried here
    visit(page, address)
    began = time.monotonic()
    page.reload()
    page.locator('[data-run="run-999"]').wait_for()
    assert time.monotonic() - began < 20  # 2 s on an idle machine; a crowded one only must not hang
    assert page.locator(".esl-runs-inner .esl-runs-row").count() < 60
    page.get_by_role("button", name="mIoU").click()
    page.get_by_role("button", name="mIoU").click()
    page.locator('[data-run="run-0"]').wait_for()
    page.get_by_label("Filter runs").fill("run-77")
    playwright.expect(page.locator(".esl-runs-tools")).to_contain_text("11 of 1000 runs")


def test_chosen_runs_are_compared(page: Any, address: str, desk: RunDesk) -> None:
    make_run(desk.runs_dir, "one", seed=1)
    make_run(desk.runs_dir, "two", seed=2)
    visit(page, address)
    page.get_by_label("Choose one").check()
    page.get_by_label("Choose two").check()
    page.get_by_role("button", name="Compare 2").click()
    page.wait_for_function("window.mounted && document.querySelector('.esl-compare')")
    playwright.expect(page.get_by_label("Config differences")).to_contain_text("seed")
    assert page.get_by_label("Config differences").locator("tbody tr").count() == 1
    playwright.expect(page.locator(".esl-bars")).to_contain_text("+2.0")
    playwright.expect(page.get_by_role("button", name="Open both in the inspector")).to_be_enabled()


def test_stores_of_other_classes_are_compared_once_it_is_said_which_are_the_same(
    page: Any, address: str, desk: RunDesk, tmp_path: Path
) -> None:
    first = make_store(tmp_path)
    make_store(tmp_path, name="second")
    manifest = tmp_path / "second" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("walk way", "footpath").replace("0000", "1111"))
    for name in ("store", "second"):
        desk.library.open(tmp_path / name, name)  # type: ignore[attr-defined]
    visit(page, address, "?screen=compare")
    page.get_by_role("radio", name="Same image, two stores").click()
    playwright.expect(page.get_by_text("say first which are the same")).to_be_visible()
    page.get_by_role("button", name="Classes …").click()
    assert page.get_by_label("pole of").input_value() == "3"
    assert page.get_by_label("footpath of").input_value() == "255"
    page.get_by_label("footpath of").select_option(label="walk way")
    page.get_by_role("button", name="Compare", exact=True).click()
    playwright.expect(page.locator(".esl-two-side")).to_contain_text("0.0 % of the pixels differ")
    assert first.is_complete


def test_images_of_a_comparison_are_ordered_by_what_changes(
    page: Any, address: str, desk: RunDesk, tmp_path: Path
) -> None:
    store = make_store(tmp_path)
    fields = {
        k: getattr(store.manifest, k)
        for k in ("dataset", "root", "split", "class_set", "image_ids", "map_size", "logits_shape")
    }
    with PredictionStore.create(
        tmp_path / "other", StoreManifest(**fields, model={"name": "o", "sha256": "2" * 64})
    ) as other:
        for k, image_id in enumerate(store.image_ids):
            other.write(image_id, logits_of(k + (7 if k == 2 else 0)))
    for name in ("store", "other"):
        desk.library.open(tmp_path / name, name)  # type: ignore[attr-defined]
    visit(page, address, "?screen=compare")
    page.get_by_role("radio", name="Same image, two stores").click()
    playwright.expect(page.locator(".esl-two-side")).to_contain_text("0.0 % of the pixels differ")
    page.get_by_label("Order of the images").select_option("all")
    images = page.get_by_label("Image", exact=True).locator("option")
    playwright.expect(images.first).to_contain_text(store.image_ids[2])
    playwright.expect(images.nth(1)).to_contain_text("· 0 px")
    playwright.expect(page.locator(".esl-two-side")).not_to_contain_text("0.0 % of the pixels differ")


def test_thresholds_may_come_from_another_store(page: Any, address: str, desk: RunDesk, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    fields = {
        k: getattr(store.manifest, k)
        for k in ("dataset", "root", "split", "class_set", "image_ids", "map_size", "logits_shape")
    }
    model = {"name": "training set", "sha256": "3" * 64}
    with PredictionStore.create(tmp_path / "other", StoreManifest(**fields, model=model)) as other:
        for k, image_id in enumerate(store.image_ids):
            other.write(image_id, logits_of(k, confidence=2.0))
        other.finish()
    opened = [desk.library.open(tmp_path / name, name) for name in ("store", "other")]  # type: ignore[attr-defined]
    for one in opened:
        assert desk.library.numbers(one).wait(60)  # type: ignore[attr-defined]
    own, borrowed = (one.medians()[1].tolist() for one in opened)
    assert own != borrowed
    visit(page, address, f"?screen=thresholds#s={opened[0].sid}")
    now = "[...document.getElementById('host').__esl.thresholds().nu]"
    page.wait_for_function("document.getElementById('host').__esl?.session.info")
    page.evaluate("document.getElementById('host').__esl.setRule({mode: 'median'})")
    page.wait_for_function(f"(want) => JSON.stringify({now}) === JSON.stringify(want)", arg=own)
    page.get_by_label("Medians of").select_option(label="medians of other")
    page.wait_for_function(f"(want) => JSON.stringify({now}) === JSON.stringify(want)", arg=borrowed)
    playwright.expect(page.locator(".esl-top").get_by_text("medians of other")).to_be_visible()
