"""How far each pixel lies from the nearest border between two classes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE
from esl.compiled import compiled
from esl.errors import ConfigError, ShapeError

DISTANCES = (1, 2, 4, 8)
"""Distances in pixels at which shares near a border are reported."""


def boundary_distance(label: NDArray[np.uint8], cap: int = DISTANCES[-1]) -> NDArray[np.uint8]:
    """(H, W): steps (to the 8 neighbours) to the nearest pixel of another class; `cap + 1` beyond `cap`.

    A pixel that touches another class has distance 1. 255 is no class: nothing is a border against it.

    Raises:
        ShapeError: the label is not (H, W) uint8.
        ConfigError: `cap` is not 1 to 254.
    """
    if label.ndim != 2 or label.dtype != np.uint8:
        raise ShapeError(f"A label must be (H, W) uint8; got {label.shape} {label.dtype}.")
    if not 1 <= cap <= 254:
        raise ConfigError(f"The cap of a distance must be 1 to 254 pixels; got {cap}.")
    distance = np.full(label.shape, cap + 1, np.uint8)
    _mark_borders(np.ascontiguousarray(label), IGNORE, distance)
    _spread(distance)
    return distance


@compiled
def _mark_borders(label: Any, ignore: int, distance: Any) -> None:
    height, width = label.shape
    for y in range(height):
        for x in range(width):
            own = label[y, x]
            if own == ignore:
                continue
            for step_y, step_x in ((0, 1), (1, -1), (1, 0), (1, 1)):
                v, u = y + step_y, x + step_x
                if v < height and 0 <= u < width:
                    other = label[v, u]
                    if other != own and other != ignore:
                        distance[y, x] = 1
                        distance[v, u] = 1


@compiled
def _spread(distance: Any) -> None:
    """Exact chessboard distance by one sweep down and one up."""
    height, width = distance.shape
    for y in range(height):
        for x in range(width):
            least = distance[y, x]
            if y > 0:
                for u in range(max(x - 1, 0), min(x + 2, width)):
                    least = min(least, distance[y - 1, u] + 1)
            if x > 0:
                least = min(least, distance[y, x - 1] + 1)
            distance[y, x] = least
    for y in range(height - 1, -1, -1):
        for x in range(width - 1, -1, -1):
            least = distance[y, x]
            if y + 1 < height:
                for u in range(max(x - 1, 0), min(x + 2, width)):
                    least = min(least, distance[y + 1, u] + 1)
            if x + 1 < width:
                least = min(least, distance[y, x + 1] + 1)
            distance[y, x] = least
