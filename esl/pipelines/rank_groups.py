"""Sums of sparse joint counts at two thresholds, for all images of a set at once: what `esl.pipelines.ranking` asks for.

Entries lie sorted by image, cell (class and truth), entropy bin and confidence bin.
"""

from dataclasses import dataclass, fields
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

NUM_BINS = 64
NUM_TRUTHS = 3
"""Correct, wrong, unlabelled."""


@dataclass(frozen=True)
class Groups:
    """Runs of entries of one image and cell, with what their sums need beside the entries between two thresholds."""

    image_offsets: NDArray[np.int64]
    """(N + 1,) groups of image k are image_offsets[k]..image_offsets[k + 1]."""
    offsets: NDArray[np.int64]
    """(M + 1,) entries of group g, rising in entropy bin and then in confidence bin."""
    cell: NDArray[np.uint16]
    whole: NDArray[np.float64]
    """(M,) pixels."""
    prob_offsets: NDArray[np.int64]
    """(M + 1,) where group g's confidence bins lie in the two arrays below."""
    prob_bin: NDArray[np.uint8]
    prob_below: NDArray[np.uint32]
    """Pixels of the group up to and with each of its confidence bins."""

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All of them, in order."""
        return tuple(getattr(self, f.name) for f in fields(self))

    @classmethod
    def of(
        cls, image_starts: NDArray[np.int64], cell: NDArray[np.uint16], p: NDArray[np.uint8], pixels: NDArray[np.uint32]
    ) -> "Groups":
        """One pass over a table's entries; `image_starts` (N + 1,) says where each image's begin."""
        begins = np.ones(cell.size, np.bool_)
        begins[1:] = cell[1:] != cell[:-1]
        begins[image_starts[:-1][image_starts[:-1] < cell.size]] = True
        starts = np.flatnonzero(begins)
        offsets = np.append(starts, cell.size).astype(np.int64)
        sizes = np.zeros(starts.size, np.int64)
        _count_probs(offsets, p, sizes)
        prob_offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        bins, below = np.empty(prob_offsets[-1], np.uint8), np.empty(prob_offsets[-1], np.uint32)
        whole = np.zeros(starts.size)
        _sum_probs(offsets, p, pixels, prob_offsets, bins, below, whole)
        image_offsets = np.searchsorted(starts, image_starts).astype(np.int64)
        return cls(image_offsets, offsets, cell[starts], whole, prob_offsets, bins, below)


def first_bins(by_entropy: NDArray[np.float64], by_prob: NDArray[np.float64]) -> tuple[NDArray[np.int64], ...]:
    """For each class the first entropy bin that is not kept whole, and the first confidence bin that is kept in part."""
    return (by_entropy >= 1.0).sum(axis=1), (by_prob <= 0.0).sum(axis=1)


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _count_probs(offsets: Any, p: Any, sizes: Any) -> None:
    seen = np.zeros(NUM_BINS, np.bool_)
    for g in range(sizes.size):
        seen[:] = False
        for n in range(offsets[g], offsets[g + 1]):
            seen[p[n]] = True
        sizes[g] = seen.sum()


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _sum_probs(offsets: Any, p: Any, pixels: Any, prob_offsets: Any, bins: Any, below: Any, whole: Any) -> None:
    counts = np.zeros(NUM_BINS, np.int64)
    for g in range(whole.size):
        counts[:] = 0
        for n in range(offsets[g], offsets[g + 1]):
            counts[p[n]] += pixels[n]
        at, total = prob_offsets[g], 0
        for b in range(NUM_BINS):
            if counts[b] > 0:
                total += counts[b]
                bins[at], below[at] = b, total
                at += 1
        whole[g] = total


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _first_at_least(bins: Any, first: int, last: int, wanted: int) -> int:
    while first < last:
        middle = (first + last) // 2
        if bins[middle] < wanted:
            first = middle + 1
        else:
            last = middle
    return first


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def fold(
    first: int, last: int, image_offsets: Any, offsets: Any, cell: Any, whole: Any, prob_offsets: Any, prob_bin: Any,
    prob_below: Any, e: Any, p: Any, pixels: Any, by_entropy: Any, by_prob: Any, entropy_first: Any, prob_first: Any,
    out: Any,
) -> None:  # fmt: skip
    """Marginals by bisection; of the joint counts only those on the smaller side of the entropy threshold are read."""
    for k in range(first, last):
        for g in range(image_offsets[k], image_offsets[k + 1]):
            at = cell[g]
            c = at // 3
            a, b = prob_offsets[g], prob_offsets[g + 1]
            m = _first_at_least(prob_bin, a, b, prob_first[c])
            ssl = whole[g] - (prob_below[m - 1] if m > a else 0)
            if m < b and prob_bin[m] == prob_first[c]:
                part = prob_below[m] - (prob_below[m - 1] if m > a else 0)
                ssl -= part * (1.0 - by_prob[c, prob_first[c]])
            begin, end = offsets[g], offsets[g + 1]
            split = _first_at_least(e, begin, end, entropy_first[c])
            shares, cut = by_prob[c], 0.0
            if entropy_first[c] < NUM_BINS:
                cut = by_entropy[c, entropy_first[c]]  # of the bin that the threshold lies in; those before are whole
            esl, both = 0.0, 0.0
            after = split
            if split - begin <= end - split:
                for n in range(begin, split):
                    esl += pixels[n]
                    both += pixels[n] * shares[p[n]]
                while after < end and e[after] == entropy_first[c]:
                    esl += pixels[after] * cut
                    both += pixels[after] * shares[p[after]] * cut
                    after += 1
            else:
                esl, both = whole[g], ssl
                while after < end and e[after] == entropy_first[c]:
                    esl -= pixels[after] * (1.0 - cut)
                    both -= pixels[after] * shares[p[after]] * (1.0 - cut)
                    after += 1
                for n in range(after, end):
                    esl -= pixels[n]
                    both -= pixels[n] * shares[p[n]]
            out[k, at, 0] = whole[g] - ssl - esl + both
            out[k, at, 1] = ssl - both
            out[k, at, 2] = esl - both
            out[k, at, 3] = both
