"""A pass over a store's images beside their ground truth, and where what it counted is kept."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from esl.errors import DataError, EslError
from esl.files import read_json, write_json
from esl.labeling.maps import PredictionMaps
from esl.labeling.thresholds import Counts
from esl.progress import Progress, ShouldStop
from esl.store.predictions import PredictionStore

CACHE_NAME = "audit"
"""Folder inside a store; may be deleted at any time."""


class Labels(Protocol):
    """Ground truth of a store's images; `Targets` is one."""

    def has_label(self, image_id: str) -> bool:
        """Whether there is a label; it is not opened."""

    def label_stamp(self, image_id: str) -> tuple[int, int]:
        """Changes when the label file changes, or what its ids mean."""

    def label(self, image_id: str) -> NDArray[np.uint8]:
        """(H, W) uint8 train ids at the store's `map_size`, 255 = ignore."""


class AuditStopped(EslError):
    """Someone asked the audit to stop; nothing of it is kept."""


def truth_of(labels: Labels, image_id: str) -> NDArray[np.uint8] | None:
    """(H, W) train ids, or None where the image has no label."""
    return labels.label(image_id) if labels.has_label(image_id) else None


def done_images(store: PredictionStore) -> list[str]:
    """Images whose logits are there, in the store's order."""
    return [image_id for image_id in store.image_ids if store.has(image_id)]


def images_with_progress(store: PredictionStore, progress: Progress, should_stop: ShouldStop) -> Iterator[str]:
    """The images that are done, one after the other.

    Raises:
        AuditStopped: `should_stop` said so.
    """
    done = done_images(store)
    for count, image_id in enumerate(done, start=1):
        if should_stop():
            raise AuditStopped("The audit was stopped before its end; ask again to do it.")
        yield image_id
        progress(count, len(done))


def audit_key(store: PredictionStore, labels: Labels) -> str:
    """Identity of what is counted: the logits and every label file's time and size."""
    stamps = [labels.label_stamp(image_id) for image_id in done_images(store)]
    return hashlib.sha256(json.dumps([store.store_hash, stamps]).encode()).hexdigest()[:16]


def may_keep(store: PredictionStore) -> bool:
    """Whether counts of this store will still hold tomorrow, and can be written into it."""
    return store.is_complete and os.access(store.directory, os.W_OK)


@dataclass(frozen=True, kw_only=True)
class AuditPass:
    """A pass that depends on thresholds, so that it is made, and kept, once for each set of them."""

    store: PredictionStore
    """Complete, or as far as it is."""
    labels: Labels
    key: str
    """Identity of logits and labels (`audit_key`)."""
    progress: Progress
    """Told after each image."""
    should_stop: ShouldStop
    """Asked before each image."""

    def images(
        self, maps_of: Callable[[PredictionStore, str], PredictionMaps] = PredictionStore.maps
    ) -> Iterator[tuple[PredictionMaps, NDArray[np.uint8] | None]]:
        """Maps and ground truth (None where there is none) of each image.

        Raises:
            DataError: a label cannot be used.
            AuditStopped: `should_stop` said so.
        """
        for image_id in images_with_progress(self.store, self.progress, self.should_stop):
            yield maps_of(self.store, image_id), truth_of(self.labels, image_id)

    def kept_json(
        self, what: str, rule: bytes, count: Callable[[], Any], read: Callable[[Any], Any] = lambda v: v
    ) -> Any:
        """What `count` gives (plain values), from the store's cache where it was counted before.

        Args:
            what: is counted; part of the file's name.
            rule: everything that the count depends on beside logits and labels.
            count: makes the pass.
            read: takes the plain values; what raises DataError, KeyError, TypeError or ValueError here is damaged.
        """
        path = self.store.directory / CACHE_NAME / f"{self.key}-{what}{hashlib.sha256(rule).hexdigest()[:12]}.json"
        if path.is_file():
            try:
                return read(read_json(path))
            except (DataError, KeyError, TypeError, ValueError):
                pass  # a damaged cache is made anew
        value = count()
        if may_keep(self.store):
            write_json(path, value)
        return read(value)

    def kept_counts(self, what: str, rule: bytes, shape: tuple[int, ...], count: Callable[[], Counts]) -> Counts:
        """The same for an array of counts of a known shape."""

        def read(value: Any) -> Counts:
            counts = np.asarray(value["counts"], np.int64)
            if counts.shape != shape:
                raise ValueError(f"Counts must be {shape}; they are {counts.shape}.")
            return counts

        kept: Counts = self.kept_json(what, rule, lambda: {"counts": count().tolist()}, read)
        return kept
