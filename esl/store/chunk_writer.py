"""Writing into a prediction store: chunk first, index line second, and the sweeping of what a killed writer left."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esl.errors import DataError, ShapeError
from esl.files import PARTIAL_SUFFIX
from esl.store.chunk_index import ChunkEntry, IndexWriter, drop_entries, read_index
from esl.store.logits_array import LogitsArray
from esl.store.manifest import StoreManifest


class ChunkWriter:
    """One process's right to write its share of the batches: those whose number leaves `rank` divided by `world`."""

    def __init__(self, directory: Path, array: LogitsArray, rank: int, world: int, batch_size: int) -> None:
        """Claim the rank; forget images whose chunk is gone; delete files that do not count.

        Raises:
            DataError: another process writes as this rank, or the folder is not writable.
        """
        self._directory, self._array, self._rank, self._world = directory, array, rank, world
        self._batch_size = batch_size
        self._index = IndexWriter(directory, rank)
        if lost := self._lost():
            self._index.close()
            drop_entries(directory, lost)
            self._index = IndexWriter(directory, rank)
        self._sweep()

    def owns(self, position: int) -> bool:
        """Whether this process writes the image at `position`."""
        return position // self._batch_size % self._world == self._rank

    def write(self, image_id: str, position: int, logits: NDArray[np.floating], valid: tuple[int, int]) -> ChunkEntry:
        """Store a chunk, then its line; both survive anything once this returns.

        Raises:
            DataError: the position is another rank's, or the disk is full.
        """
        if not self.owns(position):
            raise DataError(f"A rank writes its own images; {image_id} is not of rank {self._rank} of {self._world}.")
        chunk = self._array.write(position, logits)
        entry = ChunkEntry(
            id=image_id,
            position=position,
            size=(logits.shape[1], logits.shape[2]),
            valid=valid,
            num_bytes=chunk.num_bytes,
            sha256=chunk.sha256,
        )
        self._index.append(entry)
        return entry

    def close(self) -> None:
        """Give the rank back."""
        self._index.close()

    def _lost(self) -> dict[str, ChunkEntry]:
        sizes = self._array.sizes()
        entries = read_index(self._directory)
        return {i: e for i, e in entries.items() if self.owns(e.position) and sizes.get(e.position) != e.num_bytes}

    def _sweep(self) -> None:
        stray = [path for position, path in self._array.partial_files() if self.owns(position)]
        if self._world == 1:
            stray += self._directory.glob(f".*{PARTIAL_SUFFIX}")
        for path in stray:
            path.unlink(missing_ok=True)
        counted = {entry.position for entry in read_index(self._directory).values()}
        for position in self._array.sizes():
            if position not in counted and self.owns(position):
                self._array.remove(position)


def sweep_finished(directory: Path, array: LogitsArray) -> None:
    """Delete every half-written file of a complete store, whoever left it."""
    for path in [*(path for _, path in array.partial_files()), *directory.glob(f".*{PARTIAL_SUFFIX}")]:
        path.unlink(missing_ok=True)


def relative_logits(image_id: str, logits: NDArray[np.floating], manifest: StoreManifest) -> NDArray[np.floating]:
    """Logits as a store keeps them: relative to each pixel's maximum, in the store's type.

    Raises:
        ShapeError: they do not fit the manifest.
        DataError: they hold NaN or Inf.
    """
    num_classes, height, width = manifest.logits_shape
    shape = logits.shape
    if len(shape) != 3 or shape[0] != num_classes or not (1 <= shape[1] <= height and 1 <= shape[2] <= width):
        raise ShapeError(f"Logits must be (C, h, w) within {manifest.logits_shape}; those of {image_id} are {shape}.")
    values = logits.astype(np.float32)
    if not np.isfinite(values).all():
        raise DataError(
            f"Logits must be finite numbers; those of {image_id} hold NaN or Inf. Check the checkpoint, "
            "or use --precision fp32."
        )
    values -= values.max(axis=0, keepdims=True)
    dtype = np.dtype(manifest.logits_type)
    # Differences beyond the type's range have probability zero anyway, but -inf would not be finite.
    return np.maximum(values, np.finfo(dtype).min).astype(dtype)
