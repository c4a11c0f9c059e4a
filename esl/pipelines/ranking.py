"""Order a whole set of images by what two thresholds do to each of them, in milliseconds and without touching a pixel.

Each image is kept as sparse joint counts (class and truth, entropy bin, confidence bin) on 64 x 64 bins that are finer
near 0 and 1, where thresholds sit. A threshold inside a bin takes its share of the bin, so answers are approximate.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE
from esl.errors import DataError
from esl.files import atomic_writer
from esl.labeling.maps import SCALE, PredictionMaps
from esl.pipelines.rank_groups import NUM_BINS, NUM_TRUTHS, Groups, first_bins, fold

_THREADS = min(4, os.cpu_count() or 1)


def _edges() -> NDArray[np.int64]:
    t = np.arange(NUM_BINS + 1) / NUM_BINS
    curve = np.where(t < 0.5, 2 * t * t, 1 - 2 * (1 - t) ** 2)
    return np.floor((SCALE + 1) * curve + 0.5).astype(np.int64)


EDGES = _edges()
"""(65,) first value of each bin; widths grow from 32 at both ends to 2,016 in the middle."""
_BIN_OF = (np.searchsorted(EDGES, np.arange(SCALE + 1), side="right") - 1).astype(np.uint8)


@dataclass(frozen=True)
class ImageCounts:
    """Sparse joint counts of one image."""

    cell: NDArray[np.uint16]
    """class * 3 + truth of each entry, rising."""
    entropy_bin: NDArray[np.uint8]
    prob_bin: NDArray[np.uint8]
    pixels: NDArray[np.uint32]
    mean_entropy: float
    """Exact, 0..1, over the pixels with a prediction."""
    has_truth: bool


def truth_of(label: NDArray[np.uint8], truth: NDArray[np.uint8] | None) -> NDArray[np.uint8]:
    """0 correct, 1 wrong, 2 unlabelled, per pixel; (H, W) uint8."""
    if truth is None:
        return np.full(label.shape, 2, np.uint8)
    return np.where(truth == IGNORE, np.uint8(2), (truth != label).astype(np.uint8))


def count_image(maps: PredictionMaps, truth: NDArray[np.uint8] | None, num_classes: int) -> ImageCounts:
    """Fold one image; `truth` (H, W) train ids, 255 = ignore, or None."""
    inside = maps.label != IGNORE
    state = truth_of(maps.label, truth)[inside]
    label, entropy = maps.label[inside].astype(np.int32), maps.entropy[inside]
    e, p = _BIN_OF[entropy].astype(np.int32), _BIN_OF[maps.max_prob[inside]]
    flat = ((label * NUM_TRUTHS + state) * NUM_BINS + e) * NUM_BINS + p
    counts = np.bincount(flat, minlength=num_classes * NUM_TRUTHS * NUM_BINS**2)
    held = np.flatnonzero(counts)
    return ImageCounts(
        cell=(held // NUM_BINS**2).astype(np.uint16),
        entropy_bin=(held // NUM_BINS % NUM_BINS).astype(np.uint8),
        prob_bin=(held % NUM_BINS).astype(np.uint8),
        pixels=counts[held].astype(np.uint32),
        mean_entropy=float(entropy.mean() / SCALE) if entropy.size else 0.0,
        has_truth=truth is not None,
    )


@dataclass(frozen=True)
class RankTable:
    """Counts of N images, side by side."""

    num_classes: int
    images: NDArray[np.int64]
    """(N,) index of each image in the store."""
    offsets: NDArray[np.int64]
    """(N + 1,) entries of image k are offsets[k]..offsets[k + 1]."""
    cell: NDArray[np.uint16]
    entropy_bin: NDArray[np.uint8]
    prob_bin: NDArray[np.uint8]
    pixels: NDArray[np.uint32]
    mean_entropy: NDArray[np.float64]
    has_truth: NDArray[np.bool_]

    @classmethod
    def of(cls, counts: dict[int, ImageCounts], num_classes: int) -> "RankTable":
        """Put images together in rising order of their index."""
        order = sorted(counts)
        parts = [counts[i] for i in order]

        def joined(name: str, dtype: Any) -> Any:
            arrays = [getattr(part, name) for part in parts]
            return np.concatenate(arrays) if arrays else np.zeros(0, dtype)

        lengths = [part.cell.size for part in parts]
        return cls(
            num_classes=num_classes,
            images=np.asarray(order, np.int64),
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            cell=joined("cell", np.uint16),
            entropy_bin=joined("entropy_bin", np.uint8),
            prob_bin=joined("prob_bin", np.uint8),
            pixels=joined("pixels", np.uint32),
            mean_entropy=np.asarray([part.mean_entropy for part in parts], np.float64),
            has_truth=np.asarray([part.has_truth for part in parts], np.bool_),
        )

    def split(self) -> dict[int, ImageCounts]:
        """The inverse of `of`."""
        return {
            int(i): ImageCounts(
                cell=self.cell[a:b],
                entropy_bin=self.entropy_bin[a:b],
                prob_bin=self.prob_bin[a:b],
                pixels=self.pixels[a:b],
                mean_entropy=float(self.mean_entropy[k]),
                has_truth=bool(self.has_truth[k]),
            )
            for k, (i, a, b) in enumerate(zip(self.images, self.offsets, self.offsets[1:], strict=False))
        }

    def kept(self, mu: NDArray[np.uint16], nu: NDArray[np.uint16]) -> NDArray[np.float64]:
        """(N, C, 3, 4) pixels by class, truth and {neither, SSL only, ESL only, both} at integer thresholds (C,)."""
        width = np.diff(EDGES).astype(np.float64)
        by_prob = np.clip((EDGES[1:] - mu.astype(np.int64)[:, None]) / width, 0.0, 1.0)
        by_entropy = np.clip((nu.astype(np.int64)[:, None] + 1 - EDGES[:-1]) / width, 0.0, 1.0)
        out = np.zeros((self.images.size, self.num_classes * NUM_TRUTHS, 4))
        groups = self._groups
        entries = (self.entropy_bin, self.prob_bin, self.pixels)
        rest: list[Any] = [*groups.arrays, *entries, by_entropy, by_prob, *first_bins(by_entropy, by_prob), out]
        _in_blocks(self.images.size, lambda first, last: fold(first, last, *rest))
        return out.reshape(-1, self.num_classes, NUM_TRUTHS, 4)

    @cached_property
    def class_pixels(self) -> NDArray[np.float64]:
        """(N, C) pixels of each predicted class, whatever the thresholds."""
        out = np.zeros((self.images.size, self.num_classes))
        groups = self._groups
        image = np.repeat(np.arange(self.images.size), np.diff(groups.image_offsets))
        np.add.at(out, (image, groups.cell // NUM_TRUTHS), groups.whole)
        return out

    @cached_property
    def _groups(self) -> Groups:
        return Groups.of(self.offsets, self.cell, self.prob_bin, self.pixels)

    def in_brush(self, cls: int, entropy: tuple[int, int], prob: tuple[int, int]) -> NDArray[np.float64]:
        """(N,) pixels of a class whose entropy and confidence lie in two inclusive ranges of integers."""
        width = np.diff(EDGES).astype(np.float64)
        share = [
            np.clip(np.minimum(EDGES[1:], hi + 1) - np.maximum(EDGES[:-1], lo), 0, None) / width
            for lo, hi in (entropy, prob)
        ]
        out = np.zeros(self.images.size)
        entries = (self.offsets, self.cell, self.entropy_bin, self.prob_bin, self.pixels)
        _in_blocks(self.images.size, lambda first, last: _brush(first, last, *entries, cls, share[0], share[1], out))
        return out

    def save(self, path: Path) -> None:
        """Write an `.npz`, whole or not at all."""
        with atomic_writer(path) as stream:
            arrays: dict[str, Any] = {f.name: np.asarray(getattr(self, f.name)) for f in fields(self)}
            np.savez(stream, **arrays)

    @classmethod
    def load(cls, path: Path) -> "RankTable":
        """Read what `save` wrote.

        Raises:
            DataError: the file is no such table.
        """
        try:
            with np.load(path, allow_pickle=False) as held:
                return cls(num_classes=int(held["num_classes"]), **{k: held[k] for k in held if k != "num_classes"})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"Counts per image must be a readable .npz file; {path} is not ({error}). Delete it."
            ) from error


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _brush(
    first: int,
    last: int,
    offsets: Any,
    cell: Any,
    e: Any,
    p: Any,
    pixels: Any,
    cls: int,
    by_entropy: Any,
    by_prob: Any,
    out: Any,
) -> None:
    for k in range(first, last):
        total = 0.0
        for n in range(offsets[k], offsets[k + 1]):
            if cell[n] // 3 == cls:
                total += pixels[n] * by_entropy[e[n]] * by_prob[p[n]]
        out[k] = total


def _in_blocks(count: int, work: Callable[[int, int], None]) -> None:
    """Call `work(first, last)` over blocks of images, side by side."""
    edges = [count * k // _THREADS for k in range(_THREADS + 1)]
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(work, edges, edges[1:]))
