"""The data check of several ranks is made by the first; the others hear that it goes on, and what came of it."""

import time
from datetime import timedelta
from typing import Any

import pytest

from esl.errors import DataError
from esl.pipelines import precheck
from esl.training.engine import make_fabric


class Told:
    """A Fabric of two ranks, as far as they talk: the first's words, or what the other hears."""

    world_size = 2

    def __init__(self, heard: list[tuple[bool, str]] | None = None) -> None:
        self.is_global_zero, self.heard = heard is None, heard or []
        self.sent: list[tuple[bool, str]] = []

    def broadcast(self, words: tuple[bool, str]) -> tuple[bool, str]:
        self.sent.append(words)
        return words if self.is_global_zero else self.heard.pop(0)


def check(fabric: Any) -> None:
    precheck.require_all_sound_once(fabric, [])


@pytest.mark.parametrize(
    ("error", "words"), [(None, ""), (DataError("a.png is cut"), "a.png is cut"), (OSError(5, "disk"), "disk")]
)
def test_the_first_rank_checks_and_says_so_all_the_while(
    error: Exception | None, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(read: object, say: object) -> None:
        time.sleep(0.3)
        if error is not None:
            raise error

    monkeypatch.setattr(precheck, "require_all_sound", slow)
    monkeypatch.setattr(precheck, "_TELL_SECONDS", 0.05)
    first = Told()
    if error is None:
        check(first)
    else:
        with pytest.raises(DataError, match=words):
            check(first)
    assert len(first.sent) > 3
    assert first.sent[0] == (False, "")
    assert first.sent[-1][0]


def test_the_others_wait_and_stop_for_the_same_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precheck, "require_all_sound", lambda read, say: pytest.fail("checked twice"))
    check(Told([(False, ""), (False, ""), (True, "")]))
    with pytest.raises(DataError, match=r"a\.png is cut"):
        check(Told([(False, ""), (True, "a.png is cut")]))


def test_ranks_do_not_wait_for_half_an_hour() -> None:
    strategy: Any = make_fabric(accelerator="cpu", precision="fp32", devices=2).strategy
    assert strategy._timeout == timedelta(minutes=10)
