"""SLURM jobs: the script that sbatch would get, and a job that is interrupted, saves, queues again and ends."""

import os
import signal
import stat
import sys
import time
from pathlib import Path

import pytest

from esl.cli import main
from esl.errors import ConfigError
from esl.pipelines.slurm import Resubmittable, SlurmPlace, shared_command, submit

submitit = pytest.importorskip("submitit")

# The first life waits to be told to stop, as a training run does; the second ends well.
STAND_IN = """
import os, pathlib, signal, sys, time
here = pathlib.Path(sys.argv[1])
if (here / "saved").exists():
    (here / "done").write_text("x")
    sys.exit(0)
def stop(number, frame):
    (here / "saved").write_text("x")
    sys.exit(143)
signal.signal(signal.SIGTERM, stop)
(here / "half").write_text(f"{os.getppid()} {os.getpid()} {os.environ['TORCH_ELASTIC_SHUTDOWN_TIMEOUT']}")
(here / "half").rename(here / "started")
while True:
    time.sleep(0.05)
"""


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An sbatch that takes every script and keeps it."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sbatch", "srun"):
        path = programs / name
        path.write_text(f'#!/bin/sh\ncp "$1" {tmp_path}/script.sh\necho "Submitted batch job 4711"\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return tmp_path / "script.sh"


def test_a_submitted_verb_asks_for_what_it_was_told_and_for_a_requeue(
    cluster: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ["--gpus", "2", "--hours", "1.5", "--partition", "gpu", "--options", "account=vision", "exclusive"]
    verb = ["train", "demo_advent", "--run", "runs/a"]
    assert main(["submit", *place, "--folder", str(tmp_path / "jobs"), "--", *verb]) == 0
    said = capsys.readouterr().out
    assert "job: 4711" in said
    assert (
        "torch.distributed.run --standalone --nproc-per-node=2 -m esl train demo_advent --run runs/a --devices 2"
        in said
    )
    script = cluster.read_text()
    for line in (
        "--requeue", "--signal=USR2@120", "--gpus-per-node=2", "--time=90", "--partition=gpu", "--account=vision",
        "--exclusive", "--job-name=esl-train", "--open-mode=append",
    ):  # fmt: skip
        assert f"#SBATCH {line}" in script


@pytest.mark.parametrize("verb", ["self-train", "reproduce", "bdl"])
def test_a_verb_that_shares_no_work_gets_one_gpu(verb: str, cluster: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["submit", "--gpus", "2", "--", verb, "demo"]) == 2
    assert f"got {verb} with --gpus 2. Say --gpus 1." in capsys.readouterr().err
    assert not cluster.exists()


def test_an_interrupted_job_saves_queues_again_and_ends(tmp_path: Path) -> None:
    job = submit(
        [sys.executable, "-c", STAND_IN, str(tmp_path)], tmp_path / "jobs", SlurmPlace(gpus=0),
        cluster="local", exit_path=tmp_path / "exit_code",
    )  # fmt: skip
    wait_for(tmp_path / "started")
    assert not (tmp_path / "exit_code").exists()
    job_pid, command_pid, seconds_to_save = map(int, (tmp_path / "started").read_text().split())
    assert seconds_to_save == 110
    for pid in (command_pid, job_pid):  # as SLURM does when time is up; some of its plugins signal every process
        os.kill(pid, signal.SIGUSR2)
    assert job.result() == 0
    assert (tmp_path / "saved").exists()
    assert (tmp_path / "done").exists()
    assert (tmp_path / "exit_code").read_text() == "0\n"


@pytest.mark.parametrize("code", [143, 1])
def test_a_job_that_is_told_to_stop_saves_and_ends_for_good(tmp_path: Path, code: int) -> None:
    # torchrun ends with 1 after its ranks have saved.
    program = STAND_IN.replace("sys.exit(143)", f"sys.exit({code})")
    job = submit(
        [sys.executable, "-c", program, str(tmp_path)], tmp_path / "jobs", SlurmPlace(gpus=0),
        cluster="local", exit_path=tmp_path / "exit_code",
    )  # fmt: skip
    wait_for(tmp_path / "started")
    job_pid, command_pid, _ = map(int, (tmp_path / "started").read_text().split())
    os.kill(command_pid, signal.SIGUSR1)
    os.kill(job_pid, signal.SIGUSR1)  # scancel --signal=USR1
    assert job.result() == code
    assert (tmp_path / "saved").exists()
    assert not (tmp_path / "done").exists()
    assert (tmp_path / "exit_code").read_text() == f"{code}\n"


def test_a_job_that_is_stopped_is_not_queued_again_when_its_time_is_up(tmp_path: Path) -> None:
    stopped = Resubmittable(["true"], tmp_path / "exit_code")
    assert stopped.checkpoint() is not None, "before it has started anything"
    stopped._stop()
    assert stopped() in (0, -signal.SIGTERM)
    assert stopped.checkpoint() is None


def test_several_gpus_are_for_verbs_that_can_share_them() -> None:
    train = ["train", "demo_advent", "--run", "runs/a"]
    assert shared_command(train, 1) == train
    assert shared_command(train, 4) == [*train, "--devices", "4"]
    for said in (["--devices", "4"], ["--devices=4"]):
        assert shared_command([*train, *said], 4) == [*train, *said]
        with pytest.raises(ConfigError, match="--gpus is 2, --devices 4"):
            shared_command([*train, *said], 2)
    assert shared_command(["extract", "--store", "s"], 2) == ["extract", "--store", "s"]


def test_a_command_that_fails_is_a_failed_job(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "raise SystemExit(2)"]
    job = submit(command, tmp_path / "jobs", SlurmPlace(gpus=0), cluster="local", exit_path=tmp_path / "exit_code")
    assert isinstance(job.exception(), submitit.core.utils.FailedJobError)
    assert (tmp_path / "exit_code").read_text() == "2\n"


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConfigError, match=r"sbatch and srun"):
        submit(["true"], tmp_path / "jobs", SlurmPlace())
    with pytest.raises(ConfigError, match="needs a command"):
        main_submit()
    with pytest.raises(ConfigError, match="name=value"):
        SlurmPlace(options=("=3",))
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(ConfigError, match="pip install"):
        submit(["true"], tmp_path / "jobs", SlurmPlace())


def main_submit() -> int:
    from esl.cli.submit import run

    return run(["--gpus", "1"])


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} does not come"
        time.sleep(0.05)
