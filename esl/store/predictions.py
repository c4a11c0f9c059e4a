"""A prediction store: a directory with the logits of a data set, and all that follows from them.

    manifest.json     what made the logits, for which images, at which sizes (`StoreManifest`)
    logits.zarr/      (N, C, h_max, w_max), relative to each pixel's maximum, one chunk per image
    index.jsonl       which chunks count, with the sha256 of each (`index-<rank>.jsonl` while it grows)
    histograms.npz    label-free score histograms of the whole set; a cache, rebuilt from the logits when needed

Any process may read while others write. A writer may be killed at any moment: what is in the index stays,
the rest is swept and written anew.
"""

import hashlib
import threading
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from esl.classes import ClassSet
from esl.errors import DataError, ShapeError
from esl.files import read_json, write_json
from esl.labeling.maps import PredictionMaps, derive_maps
from esl.labeling.thresholds import ScoreHistogram
from esl.store.chunk_index import ChunkEntry, merge_index, read_index
from esl.store.chunk_writer import ChunkWriter, relative_logits, sweep_finished
from esl.store.founding import refuse_foreign_files, sole_creator, sole_finisher
from esl.store.histogram_cache import HistogramFold
from esl.store.logits_array import ARRAY_NAME, LogitsArray
from esl.store.manifest import StoreManifest

__all__ = ["PredictionStore", "StoreManifest"]

MANIFEST_NAME = "manifest.json"


