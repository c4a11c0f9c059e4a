"""The arithmetic of `maps`: softmax, bilinear resizing, arg max and entropy, compiled by Numba.

Nothing here calls a library function: exp and log are polynomials over the exponent bits, and only additions,
multiplications, divisions, comparisons and bit operations are used, each rounded once as IEEE 754 says. Without
fast-math LLVM neither reorders a sum nor contracts `a * b + c` into a fused operation, so the bytes do not depend on
the machine, the vector width or the number of threads.

Layout: a tile of `TILE` columns at a time. Low-resolution rows are widened to the tile once each, then every output
row blends two of them. Inner loops are element-wise over pixels, so they vectorise without reordering a sum.
"""

from typing import Any

import numpy as np

from esl.compiled import compiled

TILE = 256
"""Columns per tile: two widened rows of 19 classes stay in the first two cache levels."""

_LOWEST = np.float32(-64.0)
"""Below this distance from the largest logit a probability (1.6e-28) counts as exactly 0; no subnormal ever appears."""
_LOG2E, _SCALE = np.float32(1.4426950408889634), np.float32(65535.0)
_ZERO, _HALF, _ONE = np.float32(0.0), np.float32(0.5), np.float32(1.0)
_SQRT_HALF_BITS, _MANTISSA = np.int32(0x3F3504F3), np.int32(0x7FFFFF)
_EXPONENT_SHIFT, _EXPONENT_BIAS = np.int32(23), np.int32(127)

# Minimax fits: log2(1 + f) / f on [sqrt(1/2) - 1, sqrt(2) - 1], error 2.5e-7; (2^f - 1) / f on [-1/2, 1/2], error 7.5e-9.
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7 = (np.float32(v) for v in (
    1.442694902420044, -0.7213524580001831, 0.4809311628341675, -0.360263466835022,
    0.2868688702583313, -0.24832281470298767, 0.23570962250232697, -0.14973321557044983,
))  # fmt: skip
_E0, _E1, _E2, _E3, _E4, _E5 = (np.float32(v) for v in (
    0.6931471824645996, 0.24022650718688965, 0.055503569543361664,
    0.009618030861020088, 0.0013390866806730628, 0.0001546973508084193,
))  # fmt: skip


@compiled
def _log2(p: Any) -> Any:
    """log2 of a float32 >= 0; a finite negative number at 0, so that `p * _log2(p)` is 0 there."""
    bits = np.int32(np.float32(p).view(np.int32) - _SQRT_HALF_BITS)
    exponent = np.int32(bits >> _EXPONENT_SHIFT)
    f = np.int32((bits & _MANTISSA) + _SQRT_HALF_BITS).view(np.float32) - _ONE
    f2 = f * f  # pairs of terms, so that a core has something to do while the last product is on its way
    low, high = (_L0 + f * _L1) + f2 * (_L2 + f * _L3), (_L4 + f * _L5) + f2 * (_L6 + f * _L7)
    return np.float32(exponent) + f * (low + (f2 * f2) * high)


@compiled
def _exp(t: Any) -> Any:
    """e^t of a float32 t <= 0; exactly 1 at 0 and exactly 0 below `_LOWEST`."""
    y = (t if t > _LOWEST else _LOWEST) * _LOG2E
    n = np.int32(y - _HALF)  # truncation rounds a negative number to the nearest after the half is taken off
    f = y - np.float32(n)
    poly = _E0 + f * (_E1 + f * (_E2 + f * (_E3 + f * (_E4 + f * _E5))))
    power = np.int32((n + _EXPONENT_BIAS) << _EXPONENT_SHIFT).view(np.float32)
    return (power + power * (f * poly)) if t > _LOWEST else _ZERO


@compiled
def _quantised(v: Any) -> Any:
    """floor(65535 v + 0.5) for v >= 0, at most 65535."""
    return np.uint16(min(np.int32(v * _SCALE + _HALF), np.int32(65535)))


@compiled
def softmax_rows(logits: Any, probs: Any, first: int, last: int) -> None:
    """Write the softmax of rows `first` to `last` of float32 logits (C, h, w) into probs (C, h, w)."""
    num_classes, _, width = logits.shape
    peak = np.empty(width, np.float32)
    total = np.empty(width, np.float32)
    for row in range(first, last):
        source = logits[0, row]
        for x in range(width):
            peak[x] = source[x]
            total[x] = _ZERO
        for c in range(1, num_classes):
            source = logits[c, row]
            for x in range(width):
                peak[x] = source[x] if source[x] > peak[x] else peak[x]
        for c in range(num_classes):
            source = logits[c, row]
            target = probs[c, row]
            for x in range(width):
                e = _exp(source[x] - peak[x])
                target[x] = e
                total[x] += e
        for c in range(num_classes):
            target = probs[c, row]
            for x in range(width):
                target[x] = target[x] / total[x]


