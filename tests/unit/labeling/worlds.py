"""Seeded predictions for the tests of `labeling`."""

import numpy as np
from numpy.typing import NDArray

from esl.labeling.maps import PredictionMaps, derive_maps


def random_logits(
    num_classes: int, height: int, width: int, *, scale: float = 3.0, seed: int = 0
) -> NDArray[np.float32]:
    """Normal logits (C, h, w)."""
    return (scale * np.random.default_rng(seed).standard_normal((num_classes, height, width))).astype(np.float32)


def labelled_image(
    seed: int, num_classes: int = 5, size: tuple[int, int] = (33, 47)
) -> tuple[PredictionMaps, NDArray[np.uint8]]:
    """Maps of one image and a truth that agrees with most of them; some pixels are unlabelled or outside."""
    maps = derive_maps(random_logits(num_classes, 9, 13, seed=seed), size, valid=(size[0] - 2, size[1] - 3))
    g = np.random.default_rng(seed)
    guess = g.integers(0, num_classes, size).astype(np.uint8)
    truth = np.where((g.random(size) < 0.7) & (maps.label < 255), maps.label, guess)
    truth[g.random(size) < 0.1] = 255
    return maps, truth.astype(np.uint8)
