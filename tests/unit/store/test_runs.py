"""A run's files tell the truth about it, also when nobody is there to ask."""

import json
import os
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from esl.errors import CheckpointError, DataError
from esl.files import write_json
from esl.store.runs import EXPERIMENT_FILE, SILENT_SECONDS, RunDirectory, RunStatus, experiment_of, find_run, list_runs


def test_a_new_run_is_queued(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "a" / "run").create()
    assert not run.exists
    assert run.status() == RunStatus()


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photo.png").touch()
    with pytest.raises(DataError, match=r"empty folder.*photo\.png"):
        RunDirectory(tmp_path).create()
    with pytest.raises(DataError, match="can be written"):
        RunDirectory(tmp_path / "photo.png" / "run").create()


@pytest.mark.parametrize("left", ["exit_code", "slurm/7_submission.sh", ".config.json.x1.partial", "log.txt"])
def test_what_the_queue_or_a_killed_start_left_does_not_stand_in_a_runs_way(tmp_path: Path, left: str) -> None:
    (tmp_path / left).parent.mkdir(exist_ok=True)
    (tmp_path / left).touch()
    run = RunDirectory(tmp_path).create()
    assert not run.exists
    (tmp_path / "photo.png").touch()
    with pytest.raises(DataError, match=r"holds photo\.png\."):
        run.create()


def test_a_living_process_runs_and_a_dead_one_crashed(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    status = run.write_status(RunStatus(state="running", step=3))
    assert status.pid == os.getpid()
    assert run.status().state == "running"
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    write_json(run.status_path, asdict(replace(status, pid=process.pid)))
    assert run.status().state == "crashed"
    assert "is gone" in run.status().message


def test_a_later_process_with_the_same_number_is_not_the_run(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    status = run.write_status(RunStatus(state="stopping"))
    write_json(run.status_path, asdict(replace(status, process_started="1")))
    assert run.status().state == "crashed"


def test_on_another_host_silence_decides(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    elsewhere = replace(run.write_status(RunStatus(state="running")), host="elsewhere")
    write_json(run.status_path, asdict(elsewhere))
    assert run.status().state == "running"
    write_json(run.status_path, asdict(replace(elsewhere, updated=time.time() - SILENT_SECONDS - 1)))
    assert run.status().state == "crashed"
    assert elsewhere.host != socket.gethostname()


def test_a_finished_run_stays_finished_without_its_process(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    status = run.write_status(RunStatus(state="done"))
    write_json(run.status_path, asdict(replace(status, pid=1, process_started="0")))
    assert run.status().state == "done"


def test_one_process_holds_a_run(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    run.write_status(RunStatus(state="running"))
    try_it = "from esl.store.runs import RunDirectory; import sys\nwith RunDirectory(sys.argv[1]).lock(): pass"
    with run.lock():
        with pytest.raises(CheckpointError, match=f"held by process {os.getpid()}"), run.lock():
            pass
        other = subprocess.run([sys.executable, "-c", try_it, str(tmp_path)], capture_output=True, text=True)
        assert "CheckpointError" in other.stderr
    assert subprocess.run([sys.executable, "-c", try_it, str(tmp_path)]).returncode == 0


def test_a_run_held_elsewhere_is_refused_while_it_speaks(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    elsewhere = replace(run.write_status(RunStatus(state="running")), host="elsewhere")
    write_json(run.status_path, asdict(elsewhere))
    with pytest.raises(CheckpointError, match="elsewhere"), run.lock():
        pass
    write_json(run.status_path, asdict(replace(elsewhere, updated=0.0)))
    with run.lock():
        pass


def test_metrics_are_read_up_to_the_last_whole_line(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    assert list(run.metrics()) == []
    run.metrics_path.write_text(json.dumps({"step": 1}) + "\n" + json.dumps({"step": 2}) + "\n" + '{"step"')
    assert [m["step"] for m in run.metrics()] == [1, 2]
    assert [m["step"] for m in run.metrics(after=1)] == [2]


def test_runs_are_listed_by_name(tmp_path: Path) -> None:
    for name in ("b", "a", "no_run"):
        (tmp_path / name).mkdir()
    for name in ("a", "b"):
        write_json(tmp_path / name / "config.json", {})
    assert [(name, r.path.name) for name, r in list_runs(tmp_path)] == [("a", "a"), ("b", "b")]
    assert list_runs(tmp_path / "nowhere") == []


def test_stages_of_an_experiment_are_runs_with_its_name_before_theirs(tmp_path: Path) -> None:
    for place in (
        "e/round_0/run",
        "e/round_1/run",
        "e/step_1/translation",
        "e/step_1/esl+it",
        "e/store",
        "no_experiment/round_0/run",
    ):
        write_json(tmp_path / place / "config.json", {})
    write_json(tmp_path / "e" / EXPERIMENT_FILE, {})
    names = [name for name, _ in list_runs(tmp_path)]
    assert names == ["e~round_0", "e~round_1", "e~step_1.esl+it", "e~step_1.translation"]
    assert find_run(tmp_path, "e~round_1").path == tmp_path / "e" / "round_1" / "run"
    assert {experiment_of(name) for name in names} == {"e"}
    assert experiment_of("a") == "a"


@pytest.mark.parametrize("name", ["e~round_9", "e~../round_0", "../e~round_0", "e~", "~round_0", "e"])
def test_stages_that_are_none_are_refused(tmp_path: Path, name: str) -> None:
    write_json(tmp_path / "runs" / "e" / "round_0" / "run" / "config.json", {})
    write_json(tmp_path / "runs" / "e" / EXPERIMENT_FILE, {})
    with pytest.raises(DataError):
        find_run(tmp_path / "runs", name)
