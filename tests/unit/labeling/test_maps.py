"""`derive_maps`: right to one step, for every option, shape and kind of input."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from esl.errors import ConfigError, DataError, ShapeError
from esl.labeling.maps import SCALE, Interpolate, class_distribution, derive_maps, quantise
from tests.unit.labeling.worlds import random_logits

Probs = NDArray[np.float64]


def softmax(values: Probs) -> Probs:
    e = np.exp(values - values.max(axis=0))
    return np.asarray(e / e.sum(axis=0))


def resized(values: Probs, size: tuple[int, int]) -> Probs:
    """Bilinear with aligned corners in float64."""
    _, h, w = values.shape
    y, x = (np.arange(n) * (low - 1) / max(n - 1, 1) for n, low in zip(size, (h, w), strict=True))
    top, left = y.astype(int), x.astype(int)
    down, right = np.minimum(top + 1, h - 1), np.minimum(left + 1, w - 1)
    f, g = (y - top)[:, None], x - left
    rows = values[:, top] * (1 - f) + values[:, down] * f
    return np.asarray(rows[:, :, left] * (1 - g) + rows[:, :, right] * g)


def reference(logits: NDArray[np.floating], size: tuple[int, int], interpolate: str) -> Probs:
    values = logits.astype(np.float64)
    return resized(softmax(values), size) if interpolate == "probs" else softmax(resized(values - values.max(0), size))


def quantised(values: Probs) -> NDArray[np.int64]:
    return np.floor(SCALE * values + 0.5).astype(np.int64)


@pytest.mark.parametrize("interpolate", ["probs", "logits"])
@pytest.mark.parametrize("num_classes", [2, 3, 19, 255])
@pytest.mark.parametrize("scale", [0.01, 3.0, 100.0])
@pytest.mark.parametrize(
    ("low", "size"), [((7, 9), (40, 61)), ((11, 13), (5, 7)), ((4, 5), (1, 1)), ((1, 1), (3, 300)), ((2, 3), (2, 3))]
)
def test_maps_are_within_one_step_of_float64(
    interpolate: Interpolate, num_classes: int, scale: float, low: tuple[int, int], size: tuple[int, int]
) -> None:
    logits = random_logits(num_classes, *low, scale=scale)
    maps = derive_maps(logits, size, interpolate=interpolate, second=True)
    probs = reference(logits, size, interpolate)
    ranked = np.sort(probs, axis=0)
    entropy = -(probs * np.log(np.where(probs > 0, probs, 1))).sum(0) / math.log(num_classes)
    assert maps.second is not None
    assert maps.second_prob is not None
    assert np.abs(maps.max_prob - quantised(ranked[-1])).max() <= 1
    assert np.abs(maps.second_prob - quantised(ranked[-2])).max() <= 1
    assert np.abs(maps.entropy - quantised(entropy)).max() <= 1
    order = np.argsort(-probs, axis=0, kind="stable")
    clear = ranked[-1] - ranked[-2] > 1e-6
    assert (maps.label == order[0])[clear].all()
    if num_classes > 2:
        clear &= ranked[-2] - ranked[-3] > 1e-6
    assert (maps.second == order[1])[clear].all()
    assert (maps.margin == maps.max_prob - maps.second_prob).all()


def test_half_precision_gives_what_its_values_give_in_single() -> None:
    logits = random_logits(7, 5, 6).astype(np.float16)
    half, single = derive_maps(logits, (9, 11)), derive_maps(logits.astype(np.float32), (9, 11))
    assert (half.max_prob == single.max_prob).all()
    assert (half.entropy == single.entropy).all()


@pytest.mark.parametrize("interpolate", ["probs", "logits"])
def test_a_constant_per_pixel_changes_nothing(interpolate: Interpolate) -> None:
    logits = np.round(random_logits(5, 6, 7) * 8) / 8
    constant = np.arange(42, dtype=np.float32).reshape(6, 7)
    plain, moved = (derive_maps(v, (12, 20), interpolate=interpolate) for v in (logits, logits + constant))
    assert (plain.max_prob == moved.max_prob).all()
    assert (plain.entropy == moved.entropy).all()


@pytest.mark.parametrize("interpolate", ["probs", "logits"])
def test_outside_the_valid_region_there_is_no_label(interpolate: Interpolate) -> None:
    logits = random_logits(4, 5, 6)
    whole = derive_maps(logits, (10, 12), interpolate=interpolate, second=True, divisors=[0.5] * 4)
    part = derive_maps(logits, (10, 12), interpolate=interpolate, second=True, divisors=[0.5] * 4, valid=(7, 8))
    outside = np.ones((10, 12), bool)
    outside[:7, :8] = False
    for name, blank in {"label": 255, "max_prob": 0, "entropy": SCALE, "second": 255, "weighted_label": 255}.items():
        assert (getattr(part, name)[outside] == blank).all(), name
        assert (getattr(part, name)[~outside] == getattr(whole, name)[~outside]).all(), name
    assert (derive_maps(logits, (10, 12), valid=(0, 0)).label == 255).all()


@pytest.mark.parametrize("interpolate", ["probs", "logits"])
def test_divisors_give_the_re_weighted_arg_max(interpolate: Interpolate) -> None:
    logits, divisors = random_logits(5, 6, 7), np.array([0.9, 0.2, 0.5, 0.05, 1.0])
    maps = derive_maps(logits, (20, 30), interpolate=interpolate, divisors=divisors)
    probs = reference(logits, (20, 30), interpolate)
    ratio = probs / divisors[:, None, None]
    assert maps.weighted_label is not None
    assert maps.weighted_prob is not None
    top = np.sort(ratio, axis=0)
    clear = top[-1] - top[-2] > 1e-5
    assert clear.mean() > 0.9
    assert (maps.weighted_label == ratio.argmax(0))[clear].all()
    own = np.take_along_axis(probs, maps.weighted_label[None].astype(int), 0)[0]
    assert np.abs(maps.weighted_prob - quantised(own)).max() <= 1
    assert (maps.weighted_label != maps.label).any()
    assert (maps.label == derive_maps(logits, (20, 30), interpolate=interpolate).label).all()


def test_ties_go_to_the_lowest_class() -> None:
    maps = derive_maps(np.zeros((4, 2, 2), np.float32), (3, 3), second=True)
    assert (maps.label == 0).all()
    assert (maps.second == 1).all()


@pytest.mark.parametrize("interpolate", ["probs", "logits"])
def test_the_distribution_of_a_pixel_is_the_one_that_the_maps_used(interpolate: Interpolate) -> None:
    logits = random_logits(6, 4, 5)
    maps = derive_maps(logits, (9, 14), interpolate=interpolate)
    for y, x in [(0, 0), (8, 13), (4, 6), (7, 1)]:
        probs = class_distribution(logits, (9, 14), y, x, interpolate)
        assert probs.shape == (6,)
        assert probs.argmax() == maps.label[y, x]
        assert abs(quantise(float(probs.max())) - int(maps.max_prob[y, x])) <= (interpolate == "logits")
    with pytest.raises(ShapeError, match="inside the map"):
        class_distribution(logits, (9, 14), 9, 0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_a_number_is_an_error_that_names_the_image(value: float) -> None:
    logits = random_logits(3, 4, 4)
    logits[1, 2, 3] = value
    with pytest.raises(DataError, match="dusk/0001.png"):
        derive_maps(logits, (8, 8), source="dusk/0001.png")


def test_the_greatest_numbers_do_no_harm() -> None:
    logits = random_logits(3, 2, 2)
    logits[0], logits[1] = 3e38, -3e38
    for interpolate in ("probs", "logits"):
        maps = derive_maps(logits, (4, 4), interpolate=interpolate)  # type: ignore[arg-type]
        assert (maps.label == 0).all()
        assert (maps.max_prob == SCALE).all()
        assert (maps.entropy == 0).all()


def test_what_does_not_fit_is_refused() -> None:
    logits = random_logits(3, 4, 4)
    with pytest.raises(ShapeError, match="float32 or float16"):
        derive_maps(logits.astype(np.float64), (8, 8))  # type: ignore[arg-type]
    with pytest.raises(ShapeError, match="2 to 255 classes"):
        derive_maps(logits[:1], (8, 8))
    with pytest.raises(ShapeError, match="none of them empty"):
        derive_maps(logits[:, :0], (8, 8))
    with pytest.raises(ShapeError, match="at least 1 x 1"):
        derive_maps(logits, (0, 8))
    with pytest.raises(ShapeError, match="valid region"):
        derive_maps(logits, (8, 8), valid=(9, 8))
    with pytest.raises(ConfigError, match="interpolate"):
        derive_maps(logits, (8, 8), interpolate="nearest")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Divisors"):
        derive_maps(logits, (8, 8), divisors=[1.0, 0.0, 1.0])
    with pytest.raises(ConfigError, match="second=True"):
        _ = derive_maps(logits, (8, 8)).margin


def test_quantise_rounds_half_up() -> None:
    assert [quantise(v) for v in (0.0, 0.1, 0.3, 0.7, 0.9, 1.0)] == [0, 6554, 19661, 45875, 58982, 65535]
    assert all(quantise(k / SCALE) == k for k in range(SCALE + 1))
