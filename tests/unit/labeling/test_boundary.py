"""Distance to the nearest other class."""

import numpy as np
import pytest

from esl.errors import ConfigError, ShapeError
from esl.labeling.boundary import boundary_distance


def slow_distance(label: np.ndarray, cap: int) -> np.ndarray:
    places = [(y, x) for y in range(label.shape[0]) for x in range(label.shape[1]) if label[y, x] != 255]
    border = [
        (y, x)
        for y, x in places
        if any(max(abs(y - v), abs(x - u)) == 1 and label[v, u] != label[y, x] for v, u in places)
    ]
    result = np.full(label.shape, cap + 1, np.uint8)
    for y in range(label.shape[0]):
        for x in range(label.shape[1]):
            nearest = min((max(abs(y - v), abs(x - u)) for v, u in border), default=cap)
            result[y, x] = min(nearest + 1, cap + 1)
    return result


@pytest.mark.parametrize("seed", range(4))
def test_it_is_the_distance_counted_pixel_by_pixel(seed: int) -> None:
    g = np.random.default_rng(seed)
    label = np.kron(g.choice([0, 1, 255], (3, 4), p=[0.6, 0.2, 0.2]), np.ones((4, 4))).astype(np.uint8)
    assert (boundary_distance(label, 8) == slow_distance(label, 8)).all()


def test_one_class_has_no_border_and_255_makes_none() -> None:
    label = np.zeros((5, 6), np.uint8)
    assert (boundary_distance(label) == 9).all()
    label[:, 3:] = 255
    assert (boundary_distance(label) == 9).all()


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ShapeError):
        boundary_distance(np.zeros((2, 2), np.int64))  # type: ignore[arg-type]
    with pytest.raises(ConfigError):
        boundary_distance(np.zeros((2, 2), np.uint8), 255)
