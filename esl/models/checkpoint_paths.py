"""Where a checkpoint is: a file, a folder, or a run whose pointers name one. Nothing here opens weights or needs torch."""

import re
from pathlib import Path
from typing import Literal

from esl.errors import CheckpointError, DataError
from esl.files import PARTIAL_SUFFIX, safe_join

DEFAULT_NAME = "network.safetensors"


def resolve_checkpoint(path: Path | str, *, prefer: Literal["best", "latest"] = "best") -> Path:
    """The safetensors file that `path` stands for.

    Args:
        path: an `X.safetensors` (or its `X.json`), a checkpoint folder, or a run's folder, whose
            `checkpoints/BEST` and `checkpoints/LATEST` name a checkpoint.
        prefer: which of the two comes first in a run.

    Raises:
        CheckpointError: there is none there.
    """
    path = Path(path)
    if path.suffix == ".json":
        path = path.with_suffix(".safetensors")
    if path.is_file():
        if path.suffix != ".safetensors":
            raise CheckpointError(
                f"A checkpoint must be a .safetensors file or a folder with one; got {path}. "
                "Bring published .pth files in with import-weights."
            )
        return path
    if not path.is_dir():
        raise CheckpointError(f"A checkpoint must exist: there is nothing at {path}.")
    checkpoints = path / "checkpoints" if (path / "checkpoints").is_dir() else path
    for pointer in ("BEST", "LATEST") if prefer == "best" else ("LATEST", "BEST"):
        if (checkpoints / pointer).exists():
            return _single_file(follow_pointer(checkpoints, pointer))
    return _single_file(path)


def list_checkpoints(folder: Path | str) -> list[Path]:
    """Every checkpoint in a run, its `checkpoints` folder, or a folder of `.safetensors` files, by the numbers in their names.

    A step that was saved again has the same weights twice: only its last folder is one of them.

    Raises:
        CheckpointError: there is none.
    """
    folder = Path(folder)
    inside = folder / "checkpoints" if (folder / "checkpoints").is_dir() else folder
    kept = [p for p in inside.glob("step_[0-9]*") if p.is_dir() and not p.name.endswith(PARTIAL_SUFFIX)]
    found = kept or [p for p in inside.glob("*.safetensors") if p.with_suffix(".json").is_file()]
    if not found:
        raise CheckpointError(
            f"A folder of checkpoints must hold step_* folders or .safetensors files with their .json; {folder} has none."
        )
    ordered = sorted(found, key=lambda p: ([int(number) for number in re.findall(r"\d+", p.name)], p.name))
    return list({p.name.partition(".")[0]: p for p in ordered}.values()) if kept else ordered


def follow_pointer(checkpoints: Path, pointer: Literal["BEST", "LATEST"]) -> Path:
    """The checkpoint's folder that a run's `checkpoints/BEST` or `LATEST` names.

    Raises:
        CheckpointError: there is no such pointer, or nothing where it points.
    """
    marker = checkpoints / pointer
    if not marker.exists():
        raise CheckpointError(
            f"A run must keep its checkpoint for what builds on it: {checkpoints} has none ({pointer} is not there). Put it "
            "back, or begin in another folder."
        )
    if marker.is_dir():
        return marker
    try:
        target = safe_join(checkpoints, marker.read_text().strip())
    except (DataError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{marker} must name a checkpoint beside it ({error}).") from error
    if not target.exists() or target == checkpoints.resolve():
        raise CheckpointError(f"{marker} must name a checkpoint that exists; {target} does not.")
    return target


def _single_file(path: Path) -> Path:
    if path.is_file():
        return path
    found = sorted(f for f in path.glob("*.safetensors") if f.with_suffix(".json").is_file())
    default = path / DEFAULT_NAME
    if default in found or len(found) == 1:
        return default if default in found else found[0]
    names = ", ".join(f.name for f in found) or "none"
    raise CheckpointError(
        f"A checkpoint folder must hold {DEFAULT_NAME} or exactly one .safetensors with its JSON; {path} holds {names}."
    )
