"""A small store of random logits, and ground truth from nowhere."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esl.classes import CITYSCAPES_7
from esl.store.manifest import StoreManifest
from esl.store.predictions import PredictionStore

IDS = ("a/x.jpg", "a/x.png", "b/x.png", "c.png")
MAP_SIZE = (24, 40)


def logits(image_id: str) -> NDArray[np.float32]:
    rng = np.random.default_rng(sum(image_id.encode()))
    return (rng.normal(size=(7, 4, 6)) * 4).astype(np.float32)


def fill_store(
    directory: Path,
    ids: tuple[str, ...] = IDS,
    written: int | None = None,
    split: str = "train",
    label_format: str = "cityscapes",
) -> PredictionStore:
    manifest = StoreManifest(
        dataset="folder", root=str(directory / "gone"), split=split, class_set=CITYSCAPES_7, image_ids=ids,
        map_size=MAP_SIZE, logits_shape=(7, 4, 6), label_format=label_format, model={"name": "fake"},
    )  # fmt: skip
    with PredictionStore.create(directory, manifest) as store:
        for image_id in ids[:written]:
            if not store.has(image_id):
                store.write(image_id, logits(image_id))
        store.finish()
    return store


class FakeLabels:
    """Ground truth from a function; counts how often it is opened."""

    def __init__(self, missing: tuple[str, ...] = ()) -> None:
        self.missing, self.opened, self.stamp = missing, 0, 1

    def has_label(self, image_id: str) -> bool:
        return image_id not in self.missing

    def label_stamp(self, image_id: str) -> tuple[int, int]:
        return self.stamp, int(self.has_label(image_id))

    def label(self, image_id: str) -> NDArray[np.uint8]:
        self.opened += 1
        rng = np.random.default_rng(len(image_id))
        label = rng.integers(0, 7, MAP_SIZE).astype(np.uint8)
        label[:2] = 255
        return label
