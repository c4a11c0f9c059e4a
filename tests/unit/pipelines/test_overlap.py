"""Work beside the network's keeps its order, its bounds and its errors, and leaves no thread behind."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from esl.pipelines import overlap
from esl.pipelines.overlap import helper_threads, in_order

PATIENCE = 20.0
"""Seconds until a test gives up waiting for a thread."""


def leftover() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("esl-overlap")]


def test_results_come_in_the_order_of_the_items_whichever_is_done_first() -> None:
    def work(item: int) -> int:
        time.sleep(random.Random(item).uniform(0, 0.01))
        return -item

    assert list(in_order(work, range(40), threads=4, ahead=6)) == [-item for item in range(40)]
    assert list(in_order(work, [], threads=4)) == []
    assert leftover() == []


def test_threads_work_while_the_caller_takes_the_next_item() -> None:
    taken = threading.Event()

    def items() -> Iterator[int]:
        yield 0
        taken.set()
        yield 1

    def work(item: int) -> bool:
        return taken.wait(PATIENCE)  # the first can only end once the second is being taken

    assert list(in_order(work, items())) == [True, True]


def test_as_many_work_at_once_as_there_are_threads() -> None:
    meeting = threading.Barrier(3)

    def work(item: int) -> int:
        return meeting.wait(PATIENCE)  # ends only where three are there at a time

    assert sorted(in_order(work, range(3), threads=3, ahead=3)) == [0, 1, 2]


def test_no_more_is_taken_than_was_allowed() -> None:
    taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for item in range(30):
            taken += 1
            yield item

    for item in in_order(lambda item: item, items(), threads=4, ahead=3):
        assert taken <= item + 1 + 3


def test_items_are_taken_in_the_callers_thread_and_worked_on_in_others() -> None:
    def items() -> Iterator[str]:
        for _ in range(3):
            yield threading.current_thread().name

    pairs = list(in_order(lambda taken_in: (taken_in, threading.current_thread().name), items()))
    assert {taken_in for taken_in, _ in pairs} == {threading.current_thread().name}
    assert all(worked_in.startswith("esl-overlap") for _, worked_in in pairs)


def test_an_error_of_the_work_comes_at_its_turn_and_ends_it() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise ValueError("the third")
        return item

    got = []
    with pytest.raises(ValueError, match="the third"):
        for result in in_order(work, range(100), threads=4, ahead=4):
            got.append(result)
    assert got == [0, 1, 2]
    assert leftover() == []


def test_an_item_that_cannot_be_taken_waits_for_the_results_before_it() -> None:
    def items() -> Iterator[int]:
        yield from range(3)
        raise ValueError("no fourth")

    def work(item: int) -> int:
        time.sleep(0.01)
        return item

    got = []
    with pytest.raises(ValueError, match="no fourth"):
        for result in in_order(work, items(), ahead=5):
            got.append(result)
    assert got == [0, 1, 2]
    assert leftover() == []


def test_who_leaves_early_waits_for_what_has_begun_and_for_nothing_else() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), []

    def work(item: int) -> int:
        if item == 1:
            begun.set()
            go_on.wait(PATIENCE)
        done.append(item)
        return item

    with closing(in_order(work, range(100), ahead=5)) as results:
        assert next(results) == 0
        assert begun.wait(PATIENCE)
        threading.Timer(0.05, go_on.set).start()
    assert done == [0, 1]
    assert leftover() == []


def test_an_interrupt_drops_what_has_not_begun() -> None:
    begun, done = threading.Event(), []

    def items() -> Iterator[int]:
        yield from range(4)
        begun.wait(PATIENCE)
        raise KeyboardInterrupt

    def work(item: int) -> None:
        begun.set()
        time.sleep(0.05)
        done.append(item)

    with pytest.raises(KeyboardInterrupt):
        list(in_order(work, items(), ahead=10))
    assert done == [0]
    assert leftover() == []


def test_a_gpu_has_several_readers_and_a_cpu_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for cores, readers in ((1, 1), (5, 5), (64, 8)):
        monkeypatch.setattr(overlap, "usable_cores", lambda cores=cores: cores)
        assert helper_threads("cuda") == readers
        assert helper_threads() == readers
        assert helper_threads("cpu") == 1
