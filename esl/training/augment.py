"""Random changes to a training image and its label, decided by the generator that is handed in.

The same generator gives the same change: a run that is resumed, or has other workers, sees the same images.
"""

import math

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from esl.config import AugmentConfig
from esl.data.transforms import resize_image
from esl.images import resize_label

Image = NDArray[np.uint8]


def augment(image: Image, label: Image, config: AugmentConfig, rng: Generator) -> tuple[Image, Image]:
    """Zoom, crop, mirror and recolour, in this order; what is off draws nothing.

    Args:
        image: (H, W, 3) uint8 RGB.
        label: (H, W) uint8 train ids.
        config: what to do.
        rng: decides; each image has its own.

    Returns:
        Image and label of the crop's size (or the whole), contiguous.
    """
    if tuple(config.scale) != (1.0, 1.0):
        image, label = _zoom(image, label, config, rng)
    if tuple(config.crop) != (0, 0):
        top, left = (int(rng.integers(0, full - part + 1)) for full, part in zip(label.shape, config.crop, strict=True))
        window = (slice(top, top + config.crop[0]), slice(left, left + config.crop[1]))
        image, label = image[window], label[window]
    if config.flip and rng.random() < 0.5:
        image, label = image[:, ::-1], label[:, ::-1]
    if config.gamma or config.gain:
        image = _recolour(image, config, rng)
    return np.ascontiguousarray(image), np.ascontiguousarray(label)


def _zoom(image: Image, label: Image, config: AugmentConfig, rng: Generator) -> tuple[Image, Image]:
    low, high = config.scale
    factor = math.exp(rng.uniform(math.log(low), math.log(high)))
    height, width = (max(part, round(full * factor)) for full, part in zip(label.shape, config.crop, strict=True))
    return resize_image(image, (height, width)), resize_label(label, (height, width))


def _recolour(image: Image, config: AugmentConfig, rng: Generator) -> Image:
    exponent = math.exp(rng.uniform(-config.gamma, config.gamma))
    gains = np.exp(rng.uniform(-config.gain, config.gain, size=3))
    curve = 255.0 * (np.arange(256) / 255.0) ** exponent
    tables = np.clip(np.floor(curve[:, None] * gains + 0.5), 0, 255).astype(np.uint8)
    return np.stack([tables[image[..., channel], channel] for channel in range(3)], axis=-1)
