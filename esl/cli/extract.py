"""`extract`: images through a network into a prediction store."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from esl.cli.terminal import optional, parse, show, tell
from esl.errors import ConfigError
from esl.progress import ProgressLine, no_progress


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    return parse("extract", extract, arguments)


def extract(
    checkpoint: Path,
    dataset: str,
    split: str,
    store: Path,
    data_root: Path = Path(),
    size: tuple[int, int] | None = None,
    interpolate: Literal["probs", "logits"] = "probs",
    class_set: str = "",
    label_format: str = "",
    device: Literal["auto", "cpu", "cuda"] = "auto",
    precision: Literal["auto", "fp32", "bf16"] = "auto",
    batch_size: int = 1,
    rank: int = 0,
    world: int = 0,
    json: bool = False,
) -> int:
    """Predict every image of a split once. Labels stay closed. Stopped or killed, the same command goes on.

    Args:
        checkpoint: .safetensors file, checkpoint folder, or run directory.
        dataset: demo, cityscapes, gta5, synthia, mapillary, camvid or folder.
        split: which part of the data set.
        store: the store's folder; new, or one that this command began.
        data_root: the data set's folder.
        size: height and width of the network's input and of all maps; by default the store's if it was begun, else what the checkpoint was trained on.
        interpolate: probs makes probabilities first and resizes them, as BDL and ESL do; logits is the other order.
        class_set: a built-in class set; by default the data set's own.
        label_format: what the ids in the label files mean, where the data set leaves a choice; for a later audit.
        device: auto takes CUDA where there is one.
        precision: auto takes bf16 where the device has it.
        batch_size: images per forward pass.
        rank: this process's number, where several share one store.
        world: how many processes share it; 0 takes this and rank from torchrun or srun, where one started them.
        json: print the result as JSON.
    """
    if world == 0 and rank != 0:
        raise ConfigError("--rank is a number among --world processes: add --world.")
    from esl.data.opening import open_dataset
    from esl.pipelines.extract import extract as fill_store
    from esl.pipelines.ranks import launched_share

    if world == 0:
        rank, world = launched_share(device=device)
    images = open_dataset(dataset, optional(data_root), split, class_set or None, label_format=label_format or None)
    start = time.monotonic()
    filled = fill_store(
        checkpoint,
        images,
        store,
        size=size,
        interpolate=interpolate,
        precision=precision,
        device=device,
        batch_size=batch_size,
        progress=ProgressLine("extract") if rank == 0 else no_progress,
        say=tell if rank == 0 else lambda message: None,
        rank=rank,
        world=world,
    )
    manifest = filled.manifest
    result = {
        "store": str(filled.directory),
        "store_hash": filled.store_hash,
        "images": filled.num_done,
        "is_complete": filled.is_complete,
        "map_size": list(manifest.map_size),
        "precision": manifest.precision,
        "device": manifest.device,
        "seconds": round(time.monotonic() - start, 2),
    }
    show(result, as_json=json)
    return 0
