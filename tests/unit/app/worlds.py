"""Small stores for the app's tests: logits written from NumPy, photos and labels in a `folder` data set."""

import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.library import Library
from esl.classes import IGNORE, ClassSet
from esl.images import write_png
from esl.store.predictions import PredictionStore, StoreManifest

MAP_SIZE = (48, 96)
NAMES = ("a/one.png", "a/two.png", "b/${alert(1)}<img src=x onerror=alert(1)>.png")


TINY = ClassSet(
    name="tiny5",
    names=("road", "walk way", "house", "pole", "sky"),
    colors=((128, 64, 128), (244, 35, 232), (70, 70, 70), (153, 153, 153), (70, 130, 180)),
    label_formats={"train_ids": {**{c: c for c in range(5)}, IGNORE: IGNORE}},
)
"""Five classes: a store's histograms are then small, and tests quick."""
_DESCRIPTION = 'classes = ["road", "walk way", "house", "pole", "sky"]\n'


def logits_of(seed: int, confidence: float = 4.0) -> NDArray[np.float32]:
    """(5, 7, 13) with a few classes in vertical bands and noise at their borders."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 1.2, (5, 7, 13)).astype(np.float32)
    for x in range(13):
        logits[(x // 4 + seed) % 5, :, x] += confidence
    return logits


def make_store(
    root: Path, *, has_labels: bool = True, done: int = 3, names: tuple[str, ...] = NAMES, name: str = "store"
) -> PredictionStore:
    """A store over `root/data`, with its first `done` images written."""
    for k, image_id in enumerate(names):
        rng = np.random.default_rng(100 + k)
        write_png(root / "data" / "images" / image_id, rng.integers(0, 256, (*MAP_SIZE, 3)).astype(np.uint8))
        if has_labels:
            label = ((np.arange(MAP_SIZE[1]) * 13 // MAP_SIZE[1]) // 4 + k) % 5
            truth = np.repeat(label[None].astype(np.uint8), MAP_SIZE[0], 0)
            truth[-6:] = IGNORE
            write_png(root / "data" / "labels" / image_id, truth)
    (root / "data" / "dataset.toml").write_text(_DESCRIPTION)
    manifest = StoreManifest(
        dataset="folder",
        root=str(root / "data"),
        split="all",
        class_set=TINY,
        image_ids=names,
        map_size=MAP_SIZE,
        logits_shape=(5, 7, 13),
        model={"name": "tiny", "sha256": "0" * 64},
    )
    with PredictionStore.create(root / name, manifest) as store:
        for k, image_id in enumerate(names[:done]):
            store.write(image_id, logits_of(k))
        store.finish()
    return store


def rewrite_store(store: PredictionStore) -> None:
    """Another network's logits under the same manifest, in a store written anew at the same place."""
    shutil.rmtree(store.directory)
    with PredictionStore.create(store.directory, store.manifest) as again:
        for k, image_id in enumerate(again.image_ids):
            again.write(image_id, logits_of(k + 1))
        again.finish()


def flip_bit(store: PredictionStore, i: int) -> Path:
    """Damage the chunk of image `i`."""
    chunk = store.directory / "logits.zarr" / f"c.{i}.0.0.0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    return chunk


def make_library(root: Path) -> Library:
    """A library whose folders all lie below `root`."""
    return Library(
        roots=(root,),
        exports_dir=root / "exports",
        state_dir=root / "state",
        cache_dir=root / "cache",
        stores_dir=root / "stores",
    )
