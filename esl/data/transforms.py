"""Resizing as the reference does it: Pillow's antialiased bicubic, value for value."""

import numpy as np
from numpy.typing import NDArray

from esl.data.resampling import bicubic


def resize_image(image: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Antialiased bicubic, on 8-bit integers.

    Args:
        image: (H, W, 3) uint8.
        size: (height, width) of the result; the aspect ratio is whatever it is.

    Returns:
        (h, w, 3) uint8, contiguous; the input itself where it has that size.
    """
    return bicubic(np.ascontiguousarray(image), (size[0], size[1]))


def fit_within(image: NDArray[np.uint8], size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Keep the aspect ratio: resize to fit inside `size`, pad right and bottom with 0 (Mapillary).

    Returns:
        (h, w, 3) uint8 of exactly `size`, and (height, width) of the part that holds the image.
    """
    valid = fitted_size((image.shape[0], image.shape[1]), size)
    padded = np.zeros((*size, image.shape[2]), np.uint8)
    padded[: valid[0], : valid[1]] = resize_image(image, valid)
    return padded, valid


def fitted_size(image_size: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """Largest (height, width) of an image's aspect ratio inside `size`, at least 1 by 1."""
    factor = min(size[0] / image_size[0], size[1] / image_size[1])
    height, width = (max(1, min(limit, round(part * factor))) for part, limit in zip(image_size, size))
    return height, width
