"""Verdicts survive: twice sent is once stored, several processes write at once, undo and replacement keep history."""

import multiprocessing
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from esl.classes import IGNORE
from esl.errors import DataError, ShapeError
from esl.store.verdicts import Verdict, VerdictBook, apply_verdicts, wilson_interval

DROP = Verdict(
    client_id="a",
    user="ann",
    store="s",
    image_id="x/y.png",
    item="x:0",
    decision="drop",
    runs=((1, 2), (7, 1)),
    predicted=3,
)


def test_a_verdict_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    book = VerdictBook(tmp_path / "deep" / "verdicts.sqlite")
    stored = book.add(replace(DROP, note="<b>hm</b>", is_blind=True, weight=2.5))
    assert VerdictBook(book.path).verdicts("s") == [stored]
    assert stored.verdict.num_pixels == 3
    assert book.counts("s") == {"x/y.png": 1}
    assert book.verdicts("other") == []


def test_sending_again_stores_once_and_keeps_the_first(tmp_path: Path) -> None:
    book = VerdictBook(tmp_path / "v.sqlite")
    first = book.add(DROP)
    assert book.add(replace(DROP, decision="keep")) == first
    assert len(book.verdicts("s", with_undone=True)) == 1


def test_a_later_word_on_an_item_replaces_the_earlier_and_undo_brings_it_back(tmp_path: Path) -> None:
    book = VerdictBook(tmp_path / "v.sqlite")
    book.add(DROP)
    book.add(replace(DROP, client_id="b", decision="keep"))
    book.add(replace(DROP, client_id="c", user="bob"))
    assert [s.verdict.client_id for s in book.verdicts("s")] == ["b", "c"]
    assert not book.undo("b", "bob")
    assert book.undo("b", "ann")
    assert not book.undo("b", "ann")
    assert [s.verdict.client_id for s in book.verdicts("s", user="ann")] == ["a"]
    assert len(book.verdicts("s", with_undone=True)) == 3


def _write(path: Path, writer: int) -> None:
    book = VerdictBook(path)
    for i in range(20):
        book.add(replace(DROP, client_id=f"{writer}-{i}", item=f"{writer}-{i}"))


def test_several_processes_write_at_once_and_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path / "v.sqlite", w)) for w in range(3)]
    for w in writers:
        w.start()
    for w in writers:
        w.join()
    assert [w.exitcode for w in writers] == [0, 0, 0]
    assert len(VerdictBook(tmp_path / "v.sqlite").verdicts("s")) == 60


@pytest.mark.parametrize(
    ("change", "said"),
    [({"client_id": ""}, "client_id"), ({"decision": "maybe"}, "maybe"), ({"runs": ()}, "runs"), ({"runs": ((-1, 2),)}, "runs"),
     ({"decision": "relabel"}, "relabel_to"), ({"relabel_to": 3}, "relabel_to"), ({"weight": float("nan")}, "weight"), ({"note": "x" * 2001}, "note")],
)  # fmt: skip
def test_an_incomplete_verdict_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        replace(DROP, **change)  # type: ignore[arg-type]


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "v.sqlite").write_text("hello" * 1000)
    with pytest.raises(DataError, match="v.sqlite"):
        VerdictBook(tmp_path / "v.sqlite")


def test_the_file_is_in_wal_mode(tmp_path: Path) -> None:
    VerdictBook(tmp_path / "v.sqlite")
    connection = sqlite3.connect(tmp_path / "v.sqlite")
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_verdicts_change_their_own_pixels_and_the_last_word_wins() -> None:
    predicted = np.arange(12, dtype=np.uint8).reshape(3, 4)
    pseudo = np.full((3, 4), IGNORE, np.uint8)
    pseudo[0] = predicted[0]
    keep = replace(DROP, decision="keep", runs=((5, 2),))
    relabel = replace(DROP, decision="relabel", relabel_to=9, runs=((6, 1),))
    unsure = replace(DROP, decision="unsure", runs=((0, 12),))
    label = apply_verdicts(pseudo, predicted, [DROP, keep, relabel, unsure])
    assert label.tolist() == [[0, 255, 255, 3], [255, 5, 9, 255], [255] * 4]
    assert pseudo[0].tolist() == [0, 1, 2, 3]
    with pytest.raises(ShapeError, match="reaches 13"):
        apply_verdicts(pseudo, predicted, [replace(DROP, runs=((12, 1),))])


def test_wilson_interval_holds_known_values() -> None:
    low, high = wilson_interval(8, 10)
    assert (round(low, 4), round(high, 4)) == (0.4902, 0.9433)
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 5)[0] < 1e-12
