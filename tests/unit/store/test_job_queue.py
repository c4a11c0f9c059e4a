"""The queue starts each run once, in order, and survives whoever looks at it."""

import multiprocessing
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
