"""The queue starts each run once, in order, and survives whoever looks at it."""

import multiprocessing
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from esl.errors import ConfigError, DataError
from esl.store.job_queue import MAX_QUEUED, Job, JobQueue

JOB = Job(job_id="a", run="r1", argv=("true",))


def queue_of(tmp_path: Path, *names: str) -> JobQueue:
    queue = JobQueue(tmp_path / "q.sqlite")
    for name in names:
        queue.add(replace(JOB, job_id=name, run=name))
    return queue


def test_jobs_come_back_in_order_from_a_new_queue_on_the_same_file(tmp_path: Path) -> None:
    queue_of(tmp_path, "a", "b", "c")
    assert [j.job_id for j in JobQueue(tmp_path / "q.sqlite").jobs()] == ["a", "b", "c"]


def test_a_queue_from_before_claims_had_a_time_goes_on(tmp_path: Path) -> None:
    queue_of(tmp_path, "a")
    connection = sqlite3.connect(tmp_path / "q.sqlite")
    connection.execute("ALTER TABLE jobs DROP COLUMN claimed")
    connection.close()
    claimed = JobQueue(tmp_path / "q.sqlite").claim("cpu", "here")
    assert claimed is not None
    assert claimed.claimed > claimed.created > 0


def test_a_double_click_queues_once_and_a_second_start_of_the_run_is_refused(tmp_path: Path) -> None:
    queue = queue_of(tmp_path, "a")
    assert queue.add(replace(JOB, job_id="a", run="other")).run == "a"
    with pytest.raises(ConfigError, match="once"):
        queue.add(replace(JOB, job_id="z", run="a"))
    queue.set_state("a", "done")
    assert queue.add(replace(JOB, job_id="z", run="a")).state == "queued"


def test_one_job_a_device_runs_at_a_time(tmp_path: Path) -> None:
    queue = queue_of(tmp_path, "a", "b")
    queue.add(replace(JOB, job_id="g", run="g", device="cuda:0"))
    first = queue.claim("cpu", "here")
    assert first is not None
    assert (first.job_id, first.state) == ("a", "running")
    assert queue.claim("cpu", "here") is None
    gpu = queue.claim("cuda:0", "here")
    assert gpu is not None
    assert gpu.job_id == "g"
    queue.set_state("a", "done")
    second = queue.claim("cpu", "here")
    assert second is not None
    assert second.job_id == "b"


GPUS = ("cuda:0", "cuda:1", "cuda:2", "cpu")


def claimed(queue: JobQueue, device: str) -> str:
    found = queue.claim(device, "here", GPUS)
    return found.job_id if found else ""


def test_a_job_keeps_all_of_its_gpus_busy(tmp_path: Path) -> None:
    queue = queue_of(tmp_path)
    queue.add(replace(JOB, job_id="two", run="two", device="cuda:0", num_devices=2, launcher="torchrun"))
    for i in range(3):
        queue.add(replace(JOB, job_id=f"on{i}", run=f"on{i}", device=f"cuda:{i}"))
    assert [claimed(queue, device) for device in GPUS] == ["two", "", "on2", ""]
    assert [claimed(queue, device) for device in GPUS] == ["", "", "", ""]
    queue.set_state("two", "done")
    assert [claimed(queue, device) for device in GPUS] == ["on0", "on1", "", ""]


def test_a_job_for_several_gpus_is_not_overtaken_for_ever(tmp_path: Path) -> None:
    queue = queue_of(tmp_path)
    queue.add(replace(JOB, job_id="first", run="first", device="cuda:1"))
    assert claimed(queue, "cuda:1") == "first"
    queue.add(replace(JOB, job_id="two", run="two", device="cuda:0", num_devices=2))
    queue.add(replace(JOB, job_id="later", run="later", device="cuda:1"))
    assert claimed(queue, "cuda:0") == ""  # cuda:1 is busy
    queue.set_state("first", "done")
    assert claimed(queue, "cuda:1") == ""  # kept for the job before
    assert claimed(queue, "cuda:0") == "two"


def test_processes_that_share_the_cpu_take_it_once_and_slurm_takes_nothing_here(tmp_path: Path) -> None:
    queue = queue_of(tmp_path)
    queue.add(replace(JOB, job_id="four", run="four", num_devices=4, launcher="torchrun"))
    queue.add(replace(JOB, job_id="far", run="far", device="cuda:0", num_devices=8, launcher="slurm"))
    queue.add(replace(JOB, job_id="near", run="near", device="cuda:0"))
    assert [claimed(queue, device) for device in ("cpu", "cuda:0", "cuda:0")] == ["four", "far", "near"]


def test_jobs_for_gpus_that_this_host_lacks_are_left_to_others(tmp_path: Path) -> None:
    queue = queue_of(tmp_path)
    queue.add(replace(JOB, job_id="two", run="two", device="cuda:0", num_devices=2))
    queue.add(replace(JOB, job_id="one", run="one", device="cuda:0"))
    here = queue.claim("cuda:0", "here", ("cuda:0", "cpu"))
    there = queue.claim("cuda:0", "there", GPUS)
    assert (here and here.job_id, there and there.job_id) == ("one", "two")


def _claim(path: Path, results: "multiprocessing.Queue[str]") -> None:
    job = JobQueue(path).claim("cpu", "here")
    results.put(job.job_id if job else "")


def test_two_servers_never_claim_the_same_job(tmp_path: Path) -> None:
    queue_of(tmp_path, "a", "b")
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    claimers = [context.Process(target=_claim, args=(tmp_path / "q.sqlite", results)) for _ in range(3)]
    for c in claimers:
        c.start()
    got = sorted(results.get(timeout=60) for _ in claimers)
    for c in claimers:
        c.join()
    assert got == ["", "", "a"]


def test_the_order_of_waiting_jobs_can_change(tmp_path: Path) -> None:
    queue = queue_of(tmp_path, "a", "b", "c")
    queue.move("c", "a")
    assert [j.job_id for j in queue.jobs()] == ["c", "a", "b"]
    queue.move("c", "")
    assert [j.job_id for j in queue.jobs()] == ["a", "b", "c"]
    queue.claim("cpu", "here")
    with pytest.raises(DataError, match="waiting"):
        queue.move("a", "b")


def test_states_change_only_from_where_they_may(tmp_path: Path) -> None:
    queue = queue_of(tmp_path, "a")
    assert not queue.set_state("a", "stopping", only_from=("running",))
    assert queue.set_state("a", "removed", "why", only_from=("queued",))
    assert queue.job("a").message == "why"
    with pytest.raises(DataError, match="'nobody'"):
        queue.job("nobody")


def test_a_full_queue_and_a_bad_job_are_refused(tmp_path: Path) -> None:
    queue = queue_of(tmp_path, *(f"j{i}" for i in range(MAX_QUEUED)))
    with pytest.raises(ConfigError, match=str(MAX_QUEUED)):
        queue.add(replace(JOB, job_id="one more", run="one more"))
    for change in ({"argv": ()}, {"num_devices": 0}, {"launcher": "k8s"}, {"job_id": ""}):
        with pytest.raises(ConfigError, match="complete"):
            replace(JOB, **change)  # type: ignore[arg-type]
    (tmp_path / "bad.sqlite").write_text("x" * 5000)
    with pytest.raises(DataError, match="bad.sqlite"):
        JobQueue(tmp_path / "bad.sqlite")