@compiled
def _widen(low: Any, row: int, columns: Any, weights: Any, target: Any) -> None:
    """Blend the columns of one low-resolution row of low (C, h, w) into target (C, tile)."""
    last = low.shape[2] - 1
    for c in range(low.shape[0]):
        line = low[c, row]
        out = target[c]
        for x in range(columns.shape[0]):
            left = line[columns[x]]
            out[x] = left + weights[x] * (line[min(columns[x] + 1, last)] - left)


@compiled
def _blend(upper: Any, lower: Any, weight: Any, target: Any) -> None:
    for x in range(upper.shape[0]):
        target[x] = upper[x] + weight * (lower[x] - upper[x])


# Classes go from one row of `arg` (2, tile) to the other: written where they were read, they would become masked stores,
# which cost several times the rest of the loop on CPUs without AVX-512.


@compiled
def _keep_best(p: Any, c: Any, best: Any, arg: Any, new_arg: Any) -> None:
    for x in range(p.shape[0]):
        v, b, a = p[x], best[x], arg[x]
        is_new = v > b
        new_arg[x] = c if is_new else a
        best[x] = v if is_new else b


@compiled
def _keep_two_best(p: Any, c: Any, best: Any, arg: Any, new_arg: Any, second: Any, arg2: Any, new_arg2: Any) -> None:
    for x in range(p.shape[0]):
        v, b, a, s, sa = p[x], best[x], arg[x], second[x], arg2[x]
        is_new = v > b
        is_second = v > s
        new_arg2[x] = a if is_new else (c if is_second else sa)
        second[x] = b if is_new else (v if is_second else s)
        new_arg[x] = c if is_new else a
        best[x] = v if is_new else b


@compiled
def _add_information(p: Any, total: Any) -> None:
    for x in range(p.shape[0]):
        total[x] -= p[x] * _log2(p[x])


@compiled
def _keep_best_weighted(p: Any, factor: Any, c: Any, best: Any, arg: Any, new_arg: Any, prob: Any) -> None:
    for x in range(p.shape[0]):
        probability, b, a, q = p[x], best[x], arg[x], prob[x]
        v = probability * factor
        is_new = v > b
        new_arg[x] = c if is_new else a
        prob[x] = probability if is_new else q
        best[x] = v if is_new else b


@compiled
def _add_exponentials(z: Any, peak: Any, e: Any, total: Any, moment: Any) -> None:
    for x in range(z.shape[0]):
        t = np.float32(z[x] - peak[x])
        v = _exp(t)
        e[x] = v
        total[x] += v
        moment[x] -= v * (t if t > _LOWEST else _ZERO)


@compiled
def _write(label: Any, max_prob: Any, entropy: Any, arg: Any, best: Any, information: Any, normaliser: Any) -> None:
    for x in range(label.shape[0]):
        label[x] = np.uint8(arg[x])
        max_prob[x] = _quantised(best[x])
        entropy[x] = _quantised(information[x] * normaliser)


@compiled
def _write_pair(label: Any, prob: Any, arg: Any, value: Any) -> None:
    for x in range(label.shape[0]):
        label[x] = np.uint8(arg[x])
        prob[x] = _quantised(value[x])


@compiled
def _turn(low: Any, upper: int, held: Any, rows: Any, columns: Any, weights: Any) -> Any:
    """Make rows (2, C, tile) hold `upper` and the row below it, as `held` remembers; say which one is the upper."""
    last = low.shape[1] - 1
    place = 1 if held[1] == upper else 0
    for k in range(2):
        wanted, where = min(upper + k, last), place ^ k
        if held[where] != wanted:
            _widen(low, wanted, columns, weights, rows[where])
            held[where] = wanted
    return place


