"""How a store's folder is begun and finished: by one process at a time, in a folder that holds nothing else."""

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from esl.errors import DataError
from esl.files import PARTIAL_SUFFIX


@contextmanager
def sole_creator(directory: Path) -> Iterator[None]:
    """Make the folder and hold it: ranks that start together find the store that the first of them made.

    Raises:
        DataError: it is a file, or cannot be made.
    """
    if directory.exists() and not directory.is_dir():
        raise DataError(f"A store must be a folder; {directory} is a file. Name another --store.")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        handle = os.open(directory, os.O_RDONLY)
    except OSError as error:
        raise DataError(
            f"A store needs a folder that can be written: {directory} ({error.strerror or error}). Name another --store."
        ) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextmanager
def sole_finisher(manifest: Path) -> Iterator[None]:
    """Hold a finished store while it is tidied up: of several ranks that see the last image, one at a time."""
    with open(manifest, "rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def refuse_foreign_files(directory: Path, own: Collection[str]) -> None:
    """A new store's folder may hold `own` files of a beginning that was cut short, and half-written ones; nothing else.

    Raises:
        DataError: it holds something else.
    """
    names = [path.name for path in directory.iterdir()]
    foreign = [name for name in names if name not in own and not name.endswith(PARTIAL_SUFFIX)]
    if foreign:
        raise DataError(
            f"A new store needs a new or empty folder; {directory} holds {', '.join(sorted(foreign)[:3])}. "
            "Name another --store."
        )
