"""What a run directory records of its beginning, and what a resume is held to."""

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from esl.config import TrainConfig, config_differences, config_from_json, config_hash
from esl.config.translation import TranslationConfig
from esl.data.dataset import PairDataset
from esl.errors import CheckpointError, ConfigError, EslError
from esl.files import read_json
from esl.models.device import resolve_device, resolve_precision
from esl.store.runs import RunDirectory
from esl.training.class_balanced import ClassBalancedPseudoLabels
from esl.training.pseudo_labels import FolderPseudoLabels, StoredPseudoLabels

Accelerator = Literal["auto", "cpu", "cuda"]
PseudoLabels = StoredPseudoLabels | FolderPseudoLabels | ClassBalancedPseudoLabels


def resolve(
    config: TrainConfig | TranslationConfig, run: RunDirectory, accelerator: Accelerator, ranks: int
) -> dict[str, Any]:
    """Device, precision and ranks: decided at the first start, and kept (decision 18)."""
    device = resolve_device(accelerator)
    fresh: dict[str, Any] = {
        "accelerator": device,
        "precision": resolve_precision(config.precision, device),
        "world_size": ranks,
    }
    if not run.exists:
        return fresh
    recorded: dict[str, Any] = read_json(run.config_path)["resolved"]
    if accelerator == "auto" and recorded["accelerator"] != device:
        resolve_device(recorded["accelerator"])
        fresh |= {"accelerator": recorded["accelerator"]}
    if config.precision == "auto":
        fresh |= {"precision": recorded["precision"]}
    resolve_precision(fresh["precision"], fresh["accelerator"])
    return fresh


def refuse_changed_settings(config: TrainConfig, run: RunDirectory, resolved: dict[str, Any]) -> None:
    """Hold a resume to the settings that the run was started with.

    Raises:
        ConfigError: a setting, the device, the precision or the number of ranks differs; with each difference.
    """
    record = read_json(run.config_path)
    changed = config_differences(config_from_json(record["config"]), config)
    changed += [f"{k}: {v} -> {resolved[k]}" for k, v in record["resolved"].items() if resolved.get(k) != v]
    if changed:
        raise ConfigError(
            f"A run must go on with the settings it was started with; {run.path} differs in {'; '.join(changed)}. Use "
            "the old values, or another --run."
        )


def refuse_changed_data(run: RunDirectory, data: dict[str, Any]) -> None:
    """Hold a resume to the images and pseudo-labels that the run was started with.

    Raises:
        CheckpointError: they differ.
    """
    recorded = read_json(run.config_path)["data"]
    changed = [f"{k}: {recorded.get(k)} -> {v}" for k, v in data.items() if recorded.get(k) != v]
    if changed:
        raise CheckpointError(
            f"A run must go on with the images and pseudo-labels it was started with; the list changed "
            f"({'; '.join(changed)}). Restore the files, or say --allow-data-change to go on without exact repeatability."
        )


def digests_of(source: PairDataset, target: PairDataset | None, labels: PseudoLabels | None) -> dict[str, Any]:
    """What the images and labels of a run are known by."""

    def digest(pairs: PairDataset) -> dict[str, Any]:
        ids = hashlib.sha256("\n".join(pairs.image_ids).encode()).hexdigest()[:16]
        return {"images": len(pairs.image_ids), "ids": ids}

    found: dict[str, Any] = {"source": digest(source)}
    if target is not None:
        found["target"] = digest(target)
    if labels is not None:
        found["pseudo_labels"] = labels.digest
    return found


def facts_of(config: TrainConfig, resolved: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """What every checkpoint says of its run."""
    chosen_on = config.selection.data
    provenance = {
        "preset": config.preset,
        "method": config.method.name,
        "seed": config.seed,
        "pseudo_labels": config.pseudo_labels.source
        if config.pseudo_labels.source == "none"
        else config.pseudo_labels.criterion,
        "chosen_on": f"{chosen_on.dataset} {chosen_on.split}" if chosen_on else "last checkpoint",
        "chosen_on_target_labels": config.selection.allow_target_labels,
        "input_size": list(config.source.size),
        **versions(),
    }
    return {"config_hash": config_hash(config), "data": data, "resolved": resolved, "provenance": provenance}


def versions() -> dict[str, str]:
    """Software that made the run."""
    return {"torch": version("torch"), "python": platform.python_version(), "commit": _commit()}


def _commit() -> str:
    where = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"], cwd=where, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


_WRITE_TRIES = 8


def is_first_process() -> bool:
    """Whether this is rank 0, asked before ranks have met: by what launchers put into the environment."""
    names = ("RANK", "SLURM_PROCID") if "RANK" in os.environ else ("LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
    return all(os.environ.get(name, "0") == "0" for name in names)


@contextmanager
def failures_recorded(run: RunDirectory, is_first: bool) -> Iterator[None]:
    """A run that ends with an error says so in its status."""
    try:
        yield
    except BaseException as error:
        if is_first:
            record_failure(run, str(error) if isinstance(error, EslError) else f"{type(error).__name__}: {error}")
        raise


def record_loss(run: RunDirectory, said: str) -> None:
    """Say why this process ends, where its main thread cannot, and note it in the run's status."""
    print(said, file=sys.stderr, flush=True)
    if is_first_process():
        record_failure(run, said)


def record_failure(run: RunDirectory, said: str) -> None:
    """Note in the status of a run that has begun what ended it, if that can be written at all."""
    if not run.exists:
        return
    for _ in range(_WRITE_TRIES):
        try:
            run.write_status(replace(run.status(), state="failed", message=said, phase=""))
            return
        except EslError:
            return  # a full disk cannot take the note either; the first error is the one to see
        except RuntimeError:
            continue  # torch's signal handler reports a dead loading process into whatever runs just then
