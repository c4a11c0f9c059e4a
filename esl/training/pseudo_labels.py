"""Pseudo-labels for training, derived image by image from a store, or read from a folder of PNGs.

Paper: Eq. (5)-(9), Sec. 3.3. No label files are made: a store and a recipe are all that a run needs.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esl.classes import ClassSet
from esl.config import PseudoLabelConfig
from esl.errors import ConfigError, DataError
from esl.files import safe_join, sha256_of
from esl.images import read_label
from esl.labeling.maps import SCALE, PredictionMaps
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import Criterion, ThresholdRule, Thresholds, class_thresholds
from esl.store.predictions import PredictionStore
from esl.store.recipes import Recipe, VerdictMask, load_recipe
from esl.training.class_balanced import ClassBalancedPseudoLabels, class_balanced_labels

Label = NDArray[np.uint8]


@dataclass
class StoredPseudoLabels:
    """Image id -> pseudo-label from a store under fixed thresholds; each process opens the store for itself."""

    store_dir: Path
    recipe: Recipe
    mask: VerdictMask | None
    thresholds: Thresholds
    keep_ties: bool = True
    _store: PredictionStore | None = field(default=None, repr=False)

    @property
    def digest(self) -> str:
        """Changes with the labels."""
        return f"{self.recipe.id}{'' if self.keep_ties else ' strict'}"

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "_store": None}

    def __call__(self, image_id: str) -> Label:
        if self._store is None:
            self._store = PredictionStore.open(self.store_dir)
        maps = self._store.maps(image_id)
        kept = select_pseudo_label(_without_ties(maps, self.keep_ties), self.thresholds, self.recipe.criterion)
        return kept if self.mask is None else self.mask.apply(image_id, kept, maps.label)


def _without_ties(maps: PredictionMaps, keep_ties: bool) -> PredictionMaps:
    """Maps whose scores are one step worse, so that "at least" drops what equals its threshold."""
    if keep_ties:
        return maps
    worse_prob = np.where(maps.max_prob > 0, maps.max_prob - 1, 0).astype(np.uint16)
    worse_entropy = np.where(maps.entropy < SCALE, maps.entropy + 1, SCALE).astype(np.uint16)
    return replace(maps, max_prob=worse_prob, entropy=worse_entropy)


@dataclass(frozen=True)
class FolderPseudoLabels:
    """Image id -> pseudo-label from an 8-bit PNG of train ids with the image's relative path."""

    folder: Path
    class_set: ClassSet
    digest: str

    def __call__(self, image_id: str) -> Label:
        return read_label(_png_of(self.folder, image_id), self.class_set.lookup("train_ids"))


def pseudo_label_source(
    config: PseudoLabelConfig, classes: ClassSet, image_ids: Sequence[str]
) -> StoredPseudoLabels | FolderPseudoLabels | ClassBalancedPseudoLabels:
    """Where the pseudo-labels of `image_ids` come from, checked to be complete before training starts.

    Raises:
        ConfigError: no path is given, or the store's classes are not the run's.
        DataError: an image has no prediction or no file, or a recipe's store is not where it was.
    """
    if config.path == Path():
        raise ConfigError(f"Pseudo-labels from a {config.source} need its path. Say --pseudo-labels.path.")
    if config.source == "folder":
        return _from_folder(config.path, classes, image_ids)
    store_dir, recipe, mask = _from_recipe(config) if config.source == "recipe" else _from_rule(config)
    store = PredictionStore.open(store_dir)
    if store.class_set.name != classes.name:
        raise ConfigError(
            f"Pseudo-labels must have the run's classes, {classes.name}; {store_dir} has {store.class_set.name}."
        )
    known = set(store.image_ids)
    _refuse_missing([i for i in image_ids if i not in known or not store.has(i)], store_dir)
    if config.criterion == "class_balanced":
        return class_balanced_labels(store_dir, config.portion, config.sample_every, config.spatial_prior)
    assert recipe is not None
    if store.store_hash != recipe.store:
        raise DataError(
            f"A recipe must be used with its own store: {store_dir} is {store.store_hash}, the recipe names "
            f"{recipe.store}. Say where its store is with --pseudo-labels.store."
        )
    thresholds = class_thresholds(store.histogram(), recipe.rule)
    return StoredPseudoLabels(store_dir, recipe, mask, thresholds, config.keep_ties)


def _from_recipe(config: PseudoLabelConfig) -> tuple[Path, Recipe, VerdictMask | None]:
    recipe, mask = load_recipe(config.path)
    return (config.store if config.store != Path() else Path(recipe.store_path)), recipe, mask


def rule_of(config: PseudoLabelConfig) -> ThresholdRule:
    """The rule that a config's fields say, overrides included."""
    return ThresholdRule(
        mu_star=config.mu_star,
        nu_star=config.nu_star,
        mode=config.mode,
        mu_overrides=dict(config.mu_overrides),
        nu_overrides=dict(config.nu_overrides),
    )


def _from_rule(config: PseudoLabelConfig) -> tuple[Path, Recipe | None, None]:
    rule = rule_of(config)
    if config.criterion == "class_balanced":
        return config.path, None, None
    criterion: Criterion = config.criterion
    store_hash = PredictionStore.open(config.path).store_hash
    recipe = Recipe(store=store_hash, criterion=criterion, rule=rule, store_path=str(config.path))
    return config.path, recipe, None


def _from_folder(folder: Path, classes: ClassSet, image_ids: Sequence[str]) -> FolderPseudoLabels:
    _refuse_missing([i for i in image_ids if not _png_of(folder, i).is_file()], folder)
    facts = "\n".join(f"{i} {sha256_of(_png_of(folder, i))}" for i in image_ids)
    return FolderPseudoLabels(folder, classes, hashlib.sha256(facts.encode()).hexdigest()[:16])


def _png_of(folder: Path, image_id: str) -> Path:
    return safe_join(folder, Path(image_id).with_suffix(".png").as_posix())


def _refuse_missing(missing: list[str], where: Path) -> None:
    if missing:
        raise DataError(
            f"Every target image must have a pseudo-label: {len(missing)} have none in {where}, e.g. {missing[0]}. "
            "Finish `extract` on the target training split."
        )
