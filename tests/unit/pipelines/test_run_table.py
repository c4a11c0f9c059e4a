"""Run directories as a table: quick for many, whole for one, honest about damage, and nothing deleted in haste."""

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from esl.config import config_to_json
from esl.errors import ConfigError, DataError
from esl.files import write_json
from esl.pipelines import run_table
from esl.pipelines.run_table import RunTable
from esl.presets import preset
from esl.store.runs import RunDirectory, RunStatus

BASE = preset("demo_source_only")


def make_run(root: Path, name: str, *, state: str = "done", seed: int = 1, lines: int = 3) -> RunDirectory:
    run = RunDirectory(root / name)
    config = config_to_json(replace(BASE, seed=seed))
    write_json(
        run.config_path,
        {"config": config, "resolved": {"precision": "fp32"}, "command": ["esl", "train"], "commit": "abc"},
    )
    run.write_status(RunStatus(state=state, step=lines, steps=10, miou=0.25))  # type: ignore[arg-type]
    metrics = [{"kind": "train", "step": i, "seg_main": 1.0 / (i + 1)} for i in range(lines)]
    metrics.append({"kind": "evaluation", "step": lines, "miou": 0.25, "iou": [0.5, None], "split": "demo source_val"})  # type: ignore[dict-item]
    run.metrics_path.write_text("".join(json.dumps(line) + "\n" for line in metrics))
    run.log_path.write_text("hello\nWarning: d_main is low\n")
    return run


def test_a_row_says_what_a_person_asks_for(tmp_path: Path) -> None:
    make_run(tmp_path, "a", seed=7)
    (row,) = RunTable(tmp_path).rows()
    assert row["name"] == "a"
    assert (row["state"], row["step"], row["steps"], row["seed"], row["miou"]) == ("done", 3, 10, 7, 0.25)
    assert (row["preset"], row["method"], row["pseudo_labels"]) == ("demo_source_only", "source_only", "none")
    assert row["coverage"] is None


