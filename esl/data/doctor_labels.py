"""Checks of a data set's labels that need decoding: damage, ids that do not belong, the wrong kind of label.

Quick decodes a sample, full everything, images too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from esl.classes import UNKNOWN
from esl.data.dataset import PairDataset, Sample
from esl.data.doctor import Finding, fault
from esl.errors import DataError
from esl.images import read_ids, read_image

SAMPLED_LABELS = 200
"""Labels that the quick form decodes, evenly spread over the split."""


@dataclass
class IdCounts:
    """Pixels per stored id, over all decoded labels, and what went wrong in decoding them."""

    pixels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    num_labels: int = 0
    uniform: int = 0
    """Labels that hold a single id."""
    unknown: dict[str, list[int]] = field(default_factory=dict)
    """Label file -> ids that the format does not know."""
    broken: dict[str, str] = field(default_factory=dict)
    """File -> why it does not decode."""


def spread(samples: list[Sample], count: int) -> list[Sample]:
    """At most `count` samples, evenly spread."""
    if len(samples) <= count:
        return samples
    return [samples[i * len(samples) // count] for i in range(count)]


def decode_pair(dataset: PairDataset, sample: Sample, *, with_image: bool) -> tuple[Sample, NDArray[np.int64], str]:
    """Decode a label (and its image): pixels per stored id, and what is wrong or an empty string."""
    counts = np.zeros(256, np.int64)
    try:
        if with_image:
            read_image(sample.image_path)
        if dataset.has_label(sample.image_id) and sample.label_path is not None:
            ids = read_ids(sample.label_path, encoding=dataset.encoding)
            counts += np.bincount(ids.ravel(), minlength=256)
    except DataError as error:
        return sample, counts, str(error)
    return sample, counts, ""


def add_pair(
    total: IdCounts, lookup: NDArray[np.int16], sample: Sample, counts: NDArray[np.int64], problem: str
) -> None:
    """Add one decoded pair to the totals."""
    if problem:
        total.broken[str(sample.image_path)] = problem
    if not counts.any():
        return
    total.num_labels += 1
    total.pixels += counts
    total.uniform += int(np.count_nonzero(counts) == 1)
    if strange := np.flatnonzero((counts > 0) & (lookup == UNKNOWN)).tolist():
        total.unknown[str(sample.label_path)] = strange


def check_decoded(dataset: PairDataset, total: IdCounts) -> list[Finding]:
    """Judge the decoded labels: damage, ids that do not belong, another kind of label."""
    findings = []
    if total.broken:
        first = next(iter(total.broken.values()))
        findings.append(fault("unreadable", f"Files must decode (first: {first})", list(total.broken)))
    if total.unknown:
        found = sorted({i for ids in total.unknown.values() for i in ids})
        message = f"Labels must hold only ids of format {dataset.label_format}; these were also found: {found}."
        findings.append(fault("ids", message + _likely_kind(total.pixels), list(total.unknown)))
    elif dataset.label_format in ("cityscapes", "gta5") and (kind := _likely_kind(total.pixels)).endswith("train ids."):
        message = f"Labels must hold label ids (format {dataset.label_format})."
        findings.append(Finding(level="fault", check="kind", message=message + kind, num_files=total.num_labels))
    if total.num_labels and total.uniform == total.num_labels:
        only = np.flatnonzero(total.pixels).tolist()
        message = f"Labels must show more than one class; every one that was decoded holds a single id ({only[:6]})."
        findings.append(Finding(level="fault", check="ids", message=message, num_files=total.num_labels))
    return findings


def _likely_kind(pixels: NDArray[np.int64]) -> str:
    """What the ids found look like; an empty string where they could be several things."""
    ids = set(np.flatnonzero(pixels).tolist()) - {255}
    if not ids:
        return ""
    # Vegetation is 21, sky 23 and car 26 among label ids: a street without any of them is a map of train ids.
    if max(ids) <= 18:
        return " They look like train ids."
    if max(ids) <= 34 and ids & set(range(24, 35)):
        return " They look like label ids (Cityscapes or GTA5)."
    return " They look like Mapillary ids." if max(ids) <= 65 else " They look like grey levels, not ids."


def class_pixels(dataset: PairDataset, total: IdCounts) -> Mapping[str, int]:
    """Pixels of each class among the decoded labels; `ignore` comes last."""
    lookup = dataset.class_set.lookup(dataset.label_format)
    names = (*dataset.class_set.names, "ignore")
    trains = [*range(dataset.class_set.num_classes), 255]
    return {name: int(total.pixels[lookup == train].sum()) for name, train in zip(names, trains, strict=True)}