class PredictionStore:
    """Logits of a data set on disk; see the module's text. Safe to share between threads."""

    def __init__(self, directory: Path, manifest: StoreManifest, rank: int, world: int) -> None:
        """Use `create` or `open`."""
        self.directory, self.manifest = directory, manifest
        self._rank, self._world = rank, world
        self._positions = {image_id: i for i, image_id in enumerate(manifest.image_ids)}
        self._array = LogitsArray(directory, len(manifest.image_ids), manifest.logits_shape, manifest.logits_type)
        self._writer: ChunkWriter | None = None
        self._lock = threading.RLock()
        self._entries: dict[str, ChunkEntry] = {}
        self._hash = ""  # kept until an image is added: a slider asks for it at every move
        self._fold = HistogramFold(directory, manifest.class_set.num_classes)
        self.refresh()

    @classmethod
    def create(cls, directory: Path | str, manifest: StoreManifest, *, rank: int = 0, world: int = 1) -> Self:
        """Start a store, or go on with the one that is there if its manifest is the same; claims the right to write.

        Args:
            directory: a new or empty folder, or a store.
            manifest: what will be in it.
            rank: this process's number among those that write side by side.
            world: how many write; each owns the batches whose number leaves `rank` when divided by `world`.

        Raises:
            DataError: the folder holds something else, or a store with another manifest; the differences are named.
        """
        directory = Path(directory).absolute()
        with sole_creator(directory):
            return cls._create(directory, manifest, rank, world)

    @classmethod
    def _create(cls, directory: Path, manifest: StoreManifest, rank: int, world: int) -> Self:
        if (directory / MANIFEST_NAME).exists():
            store = cls.open(directory, rank=rank, world=world)
            if differences := store.manifest.differences(manifest):
                raise DataError(
                    f"A store goes on only with what it was begun with; {directory} differs in {'; '.join(differences)}. "
                    "Repeat the first command, or name a new --store."
                )
            if store.manifest.root != manifest.root:
                # The data set has moved, which changes no number: labels and photos are looked for where it is now.
                write_json(directory / MANIFEST_NAME, manifest.to_json())
                store = cls.open(directory, rank=rank, world=world)
            store.start_writing()
            return store
        refuse_foreign_files(directory, (ARRAY_NAME,))
        LogitsArray(directory, len(manifest.image_ids), manifest.logits_shape, manifest.logits_type).create()
        # The manifest comes last: a folder with one is a whole store, if an empty one.
        write_json(directory / MANIFEST_NAME, manifest.to_json())
        store = cls(directory, manifest, rank, world)
        store.start_writing()
        return store

    @classmethod
    def open(cls, directory: Path | str, *, rank: int = 0, world: int = 1) -> Self:
        """Open a store that is there; nothing is written until `write` is called.

        Raises:
            DataError: there is none, or it is damaged.
        """
        directory = Path(directory).absolute()
        if not (directory / MANIFEST_NAME).is_file():
            raise DataError(f"A prediction store must have a {MANIFEST_NAME}; {directory} has none. Run extract first.")
        return cls(directory, StoreManifest.from_json(read_json(directory / MANIFEST_NAME), directory), rank, world)

    @property
    def image_ids(self) -> tuple[str, ...]:
        """All images, done or not, in the store's order."""
        return self.manifest.image_ids

    @property
    def class_set(self) -> ClassSet:
        """The classes of the logits."""
        return self.manifest.class_set

    @property
    def map_size(self) -> tuple[int, int]:
        """(H, W) of all maps derived from this store."""
        return self.manifest.map_size

    @property
    def num_done(self) -> int:
        """Images whose logits are there, as of the last `refresh` or `write`."""
        return len(self._entries)

    @property
    def is_complete(self) -> bool:
        """Whether all images are there."""
        return self.num_done == len(self.image_ids)

    @property
    def store_hash(self) -> str:
        """Hex SHA-256 of the manifest (but its root) and of all logits there are; final once complete."""
        with self._lock:
            if not self._hash:
                digest = hashlib.sha256(self.manifest.digest.encode())
                for entry in sorted(self._entries.values(), key=lambda e: e.position):
                    digest.update(entry.to_line().encode())
                self._hash = digest.hexdigest()
            return self._hash

    def refresh(self) -> int:
        """Take note of what other processes wrote since; returns `num_done`."""
        with self._lock:  # held while the file is read, or what `write` adds meanwhile would be forgotten
            entries = read_index(self.directory)
            if unknown := [i for i, e in entries.items() if self._positions.get(i) != e.position]:
                raise DataError(
                    f"A store's index must list images of its manifest; {self.directory} lists {unknown[0]!r} besides. "
                    "The folder was mixed up with another store: extract into a new one."
                )
            if entries != self._entries:
                self._entries, self._hash = entries, ""
        return len(entries)

    def has(self, image_id: str) -> bool:
        """Whether this image's logits are there.

        Raises:
            DataError: the store knows no such image.
        """
        self._position(image_id)
        return image_id in self._entries

    def valid(self, image_id: str) -> tuple[int, int]:
        """(H, W) of the region of the map that the image covers."""
        return self._entry(image_id).valid

    def read(self, image_id: str) -> NDArray[np.float32]:
        """Logits (C, h, w) float32, relative to each pixel's maximum.

        Raises:
            DataError: the image is unknown, not there yet, or its chunk is damaged.
        """
        entry = self._entry(image_id)
        chunk = self._array.read(entry.position, entry.sha256)
        return chunk[:, : entry.size[0], : entry.size[1]].astype(np.float32)

    def maps(self, image_id: str, *, second: bool = False, **options: Any) -> PredictionMaps:
        """Maps of one image at `map_size`, the same bytes each time; `options` as `derive_maps` takes them."""
        return self._derive(self._entry(image_id), self.read(image_id), second=second, **options)

    def histogram(self) -> ScoreHistogram:
        """Score histograms of all images there are, provisional until `is_complete`; counts now what was never counted."""
        while missing := self.uncounted():
            for image_id in missing:
                self.count(image_id)
        return self.counted()[0]

    def uncounted(self) -> list[str]:
        """Images that are there but not in the histogram yet."""
        with self._lock:
            return [] if self._saved_histogram() is not None else self._fold.missing(self._entries)

    def count(self, image_id: str, maps: PredictionMaps | None = None) -> None:
        """Put one image into the histogram, from its maps if they are at hand; others may use the store meanwhile.

        Raises:
            DataError: the image is unknown, not there yet, or its chunk is damaged.
        """
        entry = self._entry(image_id)
        if maps is None:
            maps = self._derive(entry, self.read(image_id))
        with self._lock:
            if self._entries.get(image_id) == entry and self._saved_histogram() is None:
                self._fold.add(entry, maps)

    def counted(self) -> tuple[ScoreHistogram, int]:
        """Score histogram of the images counted so far, and how many they are; counts none itself."""
        with self._lock:
            saved = self._saved_histogram()
            return (saved, self.num_done) if saved is not None else (self._fold.snapshot(), self._fold.num_counted)

    @property
    def num_counted(self) -> int:
        """Images in the histogram so far."""
        with self._lock:
            return self.num_done if self._saved_histogram() is not None else self._fold.num_counted

    def _saved_histogram(self) -> ScoreHistogram | None:
        return self._fold.whole(self._entries, self.store_hash) if self.is_complete else None

    def write(self, image_id: str, logits: NDArray[np.floating], valid: tuple[int, int] | None = None) -> None:
        """Store one image's logits durably; when this returns, they survive anything.

        Args:
            image_id: one of `image_ids`, not there yet.
            logits: (C, h, w), any float type, h and w at most those of the manifest; any constant per pixel may be off.
            valid: (H, W) of the region of the map that the image covers; all of it by default.

        Raises:
            DataError: NaN or Inf; an image that is unknown, already there, or another rank's; a full disk.
            ShapeError: the shape does not fit the manifest.
        """
        position = self._position(image_id)
        values = relative_logits(image_id, logits, self.manifest)
        valid = self.map_size if valid is None else valid
        if not (0 < valid[0] <= self.map_size[0] and 0 < valid[1] <= self.map_size[1]):
            raise ShapeError(f"The valid region of {image_id} must lie in the map of {self.map_size}; got {valid}.")
        with self._lock:
            writer = self.start_writing()
            if image_id in self._entries:
                raise DataError(f"An image is written once; {image_id} is in {self.directory}. Ask has() first.")
            entry = writer.write(image_id, position, values, valid)
            self._entries[image_id] = entry
            self._hash = ""
            self._fold.add(entry, self._derive(entry, values.astype(np.float32)))

    def finish(self) -> bool:
        """Tidy up once all images are there: one sorted index, histograms saved, no stray files.

        Several ranks may call it; it does nothing while images are missing. Returns `is_complete`.
        """
        self.refresh()
        if self.is_complete:
            with sole_finisher(self.directory / MANIFEST_NAME):
                merge_index(self.directory, self._entries.values())
                self.histogram()
                sweep_finished(self.directory, self._array)
        return self.is_complete

    def start_writing(self) -> ChunkWriter:
        """Claim this rank, sweep what a killed process left, forget images whose chunk is gone; `write` calls it."""
        with self._lock:
            if self._writer is None:
                batch_size = self.manifest.batch_size
                self._writer = ChunkWriter(self.directory, self._array, self._rank, self._world, batch_size)
                self.refresh()
            return self._writer

    def close(self) -> None:
        """Let another process write as this rank; reading goes on."""
        with self._lock:
            if self._writer is not None:
                self._writer.close()
                self._writer = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _position(self, image_id: str) -> int:
        if image_id not in self._positions:
            raise DataError(f"An image must be one of the store's; {self.directory} knows no {image_id!r}.")
        return self._positions[image_id]

    def _entry(self, image_id: str) -> ChunkEntry:
        self._position(image_id)
        entry = self._entries.get(image_id)
        if entry is None:
            raise DataError(
                f"Logits of {image_id} are not in {self.directory} yet. Let extract finish, or run it again."
            )
        return entry

    def _derive(self, entry: ChunkEntry, logits: NDArray[np.float32], **options: Any) -> PredictionMaps:
        order, valid = self.manifest.interpolate, entry.valid
        return derive_maps(logits, self.map_size, interpolate=order, valid=valid, source=entry.id, **options)
