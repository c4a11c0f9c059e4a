"""Loops that count pixels, compiled, and the file that the counts live in."""

import io
import os
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from esl.compiled import compiled
from esl.errors import DataError
from esl.files import atomic_writer

NUM_BINS = 65536
"""One bin per value of a quantised score."""

_EPOCH = (1980, 1, 1, 0, 0, 0)


@compiled
def fold_scores(label: Any, max_prob: Any, entropy: Any, every: int, counts: Any) -> int:
    """Count each pixel's two scores under its class in counts (2, C, 65536); return how many labels name no class."""
    num_classes = counts.shape[1]
    to_skip = np.zeros(num_classes, np.int64)
    strangers = 0
    for y in range(label.shape[0]):
        for x in range(label.shape[1]):
            c = label[y, x]
            if c < num_classes:
                if to_skip[c] == 0:
                    counts[0, c, max_prob[y, x]] += 1
                    counts[1, c, entropy[y, x]] += 1
                    to_skip[c] = every
                to_skip[c] -= 1
            elif c != 255:
                strangers += 1
    return strangers


@compiled
def fold_outcomes(label: Any, max_prob: Any, entropy: Any, truth: Any, marginals: Any, joint: Any) -> int:
    """Count pixels by class, outcome (0 correct, 1 wrong, 2 unlabelled) and score.

    `marginals` is (2, C, 3, 65536), `joint` (C, 3, 256, 256) by the high bytes of entropy and max-prob. Returns how
    many labels, predicted or true, name no class.
    """
    num_classes = joint.shape[0]
    strangers = 0
    for y in range(label.shape[0]):
        for x in range(label.shape[1]):
            c = label[y, x]
            t = truth[y, x]
            if t != 255 and t >= num_classes:
                strangers += 1
            elif c < num_classes:
                outcome = 2 if t == 255 else (0 if t == c else 1)
                p = np.int64(max_prob[y, x])
                e = np.int64(entropy[y, x])
                marginals[0, c, outcome, p] += 1
                marginals[1, c, outcome, e] += 1
                joint[c, outcome, e >> 8, p >> 8] += 1
            elif c != 255:
                strangers += 1
    return strangers


def save_counts(path: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays as a compressed .npz, whole or not at all; the same counts give the same bytes.

    Raises:
        DataError: the file cannot be written.
    """
    with atomic_writer(os.fspath(path)) as stream, zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(arrays):
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.ascontiguousarray(arrays[name]), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, entry.getbuffer(), compresslevel=1)


def load_counts(path: str | os.PathLike[str], names: tuple[str, ...]) -> tuple[NDArray[np.int64], ...]:
    """Read the int64 arrays `names` that `save_counts` wrote.

    Raises:
        DataError: the file is missing, damaged or of another kind.
    """
    try:
        with np.load(path, allow_pickle=False) as data:
            arrays = tuple(np.ascontiguousarray(data[name]) for name in names)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zipfile.error) as error:
        raise DataError(
            f"{os.fspath(path)} must be a file of counts with {', '.join(names)} ({error}). Delete it; it is made anew."
        ) from error
    if any(array.dtype != np.int64 for array in arrays):
        raise DataError(f"{os.fspath(path)} must hold 64-bit counts. Delete it; it is made anew.")
    return arrays
