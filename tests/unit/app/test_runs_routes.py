"""The routes of runs: forms, a real run from queue to end, stop, resume, trash, comparison."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.routes.answers import add_error_answers
from app.routes.runs import router
from app.run_desk import RunDesk
from esl.config import config_to_json
from esl.files import write_bytes, write_json
from esl.images.writing import write_png
from esl.presets import preset
from esl.store.job_queue import Job
from esl.store.runs import RunDirectory, RunStatus

FORM = {"id": "j1", "run": "first", "preset": "demo_source_only", "values": {"steps": 5, "schedule_steps": 5}}


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[RunDesk]:
    desk = RunDesk(runs_dir=tmp_path / "runs", stores_dir=tmp_path / "stores", roots=(tmp_path,))
    yield desk
    desk.close()


@pytest.fixture
def client(desk: RunDesk) -> TestClient:
    app = FastAPI()
    app.state.runs = desk
    add_error_answers(app)
    app.include_router(router)
    return TestClient(app)


def make_run(desk: RunDesk, name: str, seed: int = 1) -> None:
    run = RunDirectory(desk.runs_dir / name)
    write_json(
        run.config_path, {"config": config_to_json(replace(preset("demo_source_only"), seed=seed)), "resolved": {}}
    )
    run.write_status(RunStatus(state="done", step=3, steps=3))
    run.metrics_path.write_text(json.dumps({"kind": "train", "step": 1}) + "\n")


def answer(response: Any) -> Any:
    assert response.status_code == 200, response.text
    return response.json()


def test_a_preset_is_a_form_with_help(client: TestClient) -> None:
    names = [p["name"] for p in answer(client.get("/presets"))["presets"]]
    assert "demo_advent_esl" in names
    fields = {f["path"]: f for f in answer(client.get("/presets/demo_source_only"))["fields"]}
    assert fields["steps"]["kind"] == "integer"
    assert fields["steps"]["help"]
    assert client.get("/presets/nobody").status_code == 400


def test_a_check_starts_nothing_and_puts_faults_beside_their_fields(client: TestClient, desk: RunDesk) -> None:
    good = answer(client.post("/runs/check", json=FORM))
    assert good["faults"] == {}
    assert good["command"].startswith("python -m esl train demo_source_only --steps 5")
    bad = answer(client.post("/runs/check", json={**FORM, "run": "../x", "values": {"steps": -1}}))
    assert set(bad["faults"]) == {"run", "steps"}
    assert desk.worker.queue.jobs() == []
    assert client.post("/runs", json={**FORM, "run": "<script>"}).status_code == 400


def test_a_double_click_queues_one_run(client: TestClient, desk: RunDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "tick", lambda: None)
    first, second = answer(client.post("/runs", json=FORM)), answer(client.post("/runs", json=FORM))
    assert first["job"] == second["job"]
    other_browser = client.post("/runs", json={**FORM, "id": "j2"})
    assert other_browser.status_code == 400
    assert "once" in other_browser.json()["error"]
    assert [r["state"] for r in answer(client.get("/runs"))["runs"]] == ["queued"]
    answer(client.delete("/queue/j1"))
    assert answer(client.get("/runs"))["queue"] == []


def test_the_order_of_the_queue_can_change(client: TestClient, desk: RunDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk, "tick", lambda: None)
    for i in ("a", "b"):
        answer(client.post("/runs", json={**FORM, "id": i, "run": i}))
    moved = answer(client.post("/queue/b/move", json={"before": "a"}))
    assert [j["job"] for j in moved["queue"]] == ["b", "a"]


def test_a_run_is_watched_compared_and_thrown_away(client: TestClient, desk: RunDesk) -> None:
    make_run(desk, "a", 1)
    make_run(desk, "b", 2)
    assert [r["name"] for r in answer(client.get("/runs"))["runs"]] == ["a", "b"]
    assert answer(client.get("/runs/a"))["config"]["seed"] == 1
    assert answer(client.get("/runs/a/metrics"))["next"] == 1
    assert answer(client.get("/runs/a/metrics?after=1"))["lines"] == []
    assert answer(client.get("/runs/a/log"))["lines"] == []
    assert answer(client.post("/runs/compare", json={"runs": ["a", "b"]}))["differences"] == {"seed": [1, 2]}
    assert answer(client.delete("/runs/b"))["trash"][0]["name"].startswith("b.")
    assert answer(client.delete("/trash"))["removed"] == 1
    taken = answer(client.post("/runs/check", json={**FORM, "run": "a"}))
    assert "exists" in taken["faults"]["run"]


@pytest.mark.parametrize(
    "path", ["/runs/nobody", "/runs/..", "/runs/.trash", "/runs/%2e%2e%2fx", "/runs/nobody/metrics"]
)
def test_runs_that_are_none_are_refused(client: TestClient, path: str) -> None:
    assert client.get(path).status_code in (400, 404)


def test_stop_and_resume_of_what_does_not_run_are_said(
    client: TestClient, desk: RunDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "tick", lambda: None)
    make_run(desk, "a")
    assert client.post("/runs/a/stop", json={}).status_code == 400
    again = answer(client.post("/runs/a/resume", json={"id": "r1"}))
    assert again["state"] == "queued"
    assert again["command"].startswith("-m esl train demo_source_only")


def test_a_run_on_several_devices_goes_on_on_as_many(
    client: TestClient, desk: RunDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "tick", lambda: None)
    make_run(desk, "a")
    for job_id, count in (("old", 1), ("new", 2)):
        desk.worker.submit(Job(job_id=job_id, run="a", argv=("x",), launcher="torchrun", num_devices=count))
        desk.worker.queue.set_state(job_id, "stopped")
    again = answer(client.post("/runs/a/resume", json={"id": "r1"}))
    assert (again["launcher"], again["num_devices"], again["device"]) == ("torchrun", 2, "cpu")
    assert again["command"].endswith("--devices 2")


def test_the_desk_keeps_the_queue_going_by_itself(desk: RunDesk) -> None:
    from esl.store.job_queue import Job

    desk.start()
    desk.worker.submit(Job(job_id="x", run="x", argv=("/bin/sh", "-c", "echo hello")))
    deadline = time.monotonic() + 30
    while desk.worker.queue.job("x").state != "done":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert desk.table.root.joinpath("x", "log.txt").read_text() == "hello\n"


def test_the_queue_goes_on_after_a_step_that_failed(desk: RunDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[int] = []

    def tick() -> None:
        steps.append(1)
        raise OSError("no such program")

    monkeypatch.setattr("app.run_desk.TICK_SECONDS", 0.01)
    monkeypatch.setattr(desk.worker, "tick", tick)
    desk.worker.submit(Job(job_id="x", run="x", argv=("x",)))
    desk.start()
    deadline = time.monotonic() + 10
    while len(steps) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_an_experiment_has_one_job_that_stands_with_its_newest_stage(client: TestClient, desk: RunDesk) -> None:
    for number in (0, 1):
        make_run(desk, f"e/round_{number}/run")
        run = RunDirectory(desk.runs_dir / "e" / f"round_{number}" / "run")
        run.write_status(RunStatus(state="done", started=100.0 + number))
    write_json(desk.runs_dir / "e" / "experiment.json", {})
    assert client.post("/runs/e~round_1/resume", json={"id": "again"}).status_code == 400  # begun in a shell
    job = desk.worker.queue.add(Job(job_id="j", run="e", argv=("python", "-c", "pass"), device="cpu"))
    rows = {row["name"]: row for row in answer(client.get("/runs"))["runs"]}
    assert rows.keys() == {"e~round_0", "e~round_1"}
    assert rows["e~round_0"]["job"] is None
    assert rows["e~round_1"]["job"]["job"] == job.job_id
    assert answer(client.post("/runs/e~round_0/stop", json={}))["state"] == "removed"
    again = answer(client.post("/runs/e~round_1/resume", json={"id": "again"}))
    assert (again["run"], again["command"]) == ("e", "-c pass")


def test_a_run_shows_its_newest_job_wherever_that_stood_in_the_queue(
    client: TestClient, desk: RunDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "tick", lambda: None)
    make_run(desk, "a")
    queue = desk.worker.queue
    queue.add(Job(job_id="other", run="b", argv=("x",)))
    queue.add(Job(job_id="old", run="a", argv=("x",)))  # second in the queue
    for job_id in ("other", "old"):
        queue.set_state(job_id, "failed")
    queue.add(Job(job_id="new", run="a", argv=("x",)))  # first in an empty queue
    (row,) = [row for row in answer(client.get("/runs"))["runs"] if row["name"] == "a"]
    assert (row["job"]["job"], row["job"]["state"]) == ("new", "queued")


@pytest.mark.parametrize("left", [("run.lock",), ("experiment.json", "round_0/run/run.lock"), ()])
def test_a_start_that_failed_has_a_log_starts_again_and_is_deleted(
    client: TestClient, desk: RunDesk, monkeypatch: pytest.MonkeyPatch, left: tuple[str, ...]
) -> None:
    monkeypatch.setattr(desk, "tick", lambda: None)
    queue = desk.worker.queue
    queue.add(Job(job_id="first", run="a", argv=("python", "-m", "esl", "x")))
    queue.set_state("first", "failed", "no labels")
    if left:
        for name in ("exit_code", "log.txt", *left):
            write_bytes(desk.runs_dir / "a" / name, b"no labels\n")
        assert answer(client.get("/runs/a/log"))["lines"] == ["no labels"]
    assert client.get("/runs/a").status_code == 400
    again = answer(client.post("/runs/a/resume", json={"id": "second"}))
    assert (again["run"], again["command"], again["state"]) == ("a", "-m esl x", "queued")
    assert client.delete("/runs/a").status_code == 400
    desk.worker.stop("second")
    assert [r["state"] for r in answer(client.get("/runs"))["runs"]] == ["failed"]
    trashed = answer(client.delete("/runs/a"))["trash"]
    assert [t["name"].split(".")[0] for t in trashed] == (["a"] if left else [])
    assert answer(client.get("/runs"))["runs"] == []
    assert client.delete("/runs/a").status_code == 400


def test_a_stopped_run_leaves_no_row_behind_in_the_table(client: TestClient, desk: RunDesk) -> None:
    make_run(desk, "a")
    desk.worker.queue.add(Job(job_id="j", run="a", argv=("x",)))
    desk.worker.queue.set_state("j", "stopped")
    answer(client.delete("/runs/a"))
    assert answer(client.get("/runs"))["runs"] == []


@pytest.mark.parametrize("name", ["a", "e~round_0"])
def test_a_run_that_waits_to_go_on_is_not_deleted(client: TestClient, desk: RunDesk, name: str) -> None:
    make_run(desk, "a")
    make_run(desk, "e/round_0/run")
    write_json(desk.runs_dir / "e" / "experiment.json", {})
    whole = name.split("~")[0]
    desk.worker.queue.add(Job(job_id="again", run=whole, argv=("x",)))
    refused = client.delete(f"/runs/{name}")
    assert (refused.status_code, f"{whole} is queued" in refused.json()["error"]) == (400, True)
    assert (desk.runs_dir / whole).is_dir()
    desk.worker.stop("again")
    answer(client.delete(f"/runs/{name}"))
    assert not (desk.runs_dir / whole).exists()


def test_samples_are_pictures(client: TestClient, desk: RunDesk) -> None:
    make_run(desk, "first")
    folder = desk.runs_dir / "first" / "samples"
    write_png(folder / "step_000100.png", np.zeros((2, 3), np.uint8))
    found = client.get("/runs/first/samples/000100")
    assert (found.status_code, found.headers["content-type"]) == (200, "image/png")
    assert found.content == (folder / "step_000100.png").read_bytes()
    assert client.get("/runs/first/samples/photo").status_code == 400


def test_class_balanced_labels_name_the_open_store_by_its_id(client: TestClient, tmp_path: Path) -> None:
    library = SimpleNamespace(get={"s1": SimpleNamespace(store=SimpleNamespace(directory=tmp_path / "held"))}.get)
    client.app.state.library = library  # type: ignore[attr-defined]
    form = {**FORM, "preset": "demo_advent_esl", "criterion": "class_balanced", "sid": "s1"}
    labels = answer(client.post("/runs/check", json=form))["config"]["pseudo_labels"]
    assert (labels["source"], labels["path"]) == ("store", str(tmp_path / "held"))
    assert client.post("/runs/check", json={**form, "sid": "../etc"}).status_code == 404
