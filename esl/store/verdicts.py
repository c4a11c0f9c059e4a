"""What people said of pixels: an SQLite file in WAL mode, shared by several servers and people at once.

A verdict holds its own pixels (runs at `map_size`), so it outlives a threshold move, and the weight of its sampling,
so that rates stay unbiased. Its client makes its id; storing it twice stores it once. Nothing is ever deleted:
undone verdicts stay, marked.
"""

import json
import math
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE
from esl.errors import DataError, ShapeError

Decision = Literal["keep", "drop", "relabel", "unsure"]
"""`keep`: the predicted class is right. `drop`: not to be trained on. `relabel`: another class. `unsure`: no effect."""

Runs = tuple[tuple[int, int], ...]
"""Pixels as (first index, length) in row-major order of a (H, W) map."""

_BUSY_SECONDS = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS verdicts (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL,
    store TEXT NOT NULL,
    image_id TEXT NOT NULL,
    saved REAL NOT NULL,
    is_undone INTEGER NOT NULL DEFAULT 0,
    content TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_image ON verdicts (store, image_id);
"""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One person's judgement of one set of pixels."""

    client_id: str
    """Made by the client, unique; sending it again changes nothing."""
    user: str
    store: str
    """Hash of the store whose predictions were judged."""
    recipe: str = ""
    """Hash of the recipe on the screen, for the record."""
    image_id: str
    item: str = ""
    """Key of the queue's item; a later verdict of the same user on it replaces the earlier."""
    decision: Decision
    runs: Runs
    predicted: int
    """Predicted class of the pixels."""
    second: int = IGNORE
    """Second class of the pixels, 255 where unknown."""
    relabel_to: int = IGNORE
    """New class, for `relabel`."""
    weight: float = 1.0
    """Items that this one stands for under its sampling."""
    is_blind: bool = False
    """Made without ground truth in sight."""
    note: str = ""

    def __post_init__(self) -> None:
        faults = []
        if not (0 < len(self.client_id) <= 100 and 0 < len(self.user) <= 100):
            faults.append("client_id and user must have 1 to 100 characters")
        if self.decision not in get_args(Decision):
            faults.append(f"decision must be one of {', '.join(get_args(Decision))}, not {self.decision!r}")
        if not self.runs or any(start < 0 or length < 1 for start, length in self.runs):
            faults.append("runs must hold at least one (start >= 0, length >= 1)")
        if (self.decision == "relabel") != (self.relabel_to != IGNORE):
            faults.append("relabel_to must be given for relabel, and for nothing else")
        if not (math.isfinite(self.weight) and self.weight > 0):
            faults.append(f"weight must be a positive number, not {self.weight}")
        if len(self.note) > 2000:
            faults.append("note must have at most 2000 characters")
        if faults:
            raise DataError(f"A verdict must be complete: {'; '.join(faults)}.")

    @property
    def num_pixels(self) -> int:
        """Pixels judged."""
        return sum(length for _, length in self.runs)


@dataclass(frozen=True, kw_only=True)
class StoredVerdict:
    """A verdict with its place in the book."""

    verdict: Verdict
    number: int
    """Order of arrival."""
    saved: float
    """Unix seconds."""
    is_undone: bool


class VerdictBook:
    """The verdicts of one file; every call opens, commits and closes, so threads and processes may share it."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            DataError: it cannot be opened or is no verdict file.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._connection() as connection:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.executescript(_SCHEMA)

    def add(self, verdict: Verdict) -> StoredVerdict:
        """Store a verdict durably and return it with its number; a known `client_id` gives the stored one back."""
        content = json.dumps(asdict(verdict))
        with self._connection() as connection:
            connection.execute(
                "INSERT OR IGNORE INTO verdicts (client_id, user, store, image_id, saved, content) VALUES (?,?,?,?,?,?)",
                (verdict.client_id, verdict.user, verdict.store, verdict.image_id, time.time(), content),
            )
            row = connection.execute(
                "SELECT number, saved, is_undone, content FROM verdicts WHERE client_id = ?", (verdict.client_id,)
            ).fetchone()
        return _from_row(row)

    def undo(self, client_id: str, user: str) -> bool:
        """Mark a verdict of `user` as undone; False where there is none of theirs, or it was undone before."""
        with self._connection() as connection:
            cursor = connection.execute(
                "UPDATE verdicts SET is_undone = 1 WHERE client_id = ? AND user = ? AND is_undone = 0",
                (client_id, user),
            )
            return cursor.rowcount == 1

    def verdicts(
        self, store: str, *, image_id: str = "", user: str = "", with_undone: bool = False
    ) -> list[StoredVerdict]:
        """Verdicts on a store in order of arrival, of one image or one user if named.

        A later verdict of the same user on the same item replaces the earlier one unless `with_undone`.
        """
        query = "SELECT number, saved, is_undone, content FROM verdicts WHERE store = ?"
        values: list[str] = [store]
        for column, value in (("image_id", image_id), ("user", user)):
            if value:
                query += f" AND {column} = ?"
                values.append(value)
        with self._connection() as connection:
            found = [_from_row(row) for row in connection.execute(query + " ORDER BY number", values)]
        return found if with_undone else _standing(found)

    def counts(self, store: str) -> dict[str, int]:
        """Standing verdicts per image id."""
        counts: dict[str, int] = {}
        for stored in self.verdicts(store):
            counts[stored.verdict.image_id] = counts.get(stored.verdict.image_id, 0) + 1
        return counts

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS)
            try:
                connection.execute("PRAGMA synchronous=FULL")
                with connection:
                    yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise DataError(
                f"Verdicts must be stored in a working SQLite file; {self.path} is not ({error}). The verdict was not saved."
            ) from error


def _from_row(row: Sequence[Any]) -> StoredVerdict:
    number, saved, is_undone, content = row
    value = json.loads(content)
    known = {f.name for f in fields(Verdict)}
    value = {k: v for k, v in value.items() if k in known}
    value["runs"] = tuple((start, length) for start, length in value["runs"])
    return StoredVerdict(verdict=Verdict(**value), number=number, saved=saved, is_undone=bool(is_undone))


def _standing(found: list[StoredVerdict]) -> list[StoredVerdict]:
    last: dict[tuple[str, str, str], int] = {}
    for stored in found:
        if not stored.is_undone and stored.verdict.item:
            last[stored.verdict.user, stored.verdict.image_id, stored.verdict.item] = stored.number
    return [
        s
        for s in found
        if not s.is_undone
        and (not s.verdict.item or last[s.verdict.user, s.verdict.image_id, s.verdict.item] == s.number)
    ]


def apply_verdicts(
    pseudo_label: NDArray[np.uint8], predicted: NDArray[np.uint8], verdicts: Sequence[Verdict]
) -> NDArray[np.uint8]:
    """A pseudo-label with verdicts applied in order, the last word on a pixel winning.

    Args:
        pseudo_label: (H, W) uint8, 255 = ignore.
        predicted: (H, W) uint8 predicted classes.
        verdicts: of this image, at this `map_size`.

    Returns:
        A new (H, W) uint8.

    Raises:
        ShapeError: a verdict's pixels lie outside the map (it was made at another `map_size`).
    """
    label = pseudo_label.copy().reshape(-1)
    flat = predicted.reshape(-1)
    for verdict in verdicts:
        for start, length in verdict.runs:
            if start + length > label.size:
                raise ShapeError(
                    f"A verdict's pixels must lie inside its {pseudo_label.shape} map; {verdict.client_id} of {verdict.image_id} reaches {start + length}."
                )
            pixels = slice(start, start + length)
            if verdict.decision == "keep":
                label[pixels] = flat[pixels]
            elif verdict.decision == "drop":
                label[pixels] = IGNORE
            elif verdict.decision == "relabel":
                label[pixels] = verdict.relabel_to
    return label.reshape(pseudo_label.shape)


def wilson_interval(hits: float, trials: float, z: float = 1.959964) -> tuple[float, float]:
    """95 % interval of a share by Wilson's score, (0, 1) where nothing was tried."""
    if trials <= 0:
        return 0.0, 1.0
    share = hits / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    return max(0.0, centre - half), min(1.0, centre + half)
