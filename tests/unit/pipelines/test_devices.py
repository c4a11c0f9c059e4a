"""Which GPUs there are, and what a job on one of them is told, on hosts that have none: the driver's files are made up."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from esl.pipelines import resources
from esl.pipelines.devices import gpu_names, visible_devices
from esl.pipelines.queue import QueueConfig, QueueWorker
from esl.pipelines.resources import resources_for
from esl.presets import preset
from esl.store.job_queue import Job

MIG = "MIG-4a2b"


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str | None], None]:
    """Gives the host a number of GPUs and the process its CUDA_VISIBLE_DEVICES."""

    def set_up(gpus: int, visible: str | None) -> None:
        for i in range(gpus):
            (tmp_path / "gpus" / f"0000:0{i}:00.0").mkdir(parents=True)
        monkeypatch.setattr("esl.pipelines.devices._DRIVER", tmp_path / "gpus")
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return set_up


@pytest.mark.parametrize(
    ("gpus", "visible", "names"),
    [
        (0, None, ()), (2, None, ("0", "1")), (4, "2,3", ("2", "3")), (4, " 3 , 1", ("3", "1")), (2, "", ()), (2, "-1", ()),
        (2, "GPU-8932,GPU-77f1", ("GPU-8932", "GPU-77f1")), (1, MIG, (MIG,)), (4, "1,-1,2", ("1",)), (2, "0,7,1", ("0",)),
        (0, "0", ()), (2, "1,1", ("1",)), (2, "x", ()),
    ],
)  # fmt: skip
def test_devices_are_the_gpus_that_the_server_may_use_and_the_cpu(
    host: Callable[[int, str | None], None], gpus: int, visible: str | None, names: tuple[str, ...]
) -> None:
    host(gpus, visible)
    assert visible_devices() == (*(f"cuda:{i}" for i in range(len(names))), "cpu")
    assert gpu_names(visible_devices()) == names


def test_a_device_that_is_none_has_no_name_and_one_that_is_not_visible_its_number(
    host: Callable[[int, str | None], None],
) -> None:
    host(4, "3")
    assert gpu_names(("cpu", "cuda", "cuda:x", "cuda:-1", "cuda:0", "cuda:2")) == ("3", "2")


def environment_of(worker: QueueWorker, job: Job) -> str:
    """What a started job finds in its environment."""
    worker.submit(job)
    worker.tick()
    worker._children[job.job_id].wait(60)
    return (worker.config.runs_dir / job.run / "log.txt").read_text().strip()


SHOW = "import os; print(os.environ.get('CUDA_DEVICE_ORDER'), os.environ.get('CUDA_VISIBLE_DEVICES'))"


def test_a_job_sees_its_own_gpu_alone_by_the_name_that_the_server_was_given(
    host: Callable[[int, str | None], None], tmp_path: Path
) -> None:
    host(4, f"2,{MIG}")
    worker = QueueWorker(QueueConfig(runs_dir=tmp_path / "runs", devices=visible_devices()))
    for device, seen in (("cuda:0", "2"), ("cuda:1", MIG)):
        job = Job(job_id=device, run=device.replace(":", ""), argv=(sys.executable, "-c", SHOW), device=device)
        assert environment_of(worker, job) == f"PCI_BUS_ID {seen}"


def test_a_job_on_several_gpus_sees_exactly_those_and_one_on_the_cpu_what_there_is(
    host: Callable[[int, str | None], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host(4, "3,2,1,0")
    monkeypatch.delenv("CUDA_DEVICE_ORDER", raising=False)
    worker = QueueWorker(QueueConfig(runs_dir=tmp_path / "runs", devices=visible_devices()))
    monkeypatch.setattr(worker, "command", lambda job: list(job.argv))  # torchrun itself would take seconds
    for device, seen in (("cuda:1", "PCI_BUS_ID 2,1"), ("cpu", "None 3,2,1,0")):
        job = Job(
            job_id=device, run=device.replace(":", ""), argv=(sys.executable, "-c", SHOW), device=device,
            launcher="torchrun", num_devices=2,
        )  # fmt: skip
        assert environment_of(worker, job) == seen


class Driver:
    """Stands in for nvidia-smi: keeps which GPUs it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        assert command[0] == "nvidia-smi"
        self.asked.append(command[command.index("-i") + 1])
        return subprocess.CompletedProcess(command, 0, stdout="".join("1000\n" for _ in self.asked[-1].split(",")))


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    driver = Driver()
    monkeypatch.setattr(resources.subprocess, "run", driver)
    monkeypatch.setattr(resources, "_asked", {})
    return driver


def test_free_memory_is_that_of_the_gpu_a_job_would_see_and_is_not_asked_for_at_each_keystroke(
    host: Callable[[int, str | None], None], driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host(4, "3,GPU-77f1")
    clock = [100.0]
    monkeypatch.setattr(resources.time, "monotonic", lambda: clock[0])
    for seconds in (0.0, 1.0, 3.0, 2.0):  # 0, 1, 4 and 6 seconds after the first
        clock[0] += seconds
        assert resources_for(preset("demo_advent"), tmp_path, ("cuda:1",)).memory_free == 1000 << 20
    assert driver.asked == ["GPU-77f1", "GPU-77f1"]
    resources_for(preset("demo_advent"), tmp_path, ("cuda:0", "cuda:1"))
    assert driver.asked[-1] == "3,GPU-77f1"


def test_the_server_counts_gpus_as_its_jobs_do(monkeypatch: pytest.MonkeyPatch) -> None:
    from esl.errors import ConfigError
    from launch import LaunchConfig, main

    for given, kept in (("", "PCI_BUS_ID"), ("FASTEST_FIRST", "FASTEST_FIRST")):
        monkeypatch.setenv("CUDA_DEVICE_ORDER", given)
        if not given:
            monkeypatch.delenv("CUDA_DEVICE_ORDER")
        with pytest.raises(ConfigError):
            main(LaunchConfig(port=0))
        assert os.environ["CUDA_DEVICE_ORDER"] == kept
