"""Boundary arcs: the pixels on which SSL and ESL disagree, cut into pieces that a person can judge.

An arc is a connected piece of the difference with one predicted and one second class. Without the cut by class pair
the difference grows into one web over the whole image.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

import numba
import numpy as np
from numpy.typing import NDArray

from esl.errors import ConfigError
from esl.labeling.maps import SCALE, PredictionMaps

Sampling = Literal["top", "stratified", "uniform"]

MAX_SIDE = 128
"""Longest side of an arc's box in pixels; larger ones are cut by a grid."""
MIN_PIXELS = 12
"""Smaller arcs are left out: nothing can be seen in them."""


@dataclass(frozen=True, kw_only=True)
class Arc:
    """One piece of the difference."""

    key: str
    """Stable for the same pixels of the same image."""
    image: int
    box: tuple[int, int, int, int]
    """x0, y0, x1, y1, inclusive."""
    runs: tuple[tuple[int, int], ...]
    """(first flat index, length), row-major."""
    predicted: int
    second: int
    pixels: int
    contested: float
    """Mean of probability times entropy, 0..1: high where the two criteria contradict each other most."""
    weight: float = 1.0
    """Candidates that this one stands for under its sampling."""


def find_arcs(
    maps: PredictionMaps,
    difference: NDArray[np.bool_],
    image: int,
    *,
    max_side: int = MAX_SIDE,
    min_pixels: int = MIN_PIXELS,
) -> list[Arc]:
    """Arcs of one image in row-major order of their first pixel.

    Args:
        maps: derived with `second=True`.
        difference: (H, W), true where only one criterion keeps; take out what must not be judged (void) before.
        image: index to write into the arcs.
        max_side: cut pieces whose box is longer.
        min_pixels: leave out smaller pieces.

    Raises:
        ConfigError: the maps have no second class.
    """
    if maps.second is None:
        raise ConfigError("Arcs need the second class: derive the maps with second=True.")
    flat = np.flatnonzero(difference)
    if flat.size == 0:
        return []
    width = difference.shape[1]
    codes = np.full(difference.shape, -1, np.int64)
    codes.reshape(-1)[flat] = maps.label.reshape(-1)[flat].astype(np.int64) * 256 + maps.second.reshape(-1)[flat]
    pieces = _components(codes).reshape(-1)[flat]
    tiles = _tiles(flat, pieces, width, max_side)
    if tiles is not None:
        codes.reshape(-1)[flat] = tiles
        pieces = _components(codes).reshape(-1)[flat]
    order = np.argsort(pieces, kind="stable")
    starts = np.flatnonzero(np.diff(pieces[order], prepend=-1))
    groups = [g for g in np.split(flat[order], starts[1:]) if g.size >= min_pixels]
    return [_arc(maps, group, image, width) for group in sorted(groups, key=lambda g: int(g[0]))]


def sample_arcs(arcs: Sequence[Arc], sampling: Sampling, seed: int, limit: int, *, scale: float = 1.0) -> list[Arc]:
    """At most `limit` of the arcs, each with the number of candidates it stands for.

    Args:
        arcs: all candidates.
        sampling: `top` takes the most contested; `stratified` takes from each class pair in turn; `uniform` draws
            without replacement, which alone gives unbiased rates over all arcs.
        seed: of the draws.
        limit: how many.
        scale: images in the set over images looked at; multiplies each weight.

    Raises:
        ConfigError: an unknown sampling.
    """
    if sampling not in get_args(Sampling):
        raise ConfigError(f"Sampling must be one of {', '.join(get_args(Sampling))}; got {sampling!r}.")
    if sampling == "top":
        ranked = sorted(arcs, key=lambda a: (-a.contested, a.image, a.key))
        return [replace(a, weight=1.0) for a in ranked[:limit]]
    rng = np.random.default_rng(seed)
    ordered = sorted(arcs, key=lambda a: (a.image, a.key))
    drawn = [ordered[k] for k in rng.permutation(len(ordered))]
    if sampling == "uniform":
        taken = drawn[:limit]
        weight = scale * len(arcs) / max(1, len(taken))
        return [replace(a, weight=weight) for a in taken]
    return _stratified(drawn, limit, scale)


