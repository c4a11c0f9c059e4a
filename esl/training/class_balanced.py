"""CBST's pseudo-labels from a store, with or without spatial priors."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esl.errors import ConfigError
from esl.labeling.class_balanced import class_balanced_divisors, class_balanced_thresholds, select_class_balanced
from esl.labeling.maps import PredictionMaps
from esl.labeling.spatial_prior import SpatialPrior
from esl.labeling.thresholds import ScoreHistogram
from esl.store.predictions import PredictionStore

Label = NDArray[np.uint8]


@dataclass
class ClassBalancedPseudoLabels:
    """Image id -> CBST's pseudo-label from a store; each process opens the store for itself."""

    store_dir: Path
    digest: str
    """Changes with the labels."""
    thresholds: NDArray[np.uint16]
    """(C,) over P, or over P times its prior; times 65535."""
    prior: SpatialPrior | None = None
    _store: PredictionStore | None = field(default=None, repr=False)

    def __getstate__(self) -> dict[str, object]:
        return {**vars(self), "_store": None}

    def __call__(self, image_id: str) -> Label:
        if self._store is None:
            self._store = PredictionStore.open(self.store_dir)
        return select_class_balanced(self.maps(self._store, image_id), self.thresholds)

    def maps(self, store: PredictionStore, image_id: str) -> PredictionMaps:
        """An image's maps with the re-weighted class: label, max-prob and entropy are those without a prior."""
        divisors = class_balanced_divisors(self.thresholds)
        if self.prior is None:
            return store.maps(image_id, divisors=divisors)
        with_prior = _maps_with_prior(store, image_id, self.prior, divisors)
        return replace(
            store.maps(image_id), weighted_label=with_prior.weighted_label, weighted_prob=with_prior.weighted_prob
        )


def class_balanced_labels(
    store_dir: Path, portion: float, sample_every: int = 1, prior_path: Path = Path()
) -> ClassBalancedPseudoLabels:
    """CBST's labels of all images of a store, whose thresholds are those of all images that are done.

    Args:
        store_dir: a prediction store.
        portion: share of each predicted class that sets its threshold.
        sample_every: 1 counts all pixels, 4 counts as the reference code does.
        prior_path: a file of spatial priors (CBST-SP); the empty path is CBST.

    Raises:
        ConfigError: the portion or the sampling makes no sense, or the priors are of other classes.
        DataError: there is no store, or no such file of priors.
    """
    if sample_every < 1:
        raise ConfigError(
            f"CBST must count every n-th pixel with n of at least 1 (--sample-every); got {sample_every}."
        )
    store = PredictionStore.open(store_dir)
    prior = None if prior_path == Path() else SpatialPrior.load(prior_path)
    if prior is not None and prior.num_classes != store.class_set.num_classes:
        raise ConfigError(
            f"Spatial priors must have the store's {store.class_set.num_classes} classes; {prior_path} has {prior.num_classes}."
        )
    thresholds = class_balanced_thresholds(_histogram(store, sample_every, prior), portion)
    digest = f"{store.store_hash} cbst {portion} {sample_every}"
    return ClassBalancedPseudoLabels(store_dir, f"{digest} {prior.digest}" if prior else digest, thresholds, prior)


def _histogram(store: PredictionStore, sample_every: int, prior: SpatialPrior | None) -> ScoreHistogram:
    """The scores that thresholds are taken from; a prior changes both the predicted class and its score."""
    if sample_every == 1 and prior is None:
        return store.histogram()
    histogram = ScoreHistogram(store.class_set.num_classes)
    for image_id in filter(store.has, store.image_ids):
        maps = store.maps(image_id) if prior is None else _maps_with_prior(store, image_id, prior)
        histogram.update(maps, every=sample_every)
    return histogram


def _maps_with_prior(
    store: PredictionStore, image_id: str, prior: SpatialPrior, divisors: NDArray[np.float64] | None = None
) -> PredictionMaps:
    size = store.read(image_id).shape[1:]
    return store.maps(image_id, divisors=divisors, prior=prior.at((size[0], size[1])))
