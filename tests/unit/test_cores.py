"""Default numbers of threads: ranks on one node share its cores."""

import os

import pytest

from esl.cores import usable_cores
from esl.labeling import maps


@pytest.fixture
def sixteen_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process_id: set(range(16)), raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)


@pytest.mark.parametrize(("ranks", "cores"), [(None, 16), ("1", 16), ("4", 4), ("5", 3), ("64", 1)])
def test_ranks_share_the_cores_of_their_node(
    monkeypatch: pytest.MonkeyPatch, sixteen_cores: None, ranks: str | None, cores: int
) -> None:
    if ranks is not None:
        monkeypatch.setenv("LOCAL_WORLD_SIZE", ranks)
    assert usable_cores() == cores


def test_without_an_affinity_all_cores_count(monkeypatch: pytest.MonkeyPatch, sixteen_cores: None) -> None:
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert usable_cores() == 6


def test_maps_are_derived_in_a_ranks_share_of_threads(monkeypatch: pytest.MonkeyPatch, sixteen_cores: None) -> None:
    assert maps._default_threads() == 8, "never more, however many cores there are"
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert maps._default_threads() == 4
    monkeypatch.setattr(maps, "parent_process", lambda: object())
    assert maps._default_threads() == 1, "a worker has its siblings beside it"