def test_a_run_whose_process_is_gone_is_crashed(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a", state="running")
    table = RunTable(tmp_path)
    assert table.rows()[0]["state"] == "running"
    said = json.loads(run.status_path.read_text())
    write_json(run.status_path, {**said, "process_started": "1"})
    assert table.rows()[0]["state"] == "crashed"


def test_detail_has_config_checkpoints_warnings_and_size(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    (run.checkpoints_dir / "step_000003").mkdir(parents=True)
    (run.checkpoints_dir / "LATEST").write_text("step_000003\n")
    detail = RunTable(tmp_path).detail("a")
    assert detail["config"]["seed"] == 1
    assert detail["checkpoints"] == [{"name": "step_000003", "is_latest": True, "is_best": False}]
    assert detail["warnings"] == ["Warning: d_main is low"]
    assert detail["bytes"] > 0
    assert RunTable(tmp_path).log_tail("a", 1) == ["Warning: d_main is low"]


def test_a_step_that_was_saved_again_is_listed_and_marked(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    for name in ("step_000003", "step_000003.1", "step_000004.partial"):
        (run.checkpoints_dir / name).mkdir(parents=True)
    (run.checkpoints_dir / "LATEST").write_text("step_000003.1\n")
    shown = {c["name"]: c["is_latest"] for c in RunTable(tmp_path).detail("a")["checkpoints"]}
    assert shown == {"step_000003": False, "step_000003.1": True}


def test_metrics_come_in_pieces_and_again_from_the_start_after_a_cut(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    table = RunTable(tmp_path)
    lines, after = table.metrics("a")
    assert (len(lines), after) == (4, 4)
    assert table.metrics("a", after) == ([], 4)
    run.metrics_path.write_text(run.metrics_path.read_text().splitlines(keepends=True)[0])
    assert len(table.metrics("a", after)[0]) == 1


@pytest.mark.parametrize("name", ["../a", "nobody", ".trash", "a/b", ""])
def test_names_that_are_no_run_are_refused(tmp_path: Path, name: str) -> None:
    make_run(tmp_path, "a")
    with pytest.raises(DataError):
        RunTable(tmp_path).detail(name)


def test_a_damaged_run_is_a_row_with_its_problem(tmp_path: Path) -> None:
    make_run(tmp_path, "a")
    (tmp_path / "a" / "config.json").write_text("{")
    (row,) = RunTable(tmp_path).rows()
    assert row["state"] == "failed"
    assert "cannot be read" in row["problem"]


def test_deleting_moves_to_a_trash_that_can_be_emptied(tmp_path: Path) -> None:
    make_run(tmp_path, "a")
    make_run(tmp_path, "busy", state="running")
    table = RunTable(tmp_path)
    with pytest.raises(ConfigError, match="busy is running"):
        table.delete("busy")
    assert (table.delete("a") / "config.json").is_file()
    assert [r["name"] for r in table.rows()] == ["busy"]
    assert table.trash()[0]["bytes"] > 0
    assert table.empty_trash() == 1
    assert table.trash() == []


def test_only_what_a_start_leaves_is_deleted_without_a_run(tmp_path: Path) -> None:
    for name, files in {
        "start": ["log.txt", "run.lock"],
        "data": ["log.txt", "photo.png"],
        "e": ["experiment.json"],
    }.items():
        (tmp_path / name).mkdir()
        for file in files:
            (tmp_path / name / file).write_text("why\n")
    table = RunTable(tmp_path)
    assert table.log_tail("start") == ["why"]
    for name in ("data", "", ".", ".."):
        with pytest.raises(DataError):
            table.delete(name)
    make_run(tmp_path, "e/round_0/run")
    with pytest.raises(DataError):
        table.delete("e")  # it has a stage, which names it
    RunDirectory(tmp_path / "start").write_status(RunStatus(state="running"))
    with pytest.raises(ConfigError, match="start is running"):
        table.delete("start")
    (tmp_path / "start" / "status.json").unlink()
    assert (table.delete("start") / "log.txt").is_file()


def test_comparison_shows_what_differs_and_nothing_else(tmp_path: Path) -> None:
    make_run(tmp_path, "a", seed=1)
    make_run(tmp_path, "b", seed=2)
    compared = RunTable(tmp_path).compare(["a", "b"])
    assert compared["differences"] == {"seed": [1, 2]}
    assert compared["iou"] == [[0.5, None], [0.5, None]]
    with pytest.raises(ConfigError, match="2 to 8"):
        RunTable(tmp_path).compare(["a", "a"])


def test_a_link_that_leads_nowhere_hides_no_run(tmp_path: Path) -> None:
    make_run(tmp_path, "b")
    (tmp_path / "a").symlink_to(tmp_path / "gone")
    assert [row["name"] for row in RunTable(tmp_path).rows()] == ["b"]


def test_two_who_ask_at_once_both_get_all_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in "ab":
        make_run(tmp_path, name)
    table, read = RunTable(tmp_path), run_table._read_folder
    is_begun, may_end = threading.Event(), threading.Event()
    second = threading.Thread(target=table.rows)

    def read_in_turn(path: Path, stamp: int) -> run_table._Folder:
        if threading.current_thread() is second:
            is_begun.set()
            may_end.wait(10)
        elif path.name == "b":
            second.start()
            is_begun.wait(10)
        return read(path, stamp)

    monkeypatch.setattr(run_table, "_read_folder", read_in_turn)
    names = [row["name"] for row in table.rows()]
    may_end.set()
    second.join()
    assert names == ["a", "b"]


def test_a_thousand_runs_are_read_once_and_then_only_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_run(tmp_path, "0")
    config, status = (tmp_path / "0" / "config.json").read_bytes(), (tmp_path / "0" / "status.json").read_bytes()
    for i in range(1000):
        (tmp_path / str(i)).mkdir(exist_ok=True)
        (tmp_path / str(i) / "config.json").write_bytes(config)
        (tmp_path / str(i) / "status.json").write_bytes(status)
        os.utime(tmp_path / str(i), (1.7e9, 1.7e9))  # as if nothing had been written for long
    table = RunTable(tmp_path)
    rows = table.rows()
    assert len(rows) == 1000
    read: list[str] = []
    whole = run_table._read_row

    def counted(name: str, run: RunDirectory) -> dict[str, object]:
        read.append(name)
        return whole(name, run)

    monkeypatch.setattr(run_table, "_read_row", counted)
    assert table.rows() == rows
    assert read == []
    RunDirectory(tmp_path / "7").write_status(RunStatus(state="stopped", step=5))
    for _ in range(2):  # within the tick of the file system's clock it may be written again: it is read each time
        assert next(row for row in table.rows() if row["name"] == "7")["step"] == 5
    assert read == ["7", "7"]


def make_experiment(root: Path, *, state: str = "done") -> Path:
    make_run(root, "e/round_0/run")
    make_run(root, "e/round_1/run", state=state)
    write_json(root / "e" / "experiment.json", {})
    write_json(root / "e" / "round_0" / "store" / "manifest.json", {})
    return root / "e"


def test_rounds_of_an_experiment_are_rows_with_their_stores(tmp_path: Path) -> None:
    make_experiment(tmp_path)
    make_run(tmp_path, "alone")
    table = RunTable(tmp_path)
    assert [(r["name"], r["experiment"]) for r in table.rows()] == [
        ("alone", ""),
        ("e~round_0", "e"),
        ("e~round_1", "e"),
    ]
    (store,) = table.detail("e~round_0")["stores"]
    assert store == {"name": "round_0/store", "path": str(tmp_path / "e" / "round_0" / "store")}
    assert table.detail("e~round_1")["stores"] == []
    assert table.detail("e~round_1")["rounds"] == []
    samples = tmp_path / "e" / "round_0" / "run" / "samples"
    samples.mkdir()
    for step in (100, 200):
        (samples / f"step_{step:06d}.png").touch()
    assert table.detail("e~round_1")["rounds"] == [{"name": "e~round_0", "step": 200}]
    assert table.detail("e~round_0")["bytes"] > table.detail("alone")["bytes"]
    assert table.compare(["alone", "e~round_1"])["differences"] == {}


def test_a_stage_is_deleted_with_its_experiment_unless_another_stage_runs(tmp_path: Path) -> None:
    make_experiment(tmp_path, state="running")
    with pytest.raises(ConfigError, match="e~round_1 is running"):
        RunTable(tmp_path).delete("e~round_0")
    RunDirectory(tmp_path / "e" / "round_1" / "run").write_status(RunStatus(state="done"))
    moved = RunTable(tmp_path).delete("e~round_0")
    assert (moved / "round_1" / "run" / "config.json").is_file()
    assert RunTable(tmp_path).rows() == []


def test_a_run_that_translates_images_is_a_row_too(tmp_path: Path) -> None:
    config = {
        "seed": 3,
        "source": {"dataset": "demo", "split": "source_train"},
        "target": {"dataset": "demo", "split": "t"},
    }
    write_json(tmp_path / "t" / "config.json", {"kind": "translation", "config": config})
    RunDirectory(tmp_path / "t").write_status(RunStatus(state="done"))
    (row,) = RunTable(tmp_path).rows()
    assert (row["problem"], row["method"], row["state"], row["seed"]) == ("", "cyclegan", "done", 3)
    assert RunTable(tmp_path).detail("t")["pseudo_label_path"] == ""


def test_samples_are_found_by_step_and_nothing_else_is(tmp_path: Path) -> None:
    run = make_run(tmp_path, "a")
    run.samples_dir.mkdir()
    for name in ("photo.jpg", "step_000100.png", "step_000200.png", "step_x.png"):
        (run.samples_dir / name).write_bytes(name.encode())
    table = RunTable(tmp_path)
    assert table.detail("a")["samples"] == [100, 200]
    assert table.sample_path("a", "000100").read_bytes() == b"step_000100.png"
    assert table.sample_path("a", "photo").name == "photo.jpg"
    for wrong in ("000300", "../config.json", "x", "", "photo.jpg"):
        with pytest.raises(DataError, match="checkpoints"):
            table.sample_path("a", wrong)
