"""Which chunks of a prediction store count: append-only JSON lines.

A chunk counts once a whole line with its sha256 is in an index, written after the chunk itself is safe on disk.
Each writing process appends to a file of its own (`index-<rank>.jsonl`), so that ranks never share one; when all images
are there the files become one `index.jsonl`, sorted by position, the same whoever wrote what.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from esl.errors import DataError
from esl.files import fsync_directory, write_text

FINAL_NAME = "index.jsonl"


@dataclass(frozen=True, kw_only=True)
class ChunkEntry:
    """One image's line."""

    id: str
    position: int
    """First index in the array of logits."""
    size: tuple[int, int]
    """(h, w) of the logits; the rest of the chunk is padding."""
    valid: tuple[int, int]
    """(H, W) of the region of the map that the image covers, from the top left corner."""
    num_bytes: int
    """Length of the chunk's file."""
    sha256: str
    """Of the chunk's file."""

    def to_line(self) -> str:
        """One line of JSON, with its end."""
        return json.dumps(asdict(self), sort_keys=True) + "\n"

    @classmethod
    def from_line(cls, line: bytes, where: Path) -> Self:
        """The inverse of `to_line`.

        Raises:
            DataError: the line is damaged.
        """
        try:
            value: dict[str, Any] = json.loads(line)
            value["size"], value["valid"] = tuple(value["size"]), tuple(value["valid"])
            return cls(**value)
        except (ValueError, TypeError, KeyError) as error:
            raise DataError(
                f"Every line of a store's index must be one entry; {where} holds {line[:60]!r}. "
                "Delete the file: the images it lists are predicted again by the same extract command."
            ) from error


def _part_paths(directory: Path) -> list[Path]:
    return sorted(directory.glob("index-*.jsonl"))


def _read_lines(path: Path) -> list[bytes]:
    """Whole lines; a last one without its end was torn by a crash and does not count."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    return data.split(b"\n")[:-1]


def read_index(directory: Path) -> dict[str, ChunkEntry]:
    """All entries that count, by image id; of two for one image the later line counts."""
    entries: dict[str, ChunkEntry] = {}
    # The final file is read last: a rank that merges writes it before it deletes the parts.
    for path in [*_part_paths(directory), directory / FINAL_NAME]:
        for line in _read_lines(path):
            entry = ChunkEntry.from_line(line, path)
            entries[entry.id] = entry
    return entries


def merge_index(directory: Path, entries: Iterable[ChunkEntry]) -> None:
    """Make one file, sorted by position, of all parts."""
    lines = [entry.to_line() for entry in sorted(entries, key=lambda e: e.position)]
    write_text(directory / FINAL_NAME, "".join(lines))
    for path in _part_paths(directory):
        path.unlink(missing_ok=True)
    fsync_directory(directory)


def drop_entries(directory: Path, lost: Mapping[str, ChunkEntry]) -> None:
    """Take entries out of all index files, because their chunks are gone."""
    for path in [*_part_paths(directory), directory / FINAL_NAME]:
        lines = _read_lines(path)
        kept = [line for line in lines if ChunkEntry.from_line(line, path).id not in lost]
        if len(kept) < len(lines):
            write_text(path, "".join(line.decode() + "\n" for line in kept))


class IndexWriter:
    """Appends to one process's index; holds a lock, so a second process with the same rank is refused."""

    def __init__(self, directory: Path, rank: int) -> None:
        """Open, lock, and cut a torn last line.

        Raises:
            DataError: another process writes as this rank, or the file cannot be opened.
        """
        self._path = directory / f"index-{rank}.jsonl"
        try:
            self._handle = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise DataError(f"A store must be writable; {self._path} is not ({error.strerror}).") from error
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise DataError(
                f"Only one process may write a store as rank {rank}; another one holds {self._path}. "
                "Wait for it or stop it."
            ) from error
        os.ftruncate(self._handle, sum(len(line) + 1 for line in _read_lines(self._path)))
        fsync_directory(directory)

    def append(self, entry: ChunkEntry) -> None:
        """Add a line that survives a power cut; on a full disk nothing of it stays.

        Raises:
            DataError: it cannot be written.
        """
        line = entry.to_line().encode()
        length = os.fstat(self._handle).st_size
        try:
            written = os.write(self._handle, line)
            if written < len(line):
                raise OSError(0, f"only {written} of {len(line)} bytes went in")
            os.fsync(self._handle)
        except OSError as error:
            os.ftruncate(self._handle, length)
            raise DataError(
                f"A store's index must be writable: {self._path} is not ({error.strerror or error}). Free disk space "
                "and run the same command again."
            ) from error

    def close(self) -> None:
        """Release the lock; an index without any line leaves no file."""
        if os.fstat(self._handle).st_size == 0:
            self._path.unlink(missing_ok=True)
        os.close(self._handle)
