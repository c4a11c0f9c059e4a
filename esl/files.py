"""Files that appear whole or not at all, and paths that stay where they belong.

One atomic writer serves every file that must not be half there (decision 13): a temporary file in the
same folder, fsync, rename, fsync of the folder. JSONL records, SQLite and zarr chunks have rules of their own.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, cast

from esl.errors import DataError

PARTIAL_SUFFIX = ".partial"
"""Ending of every file or folder that is still being written; a rerun may sweep it."""


def fsync_directory(directory: Path) -> None:
    """Make a rename in `directory` survive a power cut."""
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def atomic_writer(path: Path | str) -> Iterator[IO[bytes]]:
    """Open a binary file that takes its final name only when the block ends without an error.

    Parent folders are made. On any error the temporary file is removed and the old file stays.

    Raises:
        DataError: the file cannot be written (disk full, no permission), with the path and the cause.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:80]}.", suffix=PARTIAL_SUFFIX, dir=path.parent)
    except OSError as error:
        raise DataError(_cannot_write(path, error)) from error
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
        fsync_directory(path.parent)
    except OSError as error:
        _remove_quietly(name)
        raise DataError(_cannot_write(path, error)) from error
    except BaseException:
        _remove_quietly(name)
        raise


def is_partial(path: Path) -> bool:
    """Whether a file is what `atomic_writer` was writing, or left when its process was killed."""
    return path.name.startswith(".") and path.name.endswith(PARTIAL_SUFFIX)


def sweep_partial_files(directory: Path, pattern: str = "*") -> None:
    """Remove what killed writers left; only for a folder in which nobody else writes now.

    Args:
        directory: where; a missing one has nothing to sweep.
        pattern: `*` looks into the folder alone, `**/*` below it too.
    """
    for path in directory.glob(pattern):
        if is_partial(path) and path.is_file():
            _remove_quietly(str(path))


def _remove_quietly(name: str) -> None:
    try:
        os.unlink(name)
    except FileNotFoundError:
        pass


def _cannot_write(path: Path, error: OSError) -> str:
    return f"A file must be writable in full: {path} was not ({error.strerror or error}). Free disk space or choose another folder."


def write_bytes(path: Path | str, data: bytes | memoryview) -> None:
    """Write `data` to `path`, whole or not at all."""
    with atomic_writer(path) as stream:
        stream.write(data)


def write_text(path: Path | str, text: str) -> None:
    """Write UTF-8 text to `path`, whole or not at all."""
    write_bytes(path, text.encode())


def write_json(path: Path | str, value: object) -> None:
    """Write `value` as indented JSON with sorted keys, whole or not at all. NaN is refused."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_json(path: Path | str) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: the file is missing, unreadable, or not a JSON object.
    """
    path = Path(path)
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise DataError(f"{path} must be a readable JSON file ({error.strerror or error}).") from error
    except ValueError as error:
        raise DataError(f"{path} must hold valid JSON ({error}). Restore or delete it.") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} must hold a JSON object; it holds a {type(value).__name__}.")
    return cast(dict[str, Any], value)


def sha256_of(path: Path | str) -> str:
    """Hex SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def safe_join(root: Path | str, relative: str) -> Path:
    """Join `relative` below `root`; the result, with links resolved, must lie inside it.

    Raises:
        DataError: the path is absolute, holds `..` or a NUL, or a link leads outside.
    """
    root = Path(root).resolve()
    if "\0" in relative or Path(relative).is_absolute() or ".." in Path(relative).parts:
        raise DataError(f"A path must stay inside {root}: got {relative!r}.")
    joined = (root / relative).resolve()
    if not joined.is_relative_to(root):
        raise DataError(f"A path must stay inside {root}: {relative!r} leads to {joined}.")
    return joined


def cache_dir() -> Path:
    """Where things are kept that can be made again: below XDG_CACHE_HOME, or ~/.cache."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(base) if base and Path(base).is_absolute() else Path.home() / ".cache"
    return root / "esl-inspector"
