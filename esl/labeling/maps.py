"""From logits to the three maps that pseudo-labels need: label, max-prob, entropy.

Each map is quantised once, here, to integers: `q(v) = floor(65535 v + 0.5)`. Thresholds pass through the same
function, so every later comparison is one of integers and the page shows bit for bit what is exported.
"""

import itertools
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from multiprocessing import parent_process
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE
from esl.cores import usable_cores
from esl.errors import ConfigError, DataError, ShapeError
from esl.labeling.kernel import maps_from_logits, maps_from_probs, softmax_rows

SCALE = 65535
"""The integer that stands for 1.0 in every map of scores and every threshold."""

Interpolate: TypeAlias = Literal["probs", "logits"]
"""What is resized to the map's size: probabilities (softmax first, as BDL and ESL do) or logits (as ADVENT evaluates)."""

UInt8Map: TypeAlias = NDArray[np.uint8]
UInt16Map: TypeAlias = NDArray[np.uint16]
Logits: TypeAlias = NDArray[np.float32] | NDArray[np.float16]

_MAX_THREADS = 8


def quantise(value: float) -> int:
    """The integer of a score or threshold in [0, 1]: floor(65535 v + 0.5), the same in Python, kernel and browser."""
    return math.floor(SCALE * value + 0.5)


@dataclass(frozen=True)
class PredictionMaps:
    """What a network says about each pixel of one image, (H, W) each.

    Pixels outside the valid region have label 255, max-prob 0 and entropy 65535; no histogram counts them.
    """

    label: UInt8Map
    """Most probable class (the lowest id on ties)."""
    max_prob: UInt16Map
    """Its probability, times 65535."""
    entropy: UInt16Map
    """Entropy over log C, times 65535. Paper: Eq. (8)."""
    second: UInt8Map | None = None
    """Second most probable class, where asked for."""
    second_prob: UInt16Map | None = None
    weighted_label: UInt8Map | None = None
    """Class of the largest P(c) / divisor(c), where divisors were given (CBST)."""
    weighted_prob: UInt16Map | None = None
    """The probability P of that class, not divided, times 65535."""

    @property
    def margin(self) -> UInt16Map:
        """Best minus second-best probability, times 65535.

        Raises:
            ConfigError: the maps were derived without the second class.
        """
        if self.second_prob is None:
            raise ConfigError("The margin needs the second class: derive the maps with second=True.")
        return (self.max_prob - self.second_prob).astype(np.uint16)


