"""The zarr v3 array of logits inside a store, one chunk and one file per image.

Zarr encodes and decodes; the files are written here, since zarr neither syncs them to disk nor tells their bytes. Any zarr v3
reader opens the folder as an array (N, C, h_max, w_max).
"""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import BloscCodec
from zarr.storage import MemoryStore

from esl.errors import DataError
from esl.files import PARTIAL_SUFFIX, write_bytes

ARRAY_NAME = "logits.zarr"
_METADATA = "zarr.json"


@dataclass(frozen=True)
class Chunk:
    """What was written for one image."""

    num_bytes: int
    sha256: str


class LogitsArray:
    """Reads and writes whole chunks; knows nothing of which of them count."""

    def __init__(self, directory: Path, num_images: int, shape: tuple[int, int, int], dtype: str) -> None:
        """Describe the array below `directory`; nothing is written.

        Args:
            directory: the store's.
            num_images: N.
            shape: (C, h_max, w_max).
            dtype: float32 or float16.
        """
        self.path = directory / ARRAY_NAME
        self._num_images, self._shape, self._dtype = num_images, shape, np.dtype(dtype)

    def create(self) -> None:
        """Write zarr's own metadata, so that other readers see an array."""
        if not (self.path / _METADATA).exists():
            encoded = self._in_memory(self._num_images)[1]
            write_bytes(self.path / _METADATA, encoded[_METADATA].to_bytes())

    def write(self, position: int, logits: NDArray[np.floating]) -> Chunk:
        """Store logits (C, h, w), padded with zeros to a whole chunk, durably under their final name."""
        padded = np.zeros((1, *self._shape), self._dtype)
        padded[0, :, : logits.shape[1], : logits.shape[2]] = logits
        array, encoded = self._in_memory(1)
        array[:] = padded
        data = encoded[self._key(0)].to_bytes()
        write_bytes(self.path / self._key(position), data)
        return Chunk(len(data), hashlib.sha256(data).hexdigest())

    def read(self, position: int, sha256: str) -> NDArray[np.floating]:
        """A whole chunk (C, h_max, w_max).

        Raises:
            DataError: the file is missing or its bytes are not those that were written.
        """
        path = self.path / self._key(position)
        try:
            data = path.read_bytes()
        except OSError as error:
            advice = _AGAIN if isinstance(error, FileNotFoundError) else _DELETE
            raise DataError(f"Logits must be readable; {path} is not ({error.strerror}). {advice}") from error
        if hashlib.sha256(data).hexdigest() != sha256:
            raise DataError(f"Logits must be the bytes that were written; {path} was changed or damaged. {_DELETE}")
        array, encoded = self._in_memory(1)
        encoded[self._key(0)] = zarr.core.buffer.default_buffer_prototype().buffer.from_bytes(data)
        result: NDArray[np.floating] = np.asarray(array[0])
        return result

    def sizes(self) -> dict[int, int]:
        """Bytes of each chunk file that is there, by position."""
        found = {}
        with os.scandir(self.path) as files:
            for file in files:
                if file.name.startswith("c."):
                    found[int(file.name.split(".")[1])] = file.stat().st_size
        return found

    def remove(self, position: int) -> None:
        """Delete a chunk that does not count."""
        (self.path / self._key(position)).unlink(missing_ok=True)

    def partial_files(self) -> list[tuple[int, Path]]:
        """Files that a killed process left half-written, with the position of each (-1 for metadata)."""
        found = []
        for path in self.path.glob(f".*{PARTIAL_SUFFIX}"):
            parts = path.name.split(".")
            found.append((int(parts[2]) if parts[1] == "c" else -1, path))
        return found

    @staticmethod
    def _key(position: int) -> str:
        return f"c.{position}.0.0.0"

    def _in_memory(self, num_images: int) -> tuple[Any, dict[str, Any]]:
        encoded: dict[str, Any] = {}
        array = zarr.create_array(
            store=MemoryStore(encoded),
            shape=(num_images, *self._shape),
            chunks=(1, *self._shape),
            dtype=self._dtype,
            # Byte shuffle pays: 7 to 10 % smaller than zstd alone, and faster both ways.
            compressors=BloscCodec(cname="zstd", clevel=1, shuffle="shuffle", typesize=self._dtype.itemsize),
            chunk_key_encoding={"name": "default", "separator": "."},
            config={"write_empty_chunks": True},
            dimension_names=("image", "class", "row", "column"),
            fill_value=0,
        )
        return array, encoded


_AGAIN = "Run the same extract command again: it predicts this image anew."
# It looks for files that are gone or cut short; reading a whole store for flipped bits would take minutes at each start.
_DELETE = "Delete this file and run the same extract command again: it predicts the image anew."
