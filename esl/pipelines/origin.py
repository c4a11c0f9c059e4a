"""Which checkpoint a store was predicted with, and whether that checkpoint has changed since.

The store's manifest holds the weights' hash and so names the store; the checkpoint's path is noted beside it, since it
says nothing about the logits.
"""

from pathlib import Path

from esl.errors import CheckpointError, DataError
from esl.files import read_json, write_json
from esl.models.checkpoint_paths import resolve_checkpoint
from esl.store.predictions import PredictionStore

ORIGIN_NAME = "origin.json"


def note_origin(store_dir: Path | str, checkpoint: Path | str) -> None:
    """Write beside a store what its network was loaded from: a file, a folder or a run."""
    write_json(Path(store_dir) / ORIGIN_NAME, {"checkpoint": str(Path(checkpoint).absolute())})


def origin_of(store_dir: Path | str) -> Path | None:
    """What `note_origin` wrote; None where nobody did, or it cannot be read."""
    try:
        return Path(str(read_json(Path(store_dir) / ORIGIN_NAME)["checkpoint"]))
    except (DataError, KeyError):
        return None


def stale_sentence(store: PredictionStore, checkpoint: Path) -> str:
    """Why the store no longer shows the checkpoint's network, or an empty string.

    A checkpoint that is gone is no reason: what was predicted with it stays what it was.
    """
    made_with = str(store.manifest.model.get("sha256", ""))
    now = weights_hash(checkpoint)
    if not made_with or not now or made_with == now:
        return ""
    return (
        f"These maps are of the weights {made_with[:8]}; the checkpoint {checkpoint.name} has changed since "
        f"and holds {now[:8]}."
    )


def weights_hash(checkpoint: Path) -> str:
    """The hash that the checkpoint's JSON names, or an empty string; no weights are opened for it."""
    try:
        return str(read_json(resolve_checkpoint(checkpoint).with_suffix(".json")).get("sha256", ""))
    except (CheckpointError, DataError):
        return ""
