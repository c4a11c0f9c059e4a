"""Pseudo-labels for training, derived image by image from a store, or read from a folder of PNGs.

Paper: Eq. (5)-(9), Sec. 3.3. No label files are made: a store and a rule are all that a run needs.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esl.classes import ClassSet
from esl.config import PseudoLabelConfig
from esl.errors import ConfigError, DataError
from esl.files import safe_join
from esl.images import read_label
from esl.labeling.maps import SCALE, PredictionMaps
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import ThresholdRule, Thresholds, class_thresholds
from esl.store.predictions import PredictionStore

Label = NDArray[np.uint8]


@dataclass
class StoredPseudoLabels:
    """Image id -> pseudo-label from a store under fixed thresholds; each process opens the store for itself."""

    store_dir: Path
    thresholds: Thresholds
    criterion: str
    keep_ties: bool = True
    _store: PredictionStore | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "_store": None}

    def __call__(self, image_id: str) -> Label:
        if self._store is None:
            self._store = PredictionStore.open(self.store_dir)
        maps = self._store.maps(image_id)
        kept: Label = select_pseudo_label(_without_ties(maps, self), self.thresholds, self.criterion)
        return kept


def _without_ties(maps: PredictionMaps, labels: StoredPseudoLabels) -> PredictionMaps:
    """Maps whose scores are one step worse, so that "at least" drops what equals its threshold."""
    if labels.keep_ties:
        return maps
    worse_prob = np.where(maps.max_prob > 0, maps.max_prob - 1, 0).astype(np.uint16)
    worse_entropy = np.where(maps.entropy < SCALE, maps.entropy + 1, SCALE).astype(np.uint16)
    return replace(maps, max_prob=worse_prob, entropy=worse_entropy)


@dataclass(frozen=True)
class FolderPseudoLabels:
    """Image id -> pseudo-label from an 8-bit PNG of train ids with the image's relative path."""

    folder: Path
    class_set: ClassSet

    def __call__(self, image_id: str) -> Label:
        path = safe_join(self.folder, str(Path(image_id).with_suffix(".png")))
        label: Label = read_label(path, self.class_set.lookup("train_ids"))
        return label


def pseudo_label_source(
    config: PseudoLabelConfig, classes: ClassSet, image_ids: tuple[str, ...]
) -> StoredPseudoLabels | FolderPseudoLabels:
    """Where the pseudo-labels of `image_ids` come from, checked to be complete before training starts.

    Raises:
        ConfigError: no path is given, or the store's classes are not the run's.
        DataError: an image has no prediction or no file.
    """
    if config.path == Path():
        raise ConfigError(f"Pseudo-labels from a {config.source} need its path. Say --pseudo-labels.path.")
    if config.source == "folder":
        source = FolderPseudoLabels(config.path, classes)
        missing = [i for i in image_ids if not (config.path / Path(i).with_suffix(".png")).is_file()]
        _refuse_missing(missing, config.path)
        return source
    store = PredictionStore.open(config.path)
    if store.class_set.name != classes.name:
        raise ConfigError(f"Pseudo-labels must have the run's classes, {classes.name}; {config.path} has {store.class_set.name}.")
    _refuse_missing([i for i in image_ids if not store.has(i)], config.path)
    thresholds = class_thresholds(store.histogram(), threshold_rule(config))
    return StoredPseudoLabels(config.path, thresholds, config.criterion, config.keep_ties)


def threshold_rule(config: PseudoLabelConfig) -> ThresholdRule:
    """The rule of Eq. (6) and (9) that a config asks for."""
    return ThresholdRule(
        mu_star=config.mu_star,
        nu_star=config.nu_star,
        mode=config.mode,
        mu_overrides=dict(config.mu_overrides),
        nu_overrides=dict(config.nu_overrides),
    )


def _refuse_missing(missing: list[str], where: Path) -> None:
    if missing:
        raise DataError(
            f"Every target image must have a pseudo-label: {len(missing)} have none in {where}, e.g. {missing[0]}. "
            "Finish `extract` on the target training split."
        )
