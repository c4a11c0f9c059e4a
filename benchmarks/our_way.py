"""Pseudo-label extraction as this library does it: images to a prediction store, histograms and thresholds."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esl.classes import CITYSCAPES_19, ClassSet
from esl.data.transforms import resize_image
from esl.images import read_image
from esl.labeling.thresholds import ThresholdRule, Thresholds, class_thresholds
from esl.models.predictor import Predictor
from esl.pipelines.extract import extract as fill_store
from esl.store.predictions import PredictionStore


@dataclass(frozen=True)
class Files:
    """Image files as extraction asks for them (`esl.pipelines.extraction_inputs.ImageSource`)."""

    root: Path
    image_ids: Sequence[str]
    """Names of files in `root`."""
    name: str = "folder"
    split: str = "all"
    class_set: ClassSet = CITYSCAPES_19
    label_format: str = "train_ids"

    def read_image(self, image_id: str) -> NDArray[np.uint8]:
        """(H, W, 3) RGB."""
        return read_image(self.root / image_id)

    def read_input(self, image_id: str, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """(height, width, 3) RGB, all of it image."""
        return resize_image(self.read_image(image_id), size), size


def extract(paths: Sequence[Path], size: tuple[int, int], predictor: Predictor, folder: Path) -> Thresholds:
    """Thresholds of each class from the whole set of files of one folder; the logits are durably in a store at `folder`."""
    if folder.exists():
        # What the logits' size is costs a forward pass: nothing beside thousands of images, but a third beside three.
        manifest = PredictionStore.open(folder).manifest
        shutil.rmtree(folder)
        PredictionStore.create(folder, manifest).close()
    images = Files(paths[0].parent, tuple(path.name for path in paths))
    store = fill_store(predictor, images, folder, size=size)
    return class_thresholds(store.histogram(), ThresholdRule())
