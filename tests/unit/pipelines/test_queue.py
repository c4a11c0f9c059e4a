"""Jobs run in processes of their own: they end in words, stop when asked, and outlive the worker that started them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from esl.errors import ConfigError
from esl.pipelines.queue import QueueConfig, QueueWorker
from esl.store.job_queue import Job
from esl.store.processes import process_started
from esl.store.runs import RunDirectory, RunStatus

SLEEPER = "import time, sys; print('up', flush=True); time.sleep(60)"
SAVER = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *a: (print('saved', flush=True), sys.exit(143)))
print('up', flush=True)
time.sleep(60)
"""


@pytest.fixture
def worker(tmp_path: Path) -> QueueWorker:
    return QueueWorker(QueueConfig(runs_dir=tmp_path / "runs"))


def job(name: str, code: str, **more: object) -> Job:
    return Job(job_id=name, run=name, argv=(sys.executable, "-c", code), **more)  # type: ignore[arg-type]


def wait(worker: QueueWorker, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, [(j.job_id, j.state, j.message) for j in worker.queue.jobs()]
        worker.tick()
        time.sleep(0.05)


def is_up(worker: QueueWorker, name: str) -> bool:
    log = worker.config.runs_dir / name / "log.txt"
    return log.exists() and "up" in log.read_text()


def state(worker: QueueWorker, name: str) -> str:
    return worker.queue.job(name).state


def test_jobs_run_one_after_the_other_and_say_how_they_ended(worker: QueueWorker) -> None:
    worker.submit(job("good", "print('fine')"))
    worker.submit(job("bad", "print('Steps must be at least 1; got 0.'); raise SystemExit(2)"))
    worker.tick()
    assert (state(worker, "good"), state(worker, "bad")) == ("running", "queued")
    wait(worker, lambda: state(worker, "bad") == "failed")
    assert state(worker, "good") == "done"
    assert worker.queue.job("bad").message == "Steps must be at least 1; got 0."
    assert "fine" in (worker.config.runs_dir / "good" / "log.txt").read_text()


def test_commands_find_the_package_wherever_the_server_was_started(
    worker: QueueWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    worker.submit(Job(job_id="v", run="v", argv=(sys.executable, "-m", "esl", "--help")))
    wait(worker, lambda: state(worker, "v") in ("done", "failed"))
    assert state(worker, "v") == "done", worker.queue.job("v").message
    worker.submit(job("p", "import os; print(os.environ['PYTHONPATH'].endswith(os.pathsep + 'elsewhere'))"))
    wait(worker, lambda: state(worker, "p") == "done")
    assert "True" in (worker.config.runs_dir / "p" / "log.txt").read_text()


def test_stop_lets_a_run_save_first(worker: QueueWorker) -> None:
    worker.submit(job("s", SAVER))
    wait(worker, lambda: is_up(worker, "s"))
    assert worker.stop("s").state == "stopping"
    wait(worker, lambda: state(worker, "s") == "stopped")
    assert "saved" in (worker.config.runs_dir / "s" / "log.txt").read_text()


TORCHRUN = """
import json, os, signal, sys, time
def save(*a):
    status = json.load(open(sys.argv[1]))
    json.dump(status | {'state': sys.argv[2]}, open(sys.argv[1], 'w'))
    sys.exit(1)
signal.signal(signal.SIGTERM, save)
print('up', os.environ['TORCH_ELASTIC_SHUTDOWN_TIMEOUT'], flush=True)
time.sleep(60)
"""
"""As torchrun ends: with 1, whatever became of its ranks. They leave a word in status.json."""


@pytest.mark.parametrize(("said", "shown"), [("stopped", "stopped"), ("failed", "failed")])
def test_a_stop_that_the_ranks_saved_is_a_stop_though_torchrun_ends_with_1(
    worker: QueueWorker, said: str, shown: str
) -> None:
    run = RunDirectory(worker.config.runs_dir / "ranks")
    run.path.mkdir(parents=True)
    run.write_status(RunStatus(state="running"))
    worker.submit(
        Job(job_id="r", run="ranks", argv=(sys.executable, "-c", TORCHRUN, str(run.path / "status.json"), said))
    )
    wait(worker, lambda: is_up(worker, "ranks"))
    assert int((run.path / "log.txt").read_text().split()[1]) > 60  # seconds to save
    worker.stop("r")
    wait(worker, lambda: state(worker, "r") == shown)


def test_slurm_is_told_to_stop_a_job_by_the_signal_that_reaches_it(
    worker: QueueWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def scancel(command: list[str], **more: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr("esl.pipelines.queue.subprocess.run", scancel)
    monkeypatch.setattr("esl.pipelines.queue.shutil.which", lambda name: name)
    worker.submit(job("far", "pass", launcher="slurm"))
    worker.queue.claim("cpu", "here")
    worker.queue.set_process("far", remote_id="17")
    worker.stop("far")
    worker.stop("far", is_kill=True)
    assert asked == [["scancel", "--signal=USR1", "17"], ["scancel", "--full", "17"]]


def far_job(worker: QueueWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("esl.pipelines.queue.shutil.which", lambda name: name)
    worker.submit(job("far", "pass", launcher="slurm"))
    worker.queue.claim("cpu", socket.gethostname())
    worker.queue.set_process("far", remote_id="17")


@pytest.mark.parametrize(
    ("code", "said", "complaint", "expected"),
    [
        (0, "17 gpu RUNNING", "", "running"),
        (0, "", "", "crashed"),
        (1, "", "slurm_load_jobs error: Invalid job id specified", "crashed"),
        (1, "", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)", "running"),
    ],
)
def test_a_slurm_job_is_over_when_slurm_says_so(
    worker: QueueWorker, monkeypatch: pytest.MonkeyPatch, code: int, said: str, complaint: str, expected: str
) -> None:
    far_job(worker, monkeypatch)
    answer = subprocess.CompletedProcess((), code, said, complaint)
    monkeypatch.setattr("esl.pipelines.queue.subprocess.run", lambda command, **more: answer)
    worker.tick()
    assert state(worker, "far") == expected


def test_where_slurm_is_not_installed_its_jobs_are_left_alone(
    worker: QueueWorker, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    far_job(worker, monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    worker.tick()
    with pytest.raises(ConfigError, match="scancel cannot be run here"):
        worker.stop("far")
    assert state(worker, "far") == "running"


@pytest.mark.parametrize(
    ("complaint", "expected"),
    [
        ("scancel: error: Kill job error on job id 17: Access/permission denied", "running"),
        ("scancel: error: Kill job error on job id 17: Invalid job id specified", "stopping"),
    ],
)
def test_a_stop_that_slurm_refuses_is_told_and_the_job_runs_on(
    worker: QueueWorker, monkeypatch: pytest.MonkeyPatch, complaint: str, expected: str
) -> None:
    far_job(worker, monkeypatch)
    answer = subprocess.CompletedProcess((), 1, "", complaint)
    monkeypatch.setattr("esl.pipelines.queue.subprocess.run", lambda command, **more: answer)
    if expected == "running":
        with pytest.raises(ConfigError, match="scancel answers: .*permission denied"):
            worker.stop("far")
    else:  # it is over, and the next look at the queue says so
        worker.stop("far")
    assert state(worker, "far") == expected


@pytest.mark.parametrize("launcher", ["local", "slurm"])
def test_a_job_whose_server_was_killed_before_it_began_does_not_keep_its_device(
    worker: QueueWorker, monkeypatch: pytest.MonkeyPatch, launcher: str
) -> None:
    monkeypatch.setattr("esl.pipelines.queue.shutil.which", lambda name: name)
    worker.submit(job("lost", "pass", launcher=launcher))
    worker.queue.claim("cpu", socket.gethostname())
    worker.submit(job("next", "pass"))
    worker.tick()
    assert state(worker, "lost") == "running"  # it may be starting just now
    for name in ("_START_SECONDS", "_SUBMIT_SECONDS"):
        monkeypatch.setattr(f"esl.pipelines.queue.{name}", -1.0)
    worker.tick()
    assert state(worker, "lost") == "crashed"
    assert "start it again" in worker.queue.job("lost").message
    wait(worker, lambda: state(worker, "next") == "done")


def test_a_killed_run_is_crashed_within_seconds_and_can_be_queued_again(worker: QueueWorker) -> None:
    worker.submit(job("k", SLEEPER))
    wait(worker, lambda: is_up(worker, "k"))
    os.killpg(worker.queue.job("k").pid, signal.SIGKILL)
    wait(worker, lambda: state(worker, "k") == "crashed")
    assert "last checkpoint" in worker.queue.job("k").message
    assert worker.submit(Job(job_id="k2", run="k", argv=("true",))).state == "queued"


def test_a_run_outlives_its_worker_and_a_new_one_sees_how_it_ends(tmp_path: Path, worker: QueueWorker) -> None:
    gate = tmp_path / "gate"
    worker.submit(
        job("o", f"import os, time\nprint('up', flush=True)\nwhile not os.path.exists({str(gate)!r}): time.sleep(0.05)")
    )
    wait(worker, lambda: is_up(worker, "o"))
    successor = QueueWorker(worker.config)
    successor.tick()
    assert state(successor, "o") == "running"
    gate.write_text("")
    wait(
        successor,
        lambda: process_started(successor.queue.job("o").pid) == "" or worker._children["o"].poll() is not None,
    )
    wait(successor, lambda: state(successor, "o") == "done")


def test_a_process_that_ended_before_it_was_looked_at_is_over(
    worker: QueueWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("esl.pipelines.queue.process_started", lambda pid: "")
    worker.submit(job("quick", "pass"))
    wait(worker, lambda: state(worker, "quick") in ("done", "crashed"))


def test_kill_ends_what_will_not_stop_and_waiting_jobs_are_removed(worker: QueueWorker) -> None:
    worker.submit(
        job(
            "deaf",
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
        )
    )
    worker.submit(job("waits", "print(1)"))
    wait(worker, lambda: is_up(worker, "deaf"))
    assert worker.stop("waits").state == "removed"
    worker.stop("deaf")
    time.sleep(0.3)
    worker.tick()
    assert state(worker, "deaf") == "stopping"
    worker.stop("deaf", is_kill=True)
    wait(worker, lambda: state(worker, "deaf") == "stopped")


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".", "..", "<script>", ".hidden", "a\0b", "$(x)"])
def test_names_that_are_no_plain_folder_are_refused(worker: QueueWorker, name: str) -> None:
    with pytest.raises(ConfigError, match="name|inside"):
        worker.submit(Job(job_id="x", run=name, argv=("true",)))


def test_devices_and_launchers_that_are_not_there_are_refused(worker: QueueWorker) -> None:
    with pytest.raises(ConfigError, match="cuda:7"):
        worker.submit(job("g", "1", device="cuda:7"))
    with pytest.raises(ConfigError, match="of cpu; got cuda:0, cuda:1"):
        worker.submit(job("g", "1", device="cuda:0", num_devices=2, launcher="torchrun"))
    with pytest.raises(ConfigError, match="sbatch"):
        worker.submit(job("g", "1", launcher="slurm"))


def test_torchrun_starts_the_same_command_on_several_devices(worker: QueueWorker) -> None:
    many = Job(
        job_id="m", run="m", argv=("/venv/bin/python", "-m", "esl", "train", "x"), launcher="torchrun", num_devices=2
    )
    assert worker.command(many)[1:] == [
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node=2",
        "-m",
        "esl",
        "train",
        "x",
    ]


def test_a_folder_that_cannot_be_made_fails_the_job_in_words(worker: QueueWorker) -> None:
    (worker.config.runs_dir / "f").write_text("in the way")
    worker.submit(job("f", "1"))
    worker.tick()
    assert state(worker, "f") == "failed"
    assert "written" in worker.queue.job("f").message
