"""The weights that trainings start from: a run goes on with its own, and those of an experiment or a study share theirs.

They are known by the sha256 of their file, wherever it lies.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from esl.config import TrainConfig, config_from_json
from esl.errors import CheckpointError, ConfigError
from esl.files import read_json, sha256_of
from esl.models.checkpoint_paths import resolve_checkpoint
from esl.store.runs import RunDirectory
from esl.training.checkpoint import has_checkpoints


def init_weights_digest(config: TrainConfig) -> str:
    """Hex sha256 of the file that a training starts from; empty for random weights.

    Raises:
        CheckpointError: there is no such file.
    """
    if config.init_weights == Path():
        return ""
    if config.init_part == "backbone":  # any file, also a published one; a checkpoint's folder starts whole networks
        file = config.init_weights
        if not file.is_file():
            raise CheckpointError(f"Initial weights must exist: there is no file {file}.")
    else:
        file = resolve_checkpoint(config.init_weights, prefer="latest")
    return sha256_of(file)


def recorded_start(run: RunDirectory) -> str | None:
    """Digest of the weights that a run started from, empty for random ones; None without a run or in older ones."""
    record: dict[str, Any] = read_json(run.config_path) if run.exists else {}
    # Runs of earlier versions recorded the path alone.
    is_random = record.get("config", {}).get("init_weights") == ""
    digest: str | None = record.get("data", {}).get("init_weights", "" if is_random else None)
    return digest


def held_to_its_start(config: TrainConfig, run: RunDirectory) -> tuple[TrainConfig, dict[str, Any]]:
    """The config with the weights that the run starts from or, where it has a checkpoint, once started from.

    Weights that were used are not read again: they may have moved, and another path changes nothing.

    Returns:
        The config to train and record, and what its data are known by beside `digests_of`: `init_weights`, where there are any.

    Raises:
        CheckpointError: the run has no checkpoint yet and the weights are others than at its start, or are not there.
    """
    recorded = recorded_start(run)
    before = config_from_json(read_json(run.config_path)["config"]).init_weights if run.exists else config.init_weights
    if run.exists and has_checkpoints(run.checkpoints_dir):
        return replace(config, init_weights=before), {"init_weights": recorded} if recorded else {}
    digest = init_weights_digest(config)
    if recorded not in (None, digest):
        raise CheckpointError(
            f"A run must go on with the weights it was started with; {run.path} began with {_in_words(recorded, before)}, "
            f"this is {_in_words(digest, config.init_weights)}. Give the old ones as --init-weights, or use another --run."
        )
    return config, {"init_weights": digest} if digest else {}


def require_same_start(config: TrainConfig, others: Mapping[Path, str | None]) -> str:
    """Hold a training that is about to begin to the weights that those beside it started from; returns their digest.

    Args:
        config: of the training.
        others: what they left -> digest of the weights they started from, empty for random ones; None where not known.

    Raises:
        ConfigError: it would start from other ones.
        CheckpointError: the weights are not there.
    """
    own = init_weights_digest(config)
    for where, digest in others.items():
        if digest not in (None, own):
            raise ConfigError(
                f"Trainings that are compared must start from the same weights: {where} started from {_in_words(digest)}, "
                f"this one would from {_in_words(own, config.init_weights)}. Name the same --init-weights as there, or "
                "begin in other folders."
            )
    return own


def _in_words(digest: str, path: Path = Path()) -> str:
    if not digest:
        return "random weights"
    return f"weights of sha256 {digest[:12]}" if path == Path() else f"{path} (sha256 {digest[:12]})"
