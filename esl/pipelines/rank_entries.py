"""Sums of sparse joint counts at two thresholds, for all images of a set at once: what `esl.pipelines.ranking` asks for.

Entries (image, pixels) lie sorted by cell (class and truth), entropy bin and confidence bin, whatever their image: a
threshold per class then cuts out a few stretches that are read from front to back.
"""

import numba
import numpy as np
from numpy.typing import NDArray

NUM_BINS = 64
NUM_TRUTHS = 3
"""Correct, wrong, unlabelled."""
PER_CELL = NUM_BINS * NUM_BINS
"""Keys of a cell; key = cell * PER_CELL + entropy bin * NUM_BINS + confidence bin."""
Rows = NDArray[np.uint16] | NDArray[np.uint32]
"""Image of each entry, as its place in the table."""


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def move(starts: NDArray[np.int64], rows: Rows, pixels: NDArray[np.uint32], place: NDArray[np.int64],
         cursor: NDArray[np.int64], new_rows: Rows, new_pixels: NDArray[np.uint32]) -> None:  # fmt: skip
    """Copy a table's entries, key by key, to where `cursor` (K,) says; image r becomes place[r]."""
    for key in range(starts.size - 1):
        at = cursor[key]
        for n in range(starts[key], starts[key + 1]):
            new_rows[at] = place[rows[n]]
            new_pixels[at] = pixels[n]
            at += 1
        cursor[key] = at


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def insert(keys: NDArray[np.int64], counts: NDArray[np.uint32], row: int,
           cursor: NDArray[np.int64], new_rows: Rows, new_pixels: NDArray[np.uint32]) -> None:  # fmt: skip
    """Add one image's entries behind those that each key has."""
    for n in range(keys.size):
        at = cursor[keys[n]]
        new_rows[at] = row
        new_pixels[at] = counts[n]
        cursor[keys[n]] = at + 1


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def sum_below(starts: NDArray[np.int64], rows: Rows, pixels: NDArray[np.uint32],
              below_entropy: NDArray[np.uint32], below_prob: NDArray[np.uint32]) -> None:  # fmt: skip
    """Pixels of each cell and image below each bin's first value, (cells, NUM_BINS + 1, N) each; both come as zeros."""
    num_cells = below_prob.shape[0]
    for q in range(num_cells):
        for e in range(NUM_BINS):
            for p in range(NUM_BINS):
                key = q * PER_CELL + e * NUM_BINS + p
                for n in range(starts[key], starts[key + 1]):
                    below_entropy[q, e + 1, rows[n]] += pixels[n]
                    below_prob[q, p + 1, rows[n]] += pixels[n]
        for b in range(1, NUM_BINS):
            for k in range(below_prob.shape[2]):
                below_entropy[q, b + 1, k] += below_entropy[q, b, k]
                below_prob[q, b + 1, k] += below_prob[q, b, k]


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def _add(starts: NDArray[np.int64], rows: Rows, pixels: NDArray[np.uint32], first: int, last: int,
         share: float, total: NDArray[np.float64]) -> None:  # fmt: skip
    """Add a share of the pixels with keys first..last - 1 to their images."""
    if share > 0.0:
        for n in range(starts[first], starts[last]):
            total[rows[n]] += pixels[n] * share


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def fold(first: int, last: int, starts: NDArray[np.int64], rows: Rows, pixels: NDArray[np.uint32],
         below_entropy: NDArray[np.uint32], below_prob: NDArray[np.uint32], by_entropy: NDArray[np.float64],
         by_prob: NDArray[np.float64], out: NDArray[np.float64]) -> None:  # fmt: skip
    """Fill out[q, k] with pixels kept by {neither, SSL only, ESL only, both} for the cells first..last - 1.

    Sums of one criterion are looked up. Of the joint counts either the corner that ESL alone keeps is read or the one
    that SSL alone keeps, whichever has fewer entries; where confidence and entropy agree, that is next to nothing.
    """
    total = np.zeros(out.shape[1])
    for q in range(first, last):
        c, base = q // NUM_TRUTHS, q * PER_CELL
        e = int((by_entropy[c] >= 1.0).sum())  # first entropy bin that is not kept whole
        p = min(int((by_prob[c] <= 0.0).sum()), NUM_BINS - 1)  # first confidence bin that is kept in part
        cut, share = by_entropy[c, min(e, NUM_BINS - 1)], by_prob[c, p]
        e = min(e, NUM_BINS - 1)
        num_esl = num_ssl = 0
        for b in range(NUM_BINS):
            row = base + b * NUM_BINS
            if b <= e:
                num_esl += starts[row + p + 1] - starts[row]
            if b >= e:
                num_ssl += starts[row + NUM_BINS] - starts[row + p]
        total[:] = 0.0
        reads_esl = num_esl <= num_ssl
        for b in range(0, e + 1) if reads_esl else range(e, NUM_BINS):
            row = base + b * NUM_BINS
            part = cut if b == e else 1.0
            if reads_esl:
                _add(starts, rows, pixels, row, row + p, part, total)
                _add(starts, rows, pixels, row + p, row + p + 1, part * (1.0 - share), total)
            else:
                part = 1.0 - cut if b == e else 1.0
                _add(starts, rows, pixels, row + p, row + p + 1, part * share, total)
                _add(starts, rows, pixels, row + p + 1, row + NUM_BINS, part, total)
        for k in range(out.shape[1]):
            whole = float(below_prob[q, NUM_BINS, k])
            low, high = float(below_entropy[q, e, k]), float(below_entropy[q, e + 1, k])
            esl = low + (high - low) * cut
            low, high = float(below_prob[q, p, k]), float(below_prob[q, p + 1, k])
            ssl = whole - high + (high - low) * share
            both = esl - total[k] if reads_esl else ssl - total[k]
            out[q, k, 0] = whole - ssl - esl + both
            out[q, k, 1] = ssl - both
            out[q, k, 2] = esl - both
            out[q, k, 3] = both


@numba.njit(nogil=True, cache=True)  # type: ignore[untyped-decorator, unused-ignore]
def brush(starts: NDArray[np.int64], rows: Rows, pixels: NDArray[np.uint32], cls: int,
          by_entropy: NDArray[np.float64], by_prob: NDArray[np.float64], out: NDArray[np.float64]) -> None:  # fmt: skip
    """Add to out[k] the shares of a class's pixels in each bin, whatever their truth."""
    for q in range(cls * NUM_TRUTHS, (cls + 1) * NUM_TRUTHS):
        for e in range(NUM_BINS):
            for p in range(NUM_BINS):
                key = q * PER_CELL + e * NUM_BINS + p
                _add(starts, rows, pixels, key, key + 1, by_entropy[e] * by_prob[p], out)
