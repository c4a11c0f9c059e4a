"""A pass over a store's images beside their ground truth, and where what it counted is kept."""

import hashlib
import json
import os
from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from esl.errors import EslError
from esl.progress import Progress, ShouldStop
from esl.store.predictions import PredictionStore

CACHE_NAME = "audit"
"""Folder inside a store; may be deleted at any time."""


class Labels(Protocol):
    """Ground truth of a store's images; `Targets` is one."""

    def has_label(self, image_id: str) -> bool:
        """Whether there is a label; it is not opened."""

    def label_stamp(self, image_id: str) -> tuple[int, int]:
        """Changes when the label file changes."""

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
