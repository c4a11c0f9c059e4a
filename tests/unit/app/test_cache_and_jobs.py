"""The byte cache stays within its bound and computes once; jobs tell how they end."""

import threading
import time

import pytest

from app.cache import ByteCache
from app.jobs import Job, JobBook
from esl.errors import DataError


def test_the_cache_forgets_the_oldest_and_never_exceeds_its_bound() -> None:
    cache: ByteCache[bytes] = ByteCache(10, len)
    for key in "abc":
        cache.get(key, lambda: b"1234")
    assert cache.num_bytes == 8
    made: list[str] = []
    cache.get("c", lambda: made.append("c") or b"")  # type: ignore[func-returns-value]
    cache.get("a", lambda: made.append("a") or b"1234")  # type: ignore[func-returns-value]
    assert made == ["a"]
    assert cache.get("big", lambda: b"x" * 11) == b"x" * 11
    assert cache.num_bytes <= 10


def test_two_threads_that_miss_the_same_key_make_it_once() -> None:
    cache: ByteCache[bytes] = ByteCache(100, len)
    made: list[int] = []

    def make() -> bytes:
        made.append(1)
        time.sleep(0.05)
        return b"x"

    threads = [threading.Thread(target=lambda: cache.get("k", make)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [1]


def test_an_error_is_raised_and_not_kept() -> None:
    cache: ByteCache[bytes] = ByteCache(100, len)

    def fail() -> bytes:
        raise DataError("no")

    with pytest.raises(DataError):
        cache.get("k", fail)
    assert cache.get("k", lambda: b"y") == b"y"


def finished(job: Job) -> Job:
    for _ in range(500):
        if job.is_over:
            return job
        time.sleep(0.01)
    raise AssertionError(job)


def test_a_job_ends_done_failed_or_cancelled_and_says_so() -> None:
    book = JobBook()

    def work(job: Job) -> dict[str, int]:
        job.progress(2, 2)
        return {"n": 2}

    def library_error(job: Job) -> None:
        raise DataError("The disk must have room.")

    def bug(job: Job) -> None:
        raise RuntimeError("secret detail")

    def endless(job: Job) -> None:
        job.progress(1, 5)
        while not job.should_stop():
            time.sleep(0.005)

    assert finished(book.start("a", work)).to_json()["report"] == {"n": 2}
    assert finished(book.start("b", library_error)).error == "The disk must have room."
    failed = finished(book.start("c", bug))
    assert failed.state == "failed"
    assert "secret" not in failed.error
    running = book.start("d", endless)
    running.cancelled.set()
    assert finished(running).state == "cancelled"


def test_a_job_that_waits_for_its_turn_is_cancelled_at_once() -> None:
    book, gate = JobBook(), threading.Event()
    first = book.start("x", lambda job: {"waited": gate.wait(30)}, lane="network")
    while first.state == "queued":
        time.sleep(0.01)
    second, third = (book.start("y", lambda job: {"ran": True}, lane="network") for _ in range(2))
    second.cancelled.set()
    assert finished(second).state == "cancelled"
    assert (first.state, third.state) == ("running", "queued")
    gate.set()
    assert finished(third).report == {"ran": True}


def test_jobs_of_one_lane_wait_for_each_other() -> None:
    book, order, gate = JobBook(), [], threading.Event()

    def first(job: Job) -> None:
        gate.wait(5)
        order.append("first")

    one = book.start("x", first, lane="network")
    time.sleep(0.05)
    two = book.start("y", lambda job: order.append("second"), lane="network")
    assert two.state == "queued"
    gate.set()
    finished(one)
    finished(two)
    assert order == ["first", "second"]
