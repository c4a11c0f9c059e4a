"""Stores for the viewer's benchmark: synthetic streets with photos and labels, written through the public store API."""

import os
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from esl.classes import CLASS_SETS, IGNORE
from esl.images import write_png
from esl.store.predictions import PredictionStore, StoreManifest

CLASSES = CLASS_SETS["cityscapes19"]
_BAND = np.asarray(
    [0.8, 0.75, 0.4, 0.5, 0.55, 0.5, 0.35, 0.4, 0.3, 0.7, 0.1, 0.6, 0.6, 0.7, 0.6, 0.55, 0.55, 0.65, 0.65]
)
"""Where each class stands, from the top (0) to the bottom (1): roads below, sky above."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What a store shall hold; more images than scenes repeat them, photos and labels as links to one file."""

    map_size: tuple[int, int]
    num_images: int
    num_scenes: int
    dtype: str = "float32"

    @property
    def logits_size(self) -> tuple[int, int]:
        """(h, w) of a network with stride 8."""
        return self.map_size[0] // 8 + 1, self.map_size[1] // 8 + 1


def write_store(root: Path, world: World) -> Path:
    """Write photos, labels and a complete store below `root`; returns the store's folder."""
    names = tuple(f"city/{k:05d}.png" for k in range(world.num_images))
    scenes = [_scene(k, world) for k in range(world.num_scenes)]
    manifest = StoreManifest(
        dataset="folder",
        root=str(root / "data"),
        split="all",
        class_set=CLASSES,
        image_ids=names,
        map_size=world.map_size,
        logits_shape=(CLASSES.num_classes, *world.logits_size),
        logits_type="float16" if world.dtype == "float16" else "float32",
        model={"name": "synthetic streets"},
    )
    for folder in ("images", "labels"):
        (root / "data" / folder / "city").mkdir(parents=True)
    (root / "data" / "dataset.toml").write_text('class_set = "cityscapes19"\n')
    with PredictionStore.create(root / "store", manifest) as store:
        for k, name in enumerate(names):
            logits, label, photo = scenes[k % len(scenes)]
            _file(root / "data" / "images", names, k, len(scenes), photo)
            _file(root / "data" / "labels", names, k, len(scenes), label)
            store.write(name, logits)
        store.finish()
    return root / "store"


def made(folder: Path, world: World) -> Path:
    """The store of a world, written unless it is there."""
    if not (folder / "done").exists():
        write_store(folder, world)
        (folder / "done").touch()
    return folder / "store"


def _file(folder: Path, names: tuple[str, ...], k: int, num_scenes: int, picture: NDArray[np.uint8]) -> None:
    if k < num_scenes:
        write_png(folder / names[k], picture)
    else:
        os.link(folder / names[k % num_scenes], folder / names[k])


def _scene(seed: int, world: World) -> tuple[NDArray[np.float32], NDArray[np.uint8], NDArray[np.uint8]]:
    """Logits (C, h, w), truth (H, W) and photo (H, W, 3); the network errs mostly near borders, and is unsure there."""
    rng = np.random.default_rng(seed)
    height, width = world.logits_size
    scale = height / 129
    rows = np.linspace(0, 1, height)[:, None]
    field = np.stack(
        [2.4 * _smooth(rng, height, width, 9 * scale) - 14 * (rows - band) ** 2 + rng.normal(0, 0.3) for band in _BAND]
    ).astype(np.float32)
    fine = np.stack([_smooth(rng, height, width, 1.5 * scale) for _ in _BAND]).astype(np.float32)
    logits = 5.0 * field + 1.6 * fine
    size = (world.map_size[1], world.map_size[0])
    truth = np.stack([cv2.resize(channel, size, interpolation=cv2.INTER_LINEAR) for channel in field]).argmax(axis=0)
    label = truth.astype(np.uint8)
    label[-(world.map_size[0] // 12) :] = IGNORE  # the bonnet
    photo = np.asarray(CLASSES.palette(), np.int16)[truth]
    photo = photo + rng.integers(-20, 21, (*world.map_size, 1), np.int16)
    return logits, label, np.clip(photo, 0, 255).astype(np.uint8)


def _smooth(rng: np.random.Generator, height: int, width: int, sigma: float) -> NDArray[np.float64]:
    noise = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), max(0.8, sigma))
    return np.asarray(noise / noise.std())