@compiled
def maps_from_probs(
    probs: Any, places: Any, row_weights: Any, columns: Any, column_weights: Any, first: int, last: int,
    normaliser: Any, maps: Any, scores: Any, factors: Any, has_second: bool, has_weighted: bool,
) -> None:  # fmt: skip
    """Fill output rows `first` to `last` from low-resolution probabilities (C, h, w) float32.

    Args:
        places, row_weights: for each output row, the low-resolution row above it and the weight of the next one.
        columns, column_weights: the same for the output columns.
        normaliser: 1 / log2(C).
        maps: (3, H, W) uint8: label, second class, class of the largest P / divisor.
        scores: (4, H, W) uint16: max-prob, entropy, second probability, probability of the third map's class.
        factors: (C,) float32, one over the divisors.
    """
    num_classes, width = probs.shape[0], columns.shape[0]
    rows = np.empty((2, num_classes, TILE), np.float32)
    lines = np.empty((6, TILE), np.float32)
    args = np.empty((2, 3, TILE), np.int32)
    held = np.empty(2, np.int64)
    for left in range(0, width, TILE):
        right = min(left + TILE, width)
        n = right - left
        held[:] = -1
        p, best, second = lines[0, :n], lines[1, :n], lines[2, :n]
        weighted, weighted_prob, information = lines[3, :n], lines[4, :n], lines[5, :n]
        for y in range(first, last):
            upper = _turn(probs, places[y], held, rows, columns[left:right], column_weights[left:right])
            lines[1:4] = -_ONE
            lines[4:] = _ZERO
            args[0] = 0
            for c in range(num_classes):
                _blend(rows[upper, c, :n], rows[1 - upper, c, :n], row_weights[y], p)
                _add_information(p, information)
                old, new = args[c & 1], args[(c & 1) ^ 1]
                if has_second:
                    _keep_two_best(p, np.int32(c), best, old[0, :n], new[0, :n], second, old[1, :n], new[1, :n])
                else:
                    _keep_best(p, np.int32(c), best, old[0, :n], new[0, :n])
                if has_weighted:
                    _keep_best_weighted(p, factors[c], np.int32(c), weighted, old[2, :n], new[2, :n], weighted_prob)
            _write(
                maps[0, y, left:right], scores[0, y, left:right], scores[1, y, left:right],
                args[num_classes & 1, 0, :n], best, information, normaliser,
            )  # fmt: skip
            if has_second:
                _write_pair(maps[1, y, left:right], scores[2, y, left:right], args[num_classes & 1, 1, :n], second)
            if has_weighted:
                _write_pair(
                    maps[2, y, left:right], scores[3, y, left:right], args[num_classes & 1, 2, :n], weighted_prob
                )


@compiled
def maps_from_logits(
    logits: Any, places: Any, row_weights: Any, columns: Any, column_weights: Any, first: int, last: int,
    normaliser: Any, maps: Any, scores: Any, factors: Any, has_second: bool, has_weighted: bool,
) -> None:  # fmt: skip
    """Like `maps_from_probs`, but logits (C, h, w) are resized first, in float64, and the softmax comes after."""
    num_classes, width = logits.shape[0], columns.shape[0]
    rows = np.empty((2, num_classes, TILE), np.float64)
    peaks = np.empty((3, TILE), np.float64)
    lines = np.empty((5, TILE), np.float32)
    args = np.empty((2, 3, TILE), np.int32)
    held = np.empty(2, np.int64)
    for left in range(0, width, TILE):
        right = min(left + TILE, width)
        n = right - left
        held[:] = -1
        z, best, second = peaks[0, :n], peaks[1, :n], peaks[2, :n]
        e, total, moment, weighted, weighted_prob = lines[0, :n], lines[1, :n], lines[2, :n], lines[3, :n], lines[4, :n]
        for y in range(first, last):
            upper = _turn(logits, places[y], held, rows, columns[left:right], column_weights[left:right])
            peaks[1:] = -np.inf
            lines[1:3] = _ZERO
            weighted[:] = -_ONE
            args[0] = 0
            for c in range(num_classes):
                _blend(rows[upper, c, :n], rows[1 - upper, c, :n], row_weights[y], z)
                old, new = args[c & 1], args[(c & 1) ^ 1]
                if has_second:
                    _keep_two_best(z, np.int32(c), best, old[0, :n], new[0, :n], second, old[1, :n], new[1, :n])
                else:
                    _keep_best(z, np.int32(c), best, old[0, :n], new[0, :n])
            for c in range(num_classes):
                _blend(rows[upper, c, :n], rows[1 - upper, c, :n], row_weights[y], z)
                _add_exponentials(z, best, e, total, moment)
                if has_weighted:
                    old, new = args[c & 1], args[(c & 1) ^ 1]
                    _keep_best_weighted(e, factors[c], np.int32(c), weighted, old[2, :n], new[2, :n], weighted_prob)
            for x in range(n):
                share = _ONE / total[x]
                e[x] = share
                moment[x] = _log2(total[x]) + moment[x] * _LOG2E * share
            _write(
                maps[0, y, left:right], scores[0, y, left:right], scores[1, y, left:right],
                args[num_classes & 1, 0, :n], e, moment, normaliser,
            )  # fmt: skip
            if has_second:
                for x in range(n):
                    weighted[x] = _exp(np.float32(second[x] - best[x])) * e[x]
                _write_pair(maps[1, y, left:right], scores[2, y, left:right], args[num_classes & 1, 1, :n], weighted)
            if has_weighted:
                weighted_prob *= e
                _write_pair(
                    maps[2, y, left:right], scores[3, y, left:right], args[num_classes & 1, 2, :n], weighted_prob
                )