def derive_maps(
    logits: Logits,
    map_size: tuple[int, int],
    *,
    interpolate: Interpolate = "probs",
    second: bool = False,
    divisors: Sequence[float] | NDArray[np.floating] | None = None,
    prior: NDArray[np.float32] | None = None,
    valid: tuple[int, int] | None = None,
    num_threads: int | None = None,
    source: str = "the network's output",
) -> PredictionMaps:
    """Derive label, max-prob and entropy at `map_size` from logits at the network's own resolution.

    The result is within one step of float64 arithmetic and has the same bytes on every machine, for any number of threads.

    Paper: Eq. (8), Sec. 3.3.

    Args:
        logits: (C, h, w) float32 or float16, 2 <= C <= 255; any constant may be taken off each pixel.
        map_size: (H, W) of the maps; bilinear with aligned corners.
        interpolate: `probs` resizes probabilities, `logits` resizes logits.
        second: also derive the second class and its probability.
        divisors: C positive numbers; also derive `argmax_c P(c) / divisor(c)`.
        prior: (C, h, w) from 0 to 1, multiplied to the probabilities before all else (CBST-SP); label, max-prob and
            entropy are then those of the products.
        valid: (h, w) of the region, from the top left corner of the map, that shows the image.
        num_threads: threads to use; by default one in a worker process, else one per core of this rank's share (8 at most).
        source: names the image in errors.

    Raises:
        DataError: the logits hold NaN or Inf.
        ShapeError: the shape, type or a size does not fit.
        ConfigError: `interpolate`, a divisor or the prior makes no sense.
    """
    _check(logits, map_size, valid, interpolate, source)
    _check_prior(prior, logits.shape, interpolate, valid in (None, map_size), source)
    values = np.ascontiguousarray(logits, np.float32)
    num_classes, height, width = values.shape
    factors = _factors(divisors, num_classes)
    valid_height, valid_width = valid or map_size
    num_threads = num_threads or _default_threads()
    num_optional = 0 if divisors is None and not second else 1 if divisors is None else 2
    labels = np.full((1 + num_optional, *map_size), IGNORE, np.uint8)
    scores = np.zeros((2 + num_optional, *map_size), np.uint16)
    scores[1, valid_height:] = SCALE
    scores[1, :, valid_width:] = SCALE

    if interpolate == "probs":
        low: NDArray[np.floating] = np.empty_like(values)
        _over_rows(lambda first, last: softmax_rows(values, low, first, last), height, num_threads)
        low = low if prior is None else low * prior
        kernel: Callable[..., None] = maps_from_probs
    else:
        low = values.astype(np.float64)
        low -= low.max(axis=0)  # softmax does not see a constant per pixel; small numbers blend more exactly
        kernel = maps_from_logits
    places, row_weights = _blend_plan(map_size[0], height, interpolate)
    columns, column_weights = _blend_plan(map_size[1], width, interpolate)
    columns, column_weights = columns[:valid_width], column_weights[:valid_width]
    normaliser = np.float32(1.0 / _log2_of(num_classes))

    def fill(first: int, last: int) -> None:
        kernel(
            low, places, row_weights, columns, column_weights, first, last,
            normaliser, labels, scores, factors, second, divisors is not None,
        )  # fmt: skip

    _over_rows(fill, valid_height, num_threads)
    return PredictionMaps(
        label=labels[0],
        max_prob=scores[0],
        entropy=scores[1],
        second=labels[1] if second else None,
        second_prob=scores[2] if second else None,
        weighted_label=labels[2] if divisors is not None else None,
        weighted_prob=scores[3] if divisors is not None else None,
    )


def class_distribution(
    logits: Logits, map_size: tuple[int, int], y: int, x: int, interpolate: Interpolate = "probs"
) -> NDArray[np.float32]:
    """Probabilities (C,) float32 of all classes at pixel (y, x) of the map, by the arithmetic of `derive_maps`.

    Raises:
        DataError: the logits hold NaN or Inf.
        ShapeError: the pixel lies outside the map.
    """
    _check(logits, map_size, None, interpolate, "the network's output")
    if not (0 <= y < map_size[0] and 0 <= x < map_size[1]):
        raise ShapeError(f"A pixel must lie inside the map of {map_size}; got row {y}, column {x}.")
    _, height, width = logits.shape
    places, row_weights = _blend_plan(map_size[0], height, interpolate)
    columns, column_weights = _blend_plan(map_size[1], width, interpolate)
    rows = [places[y], min(places[y] + 1, height - 1)]
    cols = [columns[x], min(columns[x] + 1, width - 1)]
    corners = np.ascontiguousarray(logits[:, rows][:, :, cols], np.float32)
    if interpolate == "probs":
        return _blend_corners(_softmax(corners), column_weights[x], row_weights[y]).astype(np.float32)
    low = corners.astype(np.float64)
    low -= low.max(axis=0)
    blended = _blend_corners(low, column_weights[x], row_weights[y])
    shifted = (blended - blended.max()).astype(np.float32)
    return _softmax(shifted.reshape(-1, 1, 1)).reshape(-1)


def _blend_corners(corners: NDArray[np.floating], across: np.floating, down: np.floating) -> NDArray[np.floating]:
    wide = corners[:, :, 0] + across * (corners[:, :, 1] - corners[:, :, 0])
    return np.asarray(wide[:, 0] + down * (wide[:, 1] - wide[:, 0]))


def _softmax(values: NDArray[np.float32]) -> NDArray[np.float32]:
    probs = np.empty_like(values)
    softmax_rows(values, probs, 0, values.shape[1])
    return probs


def _blend_plan(size: int, low: int, interpolate: Interpolate) -> tuple[NDArray[np.int64], NDArray[np.floating]]:
    """For each of `size` output places the low-resolution place before it and the weight of the next one.

    Aligned corners: place i sits at i (low - 1) / (size - 1), computed in whole numbers, so it is exact.
    """
    steps = max(size - 1, 1)
    whole, rest = np.divmod(np.arange(size, dtype=np.int64) * (low - 1), steps)
    return whole, (rest / steps).astype(np.float32 if interpolate == "probs" else np.float64)


