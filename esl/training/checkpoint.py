"""Checkpoints that are whole or not there (decision 13).

    checkpoints/
      step_000200/            a folder takes this name only when all is written and synced
        model.safetensors     weights under published names, model.json beside it: opens like any checkpoint
        disc_main.safetensors
        optim.safetensors     optimisers' tensors by parameter name
        state.json            step, scores, counters, config and data digests
        manifest.json         sha256 and size of each file
      LATEST  BEST            name of a folder

The newest, the one before it (should the newest be damaged later) and the best are kept, and more where the run says so. A resume takes the newest folder whose manifest holds, says so where it is not the newest, and sweeps partial ones.
"""

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor, nn
from torch.optim import Optimizer

from esl.errors import CheckpointError, DataError
from esl.files import PARTIAL_SUFFIX, fsync_directory, read_json, sha256_of, write_bytes, write_json, write_text
from esl.models.weights import NetworkInfo, save_network

LATEST, BEST = "LATEST", "BEST"
_PATTERN = "step_[0-9]*"


def checkpoint_name(step: int) -> str:
    """Folder of the checkpoint after `step` updates."""
    return f"step_{step:06d}"


def save_checkpoint(
    root: Path,
    step: int,
    *,
    network: nn.Module,
    info: NetworkInfo,
    tensors: Mapping[str, Mapping[str, Tensor]],
    state: Mapping[str, Any],
    is_best: bool,
    keep: int = 2,
) -> Path:
    """Write one checkpoint and point LATEST (and BEST) at it; then drop those that are neither.

    Args:
        root: the run's `checkpoints` folder.
        step: updates done.
        network: goes to `model.safetensors` with `info` beside it.
        info: what the network is.
        tensors: other files, by name without `.safetensors`.
        state: plain values for `state.json`.
        is_best: whether BEST shall name it.
        keep: of how many steps the newest stay, this one among them.

    Raises:
        DataError: it cannot be written; the checkpoints before it are as they were.
    """

    def keep_network(folder: Path) -> None:
        save_network(folder / "model.safetensors", network, info)

    return write_checkpoint(root, step, keep_network, tensors=tensors, state=state, is_best=is_best, keep=keep)


def write_checkpoint(
    root: Path,
    step: int,
    write_networks: Callable[[Path], None],
    *,
    tensors: Mapping[str, Mapping[str, Tensor]],
    state: Mapping[str, Any],
    is_best: bool = False,
    keep: int = 2,
) -> Path:
    """`save_checkpoint` for any players: `write_networks` puts their files into the folder that it is given."""
    final = _unused(root / checkpoint_name(step))
    partial = final.with_name(final.name + PARTIAL_SUFFIX)
    try:
        root.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        write_networks(partial)
        for name, values in tensors.items():
            write_bytes(
                partial / f"{name}.safetensors", save({k: v.detach().cpu().contiguous() for k, v in values.items()})
            )
        write_json(partial / "state.json", {**state, "step": step})
        files = {p.name: {"bytes": p.stat().st_size, "sha256": sha256_of(p)} for p in sorted(partial.iterdir())}
        write_json(partial / "manifest.json", {"files": files})
        os.replace(partial, final)
        fsync_directory(root)
    except OSError as error:
        raise DataError(
            f"A checkpoint must be writable in full: {final} was not ({error.strerror or error}). Free disk space and "
            "run the same command again; the checkpoint before it is whole."
        ) from error
    point_at(final, is_best=is_best)
    _drop_others(root, keep)
    return final


def point_at(folder: Path, *, is_best: bool) -> None:
    """Let LATEST (and BEST) name a checkpoint, unless they do.

    A resume does it for the one that it goes on from: its run may have been killed between the folder and the pointers.
    """
    for pointer in (BEST, LATEST) if is_best else (LATEST,):
        if _pointed(folder.parent, pointer) != folder.name:
            write_text(folder.parent / pointer, folder.name + "\n")


def _unused(final: Path) -> Path:
    """`final`, or a name that sorts right behind its step's: a whole checkpoint is never deleted to make room for its own step."""
    ends = [again for step, again in map(_parts, _folders(final.parent)) if step == final.name]
    last = max((int(again) for again in ends if again.isdigit()), default=0)
    return final.with_name(f"{final.name}.{last + 1}") if ends else final


