"""Pseudo-label extraction as this library does it: images to a prediction store, histograms and thresholds."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from esl.classes import CITYSCAPES_19
from esl.data.transforms import resize_image
from esl.images import read_image
from esl.labeling.maps import derive_maps
from esl.labeling.thresholds import ScoreHistogram, ThresholdRule, Thresholds, class_thresholds
from esl.models.predictor import Predictor
from esl.store.predictions import PredictionStore, StoreManifest


def extract(paths: Sequence[Path], size: tuple[int, int], predictor: Predictor, folder: Path) -> Thresholds:
    """Thresholds of each class from the whole set; the logits are durably in a store at `folder`."""
    shutil.rmtree(folder, ignore_errors=True)
    names = tuple(path.name for path in paths)
    store: PredictionStore | None = None
    histogram = ScoreHistogram(CITYSCAPES_19.num_classes)
    for name, path in zip(names, paths, strict=True):
        logits = predictor.predict(resize_image(read_image(path), size)[None])[0]
        if store is None:
            manifest = StoreManifest(
                dataset="folder",
                class_set=CITYSCAPES_19,
                image_ids=names,
                map_size=size,
                logits_shape=(logits.shape[0], logits.shape[1], logits.shape[2]),
                logits_type="float16" if predictor.precision == "bf16" else "float32",
                precision=predictor.precision,
                device=predictor.device,
                model={"name": "benchmark"},
            )
            store = PredictionStore.create(folder, manifest)
        store.write(name, logits)
        histogram.update(derive_maps(logits, size))
    return class_thresholds(histogram, ThresholdRule())
