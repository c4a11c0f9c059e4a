"""Order a whole set of images by what two thresholds do to each of them, in milliseconds and without touching a pixel.

Each image is counted sparsely by class and truth, entropy bin and confidence bin, on 64 x 64 bins that are finer
near 0 and 1, where thresholds sit. A threshold inside a bin takes its share of the bin, so answers are approximate.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE
from esl.cores import usable_cores
from esl.errors import DataError
from esl.files import atomic_writer
from esl.labeling.maps import SCALE, PredictionMaps
from esl.pipelines.rank_entries import NUM_BINS, NUM_TRUTHS, PER_CELL, Rows, brush, fold, insert, move, sum_below

_THREADS = min(4, usable_cores())


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

    keys: NDArray[np.int64]
    """((class * 3 + truth) * 64 + entropy bin) * 64 + confidence bin of each entry, rising."""
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
        keys=held.astype(np.int64),
        pixels=counts[held].astype(np.uint32),
        mean_entropy=float(entropy.mean() / SCALE) if entropy.size else 0.0,
        has_truth=truth is not None,
    )


@dataclass(frozen=True)
class RankTable:
    """Counts of N images, sorted by what was counted instead of by image: see `esl.pipelines.rank_entries`."""

    num_classes: int
    images: NDArray[np.int64]
    """(N,) index of each image in the store, rising."""
    starts: NDArray[np.int64]
    """(K + 1,) entries with key k are starts[k]..starts[k + 1]."""
    rows: Rows
    """Of each entry, which of the N images it belongs to."""
    pixels: NDArray[np.uint32]
    mean_entropy: NDArray[np.float64]
    has_truth: NDArray[np.bool_]

    @classmethod
    def of(cls, counts: Mapping[int, ImageCounts], num_classes: int) -> "RankTable":
        """Counts of some images by their index in the store."""
        none = cls(
            num_classes=num_classes,
            images=np.zeros(0, np.int64),
            starts=np.zeros(num_classes * NUM_TRUTHS * PER_CELL + 1, np.int64),
            rows=np.zeros(0, np.uint16),
            pixels=np.zeros(0, np.uint32),
            mean_entropy=np.zeros(0),
            has_truth=np.zeros(0, np.bool_),
        )
        return none.joined(counts) if counts else none

    def joined(self, counts: Mapping[int, ImageCounts]) -> "RankTable":
        """This table and the counts of images that it does not hold yet."""
        parts = [counts[i] for i in sorted(counts)]
        images = np.concatenate([self.images, np.asarray(sorted(counts), np.int64)])
        order = np.argsort(images, kind="stable")
        place = np.empty(images.size, np.int64)
        place[order] = np.arange(images.size)
        sizes = np.diff(self.starts)
        for part in parts:
            sizes[part.keys] += 1  # an image has each key once
        starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        rows: Rows = np.empty(starts[-1], np.uint16 if images.size <= 1 << 16 else np.uint32)
        pixels, cursor = np.empty(starts[-1], np.uint32), starts[:-1].copy()
        move(self.starts, self.rows, self.pixels, place, cursor, rows, pixels)
        for part, row in zip(parts, place[self.images.size :].tolist(), strict=True):
            insert(part.keys, part.pixels, row, cursor, rows, pixels)
        entropies, truths = [part.mean_entropy for part in parts], [part.has_truth for part in parts]
        return RankTable(
            num_classes=self.num_classes,
            images=images[order],
            starts=starts,
            rows=rows,
            pixels=pixels,
            mean_entropy=np.concatenate([self.mean_entropy, np.asarray(entropies, np.float64)])[order],
            has_truth=np.concatenate([self.has_truth, np.asarray(truths, np.bool_)])[order],
        )

    def kept(self, mu: NDArray[np.uint16], nu: NDArray[np.uint16]) -> NDArray[np.float64]:
        """(N, C, 3, 4) pixels by class, truth and {neither, SSL only, ESL only, both} at integer thresholds (C,)."""
        width = np.diff(EDGES).astype(np.float64)
        by_prob = np.clip((EDGES[1:] - mu.astype(np.int64)[:, None]) / width, 0.0, 1.0)
        by_entropy = np.clip((nu.astype(np.int64)[:, None] + 1 - EDGES[:-1]) / width, 0.0, 1.0)
        num_cells = self.num_classes * NUM_TRUTHS
        out = np.zeros((num_cells, self.images.size, 4))
        held = (self.starts, self.rows, self.pixels, *self._below)
        _in_blocks(num_cells, lambda first, last: fold(first, last, *held, by_entropy, by_prob, out))
        return out.reshape(self.num_classes, NUM_TRUTHS, -1, 4).transpose(2, 0, 1, 3)

    @cached_property
    def class_pixels(self) -> NDArray[np.float64]:
        """(N, C) pixels of each predicted class, whatever the thresholds."""
        whole = self._below[1][:, -1].reshape(self.num_classes, NUM_TRUTHS, -1)
        return np.asarray(whole.sum(axis=1, dtype=np.float64).T)

    @cached_property
    def _below(self) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
        """Pixels below each entropy bin and below each confidence bin, (cells, bins + 1, N) each."""
        shape = (self.num_classes * NUM_TRUTHS, NUM_BINS + 1, self.images.size)
        below = np.zeros(shape, np.uint32), np.zeros(shape, np.uint32)
        sum_below(self.starts, self.rows, self.pixels, *below)
        return below

    def in_brush(self, cls: int, entropy: tuple[int, int], prob: tuple[int, int]) -> NDArray[np.float64]:
        """(N,) pixels of a class whose entropy and confidence lie in two inclusive ranges of integers."""
        width = np.diff(EDGES).astype(np.float64)
        share = [
            np.clip(np.minimum(EDGES[1:], hi + 1) - np.maximum(EDGES[:-1], lo), 0, None) / width
            for lo, hi in (entropy, prob)
        ]
        out = np.zeros(self.images.size)
        brush(self.starts, self.rows, self.pixels, cls, share[0], share[1], out)
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


def _in_blocks(count: int, work: Callable[[int, int], None]) -> None:
    """Call `work(first, last)` over blocks of cells, side by side; more blocks than threads, as cells differ in size."""
    edges = [count * k // (4 * _THREADS) for k in range(4 * _THREADS + 1)]
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(work, edges, edges[1:]))