def _drop_others(root: Path, keep: int) -> None:
    """Keep the newest ones, each of another step, and the best."""
    folders = _folders(root)
    last_of_step = {_parts(folder)[0]: folder.name for folder in reversed(folders)}
    kept = {_pointed(root, BEST), *list(last_of_step.values())[-keep:]}
    for folder in folders:
        if folder.name not in kept:
            shutil.rmtree(folder, ignore_errors=True)


def _folders(root: Path) -> list[Path]:
    """Finished checkpoints, newest first."""
    found = (p for p in root.glob(_PATTERN) if p.is_dir() and not p.name.endswith(PARTIAL_SUFFIX))
    return sorted(found, key=_age, reverse=True)


def _age(folder: Path) -> tuple[int, str, int, str]:
    step, again = _parts(folder)
    return len(step), step, len(again), again  # 1000000 after 999999


def _parts(folder: Path) -> tuple[str, str]:
    """`step_000200.1`, the second folder of a step -> `step_000200` and `1`."""
    step, _, again = folder.name.partition(".")
    return step, again


def _pointed(root: Path, pointer: str) -> str:
    return (root / pointer).read_text().strip() if (root / pointer).is_file() else ""


def sweep_partial(root: Path) -> None:
    """Remove what an interrupted save left."""
    for folder in root.glob(f"{_PATTERN}{PARTIAL_SUFFIX}"):
        shutil.rmtree(folder, ignore_errors=True)


def newest_checkpoint(root: Path, say: Callable[[str], None]) -> Path | None:
    """The newest checkpoint that is whole, or None where there is none yet; damaged ones are reported with `say`.

    Raises:
        CheckpointError: there are checkpoints, and every one is damaged.
    """
    folders = _folders(root)
    faults = []
    for folder in folders:
        fault = damage_of(folder)
        if not fault:
            return folder
        faults.append(f"{folder.name}: {fault}")
        say(f"Checkpoint {folder.name} is damaged ({fault}); the one before it is used.")
    if folders:
        raise CheckpointError(
            f"A run must have one whole checkpoint to go on; all in {root} are damaged ({'; '.join(faults)}). Restore "
            "one from a backup, or start a new run."
        )
    return None


def has_checkpoints(root: Path) -> bool:
    """Whether a run has saved anything, be it damaged or not."""
    return bool(_folders(root))


def damage_of(folder: Path) -> str:
    """What is wrong with a checkpoint's files by its manifest; empty when nothing is."""
    try:
        files = read_json(folder / "manifest.json")["files"]
        for name, facts in files.items():
            if not (folder / name).is_file():
                return f"{name} is missing"
            if (folder / name).stat().st_size != facts["bytes"] or sha256_of(folder / name) != facts["sha256"]:
                return f"{name} does not have the recorded sha256"
    except (DataError, KeyError, OSError) as error:
        return f"its manifest cannot be used: {error}"
    return ""


def optimizer_tensors(optimizer: Optimizer, names: Mapping[Tensor, str]) -> dict[str, Tensor]:
    """The optimiser's state as `parameter/slot` tensors. Learning rates are not state: the step gives them."""
    out: dict[str, Tensor] = {}
    for parameter, slots in optimizer.state.items():
        for slot, value in slots.items():
            if value is not None:
                out[f"{names[parameter]}/{slot}"] = torch.as_tensor(value)
    return out


def load_optimizer_tensors(optimizer: Optimizer, names: Mapping[Tensor, str], tensors: Mapping[str, Tensor]) -> None:
    """Put back what `optimizer_tensors` took out; the order of parameters in memory plays no part.

    A value that belongs to every weight lies in memory as the weights do, or the optimiser would take its slow way.
    """
    by_name = {name: parameter for parameter, name in names.items()}
    for key, value in tensors.items():
        name, _, slot = key.rpartition("/")
        parameter = by_name[name]
        on_host = slot == "step"  # Adam counts on the host
        slots = optimizer.state[parameter]
        if value.shape == parameter.shape and not on_host:
            slots[slot] = torch.empty_like(parameter, dtype=value.dtype, requires_grad=False).copy_(value)
        else:
            slots[slot] = value.clone() if on_host else value.to(parameter.device, copy=True)
