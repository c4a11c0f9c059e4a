"""Finding the images of a folder and the lines of a list; what formats share."""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from esl.data.dataset import Sample
from esl.errors import DataError
from esl.images import IMAGE_SUFFIXES


def require_directory(path: Path, what: str) -> Path:
    """`path` if it is a folder.

    Raises:
        DataError: it is not; `what` begins the sentence, e.g. "GTA5's images".
    """
    if not path.is_dir():
        parent = next((p for p in path.parents if p.is_dir()), path)
        holds = ", ".join(sorted(p.name for p in parent.iterdir() if not p.name.startswith("."))[:8]) or "nothing"
        state = "is not a folder" if path.exists() else f"does not exist ({parent} holds {holds})"
        raise DataError(f"{what} must be a folder: {path} {state}. Check the data root and the split.")
    return path


def list_images(image_root: Path, suffixes: Sequence[str] = IMAGE_SUFFIXES, *, deep: bool = True) -> Iterator[str]:
    """Ids of the images below a folder: POSIX paths relative to it, sorted; hidden files are left out.

    Args:
        image_root: the folder.
        suffixes: endings in lower case that an image may have.
        deep: look into subfolders too.
    """
    found: list[str] = []
    waiting = [(str(image_root), "")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            raise DataError(f"A folder of images must be readable: {folder} is not ({error.strerror}).") from error
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.name.lower().endswith(tuple(suffixes)):
                found.append(prefix + entry.name)
            elif deep and entry.is_dir():
                waiting.append((entry.path, f"{prefix}{entry.name}/"))
    return iter(sorted(found))


def read_list(path: Path) -> list[str]:
    """Lines of a list file: one relative POSIX path a line, blank lines and `#` comments left out.

    Raises:
        DataError: unreadable, empty, or a line leads out of the folder.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"A list of images must be a readable text file: {path} is not ({error}).") from error
    names = [line for line in lines if line and not line.startswith("#")]
    for name in names:
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\0" in name:
            raise DataError(f"A list must name files below its folder: {path} has {name!r}.")
    if not names:
        raise DataError(f"A list of images must name some: {path} is empty.")
    return names


def pair(image_root: Path, image_ids: Iterator[str], label_path: Callable[[str], Path | None]) -> tuple[Sample, ...]:
    """Samples of images below `image_root`, with the label that `label_path` names for each id (not looked for)."""
    return tuple(
        Sample(image_id=image_id, image_path=image_root / image_id, label_path=label_path(image_id))
        for image_id in image_ids
    )