def _stratified(drawn: Sequence[Arc], limit: int, scale: float) -> list[Arc]:
    strata: dict[tuple[int, int], list[Arc]] = {}
    for arc in drawn:
        strata.setdefault((arc.predicted, arc.second), []).append(arc)
    taken: dict[tuple[int, int], int] = dict.fromkeys(strata, 0)
    order: list[tuple[tuple[int, int], Arc]] = []
    for turn in range(max((len(s) for s in strata.values()), default=0)):
        for pair in sorted(strata):
            if turn < len(strata[pair]) and len(order) < limit:
                order.append((pair, strata[pair][turn]))
                taken[pair] += 1
    return [replace(arc, weight=scale * len(strata[pair]) / taken[pair]) for pair, arc in order]


def _tiles(flat: NDArray[np.int64], pieces: NDArray[np.int64], width: int, max_side: int) -> NDArray[np.int64] | None:
    """A code per pixel that tells the tiles of large pieces apart; None where no piece is large."""
    ys, xs = np.divmod(flat, width)
    _, which = np.unique(pieces, return_inverse=True)
    count = int(which.max()) + 1
    offsets, tiles = np.zeros((2, flat.size), np.int64), np.zeros((2, flat.size), np.int64)
    is_large = False
    for axis, values in enumerate((ys, xs)):
        low = np.full(count, np.iinfo(np.int64).max)
        high = np.zeros(count, np.int64)
        np.minimum.at(low, which, values)
        np.maximum.at(high, which, values)
        length = high - low + 1
        parts = -(-length // max_side)
        is_large |= bool((parts > 1).any())
        offsets[axis] = values - low[which]
        tiles[axis] = offsets[axis] // (-(-length // parts))[which]
    return (which.astype(np.int64) << 24) | (tiles[0] << 12) | tiles[1] if is_large else None


def _arc(maps: PredictionMaps, flat: NDArray[np.int64], image: int, width: int) -> Arc:
    ys, xs = np.divmod(flat, width)
    starts = np.flatnonzero((np.diff(flat, prepend=-2) != 1) | (xs == 0))
    lengths = np.diff(starts, append=flat.size)
    p = maps.max_prob.reshape(-1)[flat].astype(np.float64)
    e = maps.entropy.reshape(-1)[flat].astype(np.float64)
    digest = hashlib.sha256(np.concatenate([flat[starts], lengths]).astype("<i8").tobytes()).hexdigest()
    return Arc(
        key=f"{image}-{digest[:12]}",
        image=image,
        box=(int(xs.min()), int(ys.min()), int(xs.max()), int(ys.max())),
        runs=tuple(zip(flat[starts].tolist(), lengths.tolist(), strict=True)),
        predicted=int(maps.label.reshape(-1)[flat[0]]),
        second=int(cast(Any, maps.second).reshape(-1)[flat[0]]),
        pixels=int(flat.size),
        contested=float((p * e).mean() / SCALE**2),
    )


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _root(parents: Any, k: int) -> int:
    while parents[k] != k:
        parents[k] = parents[parents[k]]
        k = parents[k]
    return k


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _components(codes: Any) -> Any:
    """Flat index of the first pixel of each pixel's 8-connected piece of equal code; -1 where the code is negative."""
    height, width = codes.shape
    parents = np.full(height * width, -1, np.int64)
    for y in range(height):
        for x in range(width):
            code = codes[y, x]
            if code < 0:
                continue
            here = y * width + x
            parents[here] = here
            for dy, dx in ((0, -1), (-1, -1), (-1, 0), (-1, 1)):
                yy, xx = y + dy, x + dx
                if yy < 0 or xx < 0 or xx >= width or codes[yy, xx] != code:
                    continue
                a, b = _root(parents, here), _root(parents, yy * width + xx)
                if a < b:
                    parents[b] = a
                else:
                    parents[a] = b
    for k in range(height * width):
        if parents[k] >= 0:
            parents[k] = _root(parents, k)
    return parents.reshape(height, width)