@cache
def _log2_of(count: int) -> float:
    """log2 of a whole number by a series of exact IEEE operations, since libm's last bit depends on the machine."""
    exponent = (count - 1).bit_length()
    ratio = count / 2.0**exponent  # in (1/2, 1]
    z = (ratio - 1.0) / (ratio + 1.0)
    series = 0.0
    for k in range(41, 0, -2):
        series = series * z * z + 1.0 / k
    return exponent + 2.0 * z * series * 1.4426950408889634


def _check(
    logits: Logits, map_size: tuple[int, int], valid: tuple[int, int] | None, interpolate: str, source: str
) -> None:
    if logits.ndim != 3 or logits.dtype not in (np.float32, np.float16) or min(logits.shape, default=0) < 1:
        raise ShapeError(
            f"Logits must be (C, h, w) in float32 or float16, none of them empty; {source} is {logits.dtype} {logits.shape}."
        )
    if not 2 <= logits.shape[0] <= IGNORE:
        raise ShapeError(f"Logits must have 2 to 255 classes on the first axis; {source} has {logits.shape[0]}.")
    if min(map_size) < 1:
        raise ShapeError(f"A map's size must be at least 1 x 1; got {map_size}.")
    if valid is not None and not (0 <= valid[0] <= map_size[0] and 0 <= valid[1] <= map_size[1]):
        raise ShapeError(f"The valid region {valid} of {source} must fit into the map of {map_size}.")
    if interpolate not in ("probs", "logits"):
        raise ConfigError(f"interpolate must be 'probs' or 'logits'; got {interpolate!r}.")
    if not np.isfinite(logits).all():
        raise DataError(
            f"Logits must be finite numbers; {source} holds NaN or Inf. Check the checkpoint, or use --precision fp32."
        )


def _check_prior(
    prior: NDArray[np.float32] | None, shape: tuple[int, ...], interpolate: str, is_whole: bool, source: str
) -> None:
    if prior is None:
        return
    if prior.shape != shape or prior.dtype != np.float32:
        raise ShapeError(f"A prior must be {shape} in float32, as {source}; got {prior.dtype} {prior.shape}.")
    if not (np.isfinite(prior).all() and prior.min() >= 0 and prior.max() <= 1):
        raise DataError(f"A prior must hold numbers from 0 to 1; got {prior.min()} to {prior.max()}.")
    if interpolate != "probs" or not is_whole:
        raise ConfigError(
            f"A spatial prior needs probabilities that are resized, of images that fill the map; {source} has "
            f"{interpolate} and {'a whole' if is_whole else 'a padded'} map."
        )


def _factors(divisors: Sequence[float] | NDArray[np.floating] | None, num_classes: int) -> NDArray[np.float32]:
    if divisors is None:
        return np.ones(num_classes, np.float32)
    values = np.asarray(divisors, np.float64)
    if values.shape != (num_classes,) or not np.isfinite(values).all() or not (values > 0).all():
        raise ConfigError(f"Divisors must be {num_classes} positive numbers, one per class; got {values.tolist()}.")
    return (1.0 / values).astype(np.float32)


def _default_threads() -> int:
    return 1 if parent_process() is not None else min(usable_cores(), _MAX_THREADS)


@cache
def _pool(num_threads: int, process_id: int) -> ThreadPoolExecutor:
    """Threads of this process; a forked child has none of its parent's, so the process id is part of the key."""
    return ThreadPoolExecutor(num_threads, thread_name_prefix=f"esl-maps-{process_id}")


def _over_rows(work: Callable[[int, int], None], num_rows: int, num_threads: int) -> None:
    """Call `work(first, last)` over blocks of rows, in threads."""
    if num_rows == 0:
        return
    blocks = min(num_threads, num_rows)
    if blocks == 1:
        work(0, num_rows)
        return
    edges = [num_rows * k // blocks for k in range(blocks + 1)]
    pool = _pool(num_threads, os.getpid())
    for future in [pool.submit(work, first, last) for first, last in itertools.pairwise(edges)]:
        future.result()
