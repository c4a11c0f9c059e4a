"""One store that the server has open: its images by index, their maps, truth and photos, with bounded caches."""

import hashlib
import threading
from collections import deque
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.cache import ByteCache
from esl.errors import DataError
from esl.labeling.maps import PredictionMaps, class_distribution, derive_maps
from esl.labeling.thresholds import ScoreHistogram
from esl.pipelines.targets import Targets
from esl.store.predictions import MANIFEST_NAME, PredictionStore

MAPS_VERSION = "1"
"""Raise it when the same logits give other maps: browsers then forget what they hold."""


class NotDoneError(DataError):
    """The image waits for the network; it is predicted next."""


@dataclass(frozen=True)
class OwnImage:
    """An image that was dropped on the page."""

    name: str
    logits: NDArray[np.float32]
    valid: tuple[int, int]
    photo: NDArray[np.uint8]


@dataclass(frozen=True)
class Caches:
    """What all stores of a server share."""

    maps: ByteCache[PredictionMaps]
    bytes: ByteCache[bytes]
    own: ByteCache[OwnImage]


def make_caches(num_bytes: int = 256 << 20) -> Caches:
    """Caches that hold about `num_bytes` together."""
    return Caches(
        maps=ByteCache(num_bytes // 2, _maps_bytes),
        bytes=ByteCache(num_bytes // 4, len),
        own=ByteCache(num_bytes // 4, lambda own: own.logits.nbytes + own.photo.nbytes),
    )


class OpenStore:
    """A store as the routes and pages see it. Images go by index, or by the key of an own image (`u` + hex)."""

    def __init__(self, store: PredictionStore, name: str, targets: Targets, caches: Caches) -> None:
        self.store, self.name, self.targets, self.caches = store, name, targets, caches
        self.sid = store.manifest.digest[:16]
        """Id in URLs; `Library.add` gives it another one where a store with the same manifest is open from elsewhere."""
        self.directory = store.directory.resolve()
        self._founded = _founded(self.directory)
        self.checkpoint: Path | None = None
        """Where the network that made the store is, if known."""
        self.job = ""
        """Id of the job that fills the store."""
        self._wanted: deque[str] = deque(maxlen=8)
        self._own: dict[str, None] = {}
        self._lock = threading.Lock()
        self._medians: tuple[int, tuple[NDArray[np.int32], NDArray[np.int32]]] | None = None

    @property
    def verdict_key(self) -> str:
        """What verdicts on this store are filed under: they must outlive the store's growth, so its manifest decides."""
        return self.store.manifest.digest

    @property
    def num_classes(self) -> int:
        """C."""
        return self.store.class_set.num_classes

    @cached_property
    def map_version(self) -> str:
        """Changes when maps derived before no longer hold: the same manifest may stand before the logits of another network."""
        return hashlib.sha256(f"{MAPS_VERSION} {self.store.manifest.digest} {self._founded}".encode()).hexdigest()[:12]

    @property
    def is_founded_anew(self) -> bool:
        """Whether the folder holds another store by now: it was deleted, or moved, and one was written in its place."""
        return _founded(self.directory) not in (0, self._founded)

    def cache_key(self, *parts: Hashable) -> Hashable:
        """What something of this store is filed under in the caches that all stores share."""
        return (self.sid, self.map_version, *parts)

    @cached_property
    def has_labels(self) -> tuple[bool, ...]:
        """For each image, whether a label file was there when the store was opened."""
        return tuple(self.targets.has_label(image_id) for image_id in self.store.image_ids)

    @property
    def has_truth(self) -> bool:
        """Whether any image has ground truth."""
        return any(self.has_labels)

    def image_id(self, i: int) -> str:
        """Name of image `i`.

        Raises:
            DataError: there is none.
        """
        if not 0 <= i < len(self.store.image_ids):
            raise DataError(f"An image's index must be 0 to {len(self.store.image_ids) - 1}; got {i}.")
        return self.store.image_ids[i]

    def is_done(self, i: int) -> bool:
        """Whether the image's logits are there."""
        return self.store.has(self.image_id(i))

    def want(self, i: int) -> None:
        """Have image `i` predicted next."""
        self._wanted.append(self.image_id(i))

    def next_wanted(self) -> str | None:
        """The image that someone asked for last and that is not done; extraction asks before each batch."""
        while self._wanted:
            image_id = self._wanted.pop()
            if not self.store.has(image_id):
                return image_id
        return None

    def maps(self, key: int | str, *, num_threads: int | None = None) -> PredictionMaps:
        """Maps with the second class, derived once and kept for a while.

        Raises:
            NotDoneError: the network has not seen the image yet.
            DataError: no such image, or damaged logits.
        """
        if isinstance(key, int):
            self._require_done(key)
        return self.caches.maps.get(
            self.cache_key(key), lambda: self._derive(key, second=True, num_threads=num_threads)
        )

    def weighted_maps(self, key: int | str, divisors: NDArray[np.float64]) -> PredictionMaps:
        """Maps with `argmax P / divisor` (CBST); not kept.

        Raises:
            NotDoneError: the network has not seen the image yet.
            DataError: no such image, or damaged logits.
        """
        if isinstance(key, int):
            self._require_done(key)
        return self._derive(key, divisors=divisors)

    def derive_once(self, i: int) -> PredictionMaps:
        """Maps of image `i` for a pass over the set: one thread, not kept."""
        return self.store.maps(self.image_id(i), second=False, num_threads=1)

    def valid(self, key: int | str) -> tuple[int, int]:
        """(h, w) of the part of the map that shows the image; all of it while the image waits."""
        if isinstance(key, str):
            return self.own(key).valid
        return self.store.valid(self.image_id(key)) if self.is_done(key) else self.store.map_size

    def truth(self, i: int) -> NDArray[np.uint8] | None:
        """(H, W) train ids, 255 = ignore, or None where there is no label file.

        Raises:
            DataError: the file is there and wrong.
        """
        return self.targets.label(self.image_id(i)) if self.has_labels[i] else None

    def photo(self, key: int | str) -> NDArray[np.uint8]:
        """(H, W, 3) RGB at `map_size`.

        Raises:
            DataError: the file is gone or damaged.
        """
        return self.own(key).photo if isinstance(key, str) else self.targets.photo(self.image_id(key))

    def probs(self, key: int | str, y: int, x: int) -> NDArray[np.float32]:
        """(C,) class distribution at one pixel."""
        if isinstance(key, int):
            self._require_done(key)
        logits = self.own(key).logits if isinstance(key, str) else self.store.read(self.image_id(key))
        return class_distribution(logits, self.store.map_size, y, x, self.store.manifest.interpolate)

    def medians(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """(mu, nu) medians (C,) on the u16 scale, -1 where a class is absent; of the images counted so far."""
        with self._lock:
            if self._medians is None or self._medians[0] != self.store.num_counted:
                scores, num_counted = self.store.counted()
                self._medians = num_counted, scores.medians()
            return self._medians[1]

    def histogram(self) -> ScoreHistogram:
        """Score histogram of all images done so far; counts first what nobody has counted yet."""
        return self.store.histogram()

    def add_own(self, own: OwnImage, digest: str) -> str:
        """Keep an own image for a while; returns its key."""
        key = f"u{digest[:12]}"
        self.caches.own.get(self.cache_key(key), lambda: own)
        self._own[key] = None
        return key

    def own(self, key: str) -> OwnImage:
        """An own image.

        Raises:
            DataError: there was none of that key, or it was forgotten.
        """

        def gone() -> OwnImage:
            raise DataError("A dropped image is kept for a while only; drop it again.")

        return self.caches.own.get(self.cache_key(key), gone)

    def model(self) -> Mapping[str, Any]:
        """Name and hash of the network."""
        model = self.store.manifest.model
        return {"name": str(model.get("name", "")), "sha256": str(model.get("sha256", ""))}

    def _derive(self, key: int | str, **options: Any) -> PredictionMaps:
        if isinstance(key, int):
            return self.store.maps(self.image_id(key), **options)
        own = self.own(key)
        return derive_maps(
            own.logits,
            self.store.map_size,
            interpolate=self.store.manifest.interpolate,
            valid=own.valid,
            source=own.name,
            **options,
        )

    def _require_done(self, i: int) -> None:
        if self.is_done(i) or (self.store.refresh() and self.is_done(i)):
            return
        self.want(i)
        raise NotDoneError(f"The network has not seen {self.image_id(i)} yet; it is predicted next.")


def _founded(directory: Path) -> int:
    """When the store in a folder was begun: its manifest is written once, however the store grows; 0 while there is none."""
    try:
        return (directory / MANIFEST_NAME).stat().st_mtime_ns
    except OSError:
        return 0


def warm_kernels() -> None:
    """Compile (on a machine's first start) or load the kernels that stand between logits and the first picture."""
    maps = derive_maps(np.zeros((2, 2, 2), np.float32), (2, 2), second=True)
    ScoreHistogram(2).update(maps)


def _maps_bytes(maps: PredictionMaps) -> int:
    return sum(a.nbytes for a in vars(maps).values() if isinstance(a, np.ndarray))
