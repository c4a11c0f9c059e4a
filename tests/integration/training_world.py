"""Tiny streets in CamVid's layout and a config that trains on them in a second."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from esl.config import (
    AugmentConfig,
    DataConfig,
    MethodConfig,
    NetworkConfig,
    SelectionConfig,
    TrainConfig,
)

SIZE = (32, 48)
_VIEW = AugmentConfig(crop=(32, 32), flip=True, gamma=0.2, gain=0.1)


def make_world(root: Path) -> Path:
    """Six day frames, four more of day to select on, four of dusk whose labels are no PNGs at all."""
    rng = np.random.default_rng(5)
    for folder in ("images", "labels", "lists"):
        (root / folder).mkdir(parents=True)
    for split, count, light in (("day_train", 6, 1.0), ("day_test", 4, 1.0), ("dusk_train", 4, 0.5)):
        names = [f"{split}_{i}" for i in range(count)]
        (root / "lists" / f"{split}.txt").write_text("\n".join(names) + "\n")
        for name in names:
            label = np.full(SIZE, 3, np.uint8)
            label[: int(rng.integers(8, 20))] = 0
            label[10:24, : int(rng.integers(8, 24))] = 1
            colors = rng.integers(0, 30, (11, 3)) + np.array([[20 * c, 255 - 20 * c, 60 + 15 * c] for c in range(11)])
            image = np.clip(light * colors[label] + rng.normal(0, 4, (*SIZE, 3)), 0, 255).astype(np.uint8)
            cv2.imwrite(str(root / "images" / f"{name}.png"), image)
            cv2.imwrite(str(root / "labels" / f"{name}.png"), label)
            if split == "dusk_train":
                (root / "labels" / f"{name}.png").write_text("target labels are never opened")
    return root


def tiny_config(root: Path, **changes: Any) -> TrainConfig:
    """Source-only on the tiny world; six steps."""
    config = TrainConfig(
        class_set="camvid11",
        source=DataConfig(dataset="camvid", root=root, split="day_train", size=SIZE, augment=_VIEW),
        target=DataConfig(dataset="camvid", root=root, split="dusk_train", size=SIZE, augment=_VIEW),
        network=NetworkConfig(
            backbone="mobilenet_v2", multi_level=False, input_normalisation="symmetric", output_stride=16, batch_norm="frozen"
        ),
        method=MethodConfig(discriminator_width=4),
        selection=SelectionConfig(data=DataConfig(dataset="camvid", root=root, split="day_test", size=SIZE), every=3),
        steps=6, schedule_steps=12, batch_size=1, lr=1e-3, log_every=2, save_every=2, precision="fp32",
    )  # fmt: skip
    return replace(config, **changes)


def weights_of(run: Path) -> dict[str, bytes]:
    """Bytes of every tensor file of the newest checkpoint."""
    folder = run / "checkpoints" / (run / "checkpoints" / "LATEST").read_text().strip()
    return {p.name: p.read_bytes() for p in sorted(folder.glob("*.safetensors"))}


def metrics_of(run: Path) -> list[dict[str, Any]]:
    """Lines of metrics.jsonl without wall times."""
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("rate", "seconds")} for line in lines]
