"""Score histograms of a store: folded image by image, saved once whole, trusted only where they fit the logits."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

from esl.files import read_json, sha256_of, write_json
from esl.labeling.maps import PredictionMaps
from esl.labeling.thresholds import ScoreHistogram
from esl.store.chunk_index import ChunkEntry

HISTOGRAMS_NAME = "histograms.npz"
SEAL_NAME = "histograms.json"
"""Says which logits the histograms belong to; written after them, so it never vouches for half a file."""


class HistogramFold:
    """The histogram of the images counted so far; addition makes their order irrelevant."""

    def __init__(self, directory: Path, num_classes: int) -> None:
        """Begin with no image."""
        self._directory, self._num_classes = directory, num_classes
        self._histogram = ScoreHistogram(num_classes)
        self._counted: dict[str, str] = {}
        self._loaded: tuple[str, ScoreHistogram] | None = None

    def add(self, entry: ChunkEntry, maps: PredictionMaps) -> None:
        """Count an image whose maps are at hand."""
        if entry.id not in self._counted:
            self._histogram.update(maps)
            self._counted[entry.id] = entry.sha256

    @property
    def num_counted(self) -> int:
        """Images in the histogram."""
        return len(self._counted)

    def missing(self, entries: Mapping[str, ChunkEntry]) -> list[str]:
        """Images of `entries` that are not counted yet; counts of others, or of other logits, are forgotten first."""
        if any(i not in entries or entries[i].sha256 != sha256 for i, sha256 in self._counted.items()):
            self._histogram, self._counted = ScoreHistogram(self._num_classes), {}
        return [image_id for image_id in entries if image_id not in self._counted]

    def snapshot(self) -> ScoreHistogram:
        """A copy that later images do not change."""
        copy = ScoreHistogram(self._num_classes)
        copy.merge(self._histogram)
        return copy

    def load(self, store_hash: str) -> ScoreHistogram | None:
        """The saved histogram, if it was made from these very logits and is undamaged; it must not be changed."""
        if self._loaded is None or self._loaded[0] != store_hash:
            path, seal_path = self._directory / HISTOGRAMS_NAME, self._directory / SEAL_NAME
            try:
                seal = read_json(seal_path)
                if seal.get("store_hash") != store_hash or seal.get("sha256") != sha256_of(path):
                    return None
                self._loaded = (store_hash, ScoreHistogram.load(path))
            except (OSError, ValueError, zipfile.BadZipFile):
                return None  # a cache that cannot be read is made anew
        return self._loaded[1]

    def whole(self, entries: Mapping[str, ChunkEntry], store_hash: str) -> ScoreHistogram | None:
        """The histogram of a complete store: the saved one, or that of this process, saved now if it has counted all."""
        saved = self.load(store_hash)
        if saved is None and self.num_counted == len(entries) and not self.missing(entries):
            self.save(store_hash)
            saved = self.load(store_hash)
        return saved

    def save(self, store_hash: str) -> None:
        """Keep the histogram of a complete store; where the folder is read-only it stays in memory alone.

        Raises:
            DataError: the disk is full.
        """
        self._loaded = (store_hash, self.snapshot())
        path = self._directory / HISTOGRAMS_NAME
        if not os.access(self._directory, os.W_OK):
            return
        self._histogram.save(path)
        write_json(self._directory / SEAL_NAME, {"store_hash": store_hash, "sha256": sha256_of(path)})
