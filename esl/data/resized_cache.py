"""A cache of images at the network's size, for machines whose decoding is slower than their training.

    FOLDER/NAME-KEY/HxW/IMAGE_ID.rgb     a header, then (H, W, 3) uint8

An entry counts for the very file it was made of (its length and time of change), and while its checksum holds; anything else is
decoded and written anew. What comes out is bit for bit what `read_input` of the data set gives. 3 bytes a pixel: Cityscapes at
1024x512 takes 4.7 GB, GTA5 at 1280x720 69 GB. The folder may be deleted at any time.
"""

import hashlib
import os
import struct
import zlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from esl.data.dataset import PairDataset
from esl.errors import DataError
from esl.files import atomic_writer, safe_join

_MAGIC = b"ESLRGB01"
"""Raise its number whenever decoding or resizing changes a value."""
_HEADER = struct.Struct("<8sqqIIIII")
"""Magic; length and time of change (ns) of the image's file; height, width; valid height, width; CRC-32 of the pixels."""


@dataclass(frozen=True)
class CachedImages:
    """A data set whose images are kept at the sizes asked for; labels are read as they are. Pickles."""

    pairs: PairDataset
    folder: Path

    @property
    def name(self) -> str:
        """The data set's."""
        return self.pairs.name

    @property
    def image_ids(self) -> tuple[str, ...]:
        """The data set's."""
        return self.pairs.image_ids

    def read_label(self, image_id: str, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """As `PairDataset.read_label`."""
        return self.pairs.read_label(image_id, size)

    def read_input(self, image_id: str, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """As `PairDataset.read_input`, from the cache where it holds the image.

        Raises:
            DataError: as there. A cache that cannot be written is no error: the image is at hand.
        """
        path = safe_join(self.folder, f"{self._key}/{size[0]}x{size[1]}/{image_id}.rgb")
        stamp = _stamp(self.pairs.sample(image_id).image_path)
        kept = _read(path, stamp, size)
        if kept is not None:
            return kept
        image, valid = self.pairs.read_input(image_id, size)
        try:
            _write(path, stamp, image, valid)
        except DataError:
            pass
        return image, valid

    @cached_property
    def _key(self) -> str:
        told = f"{self.pairs.root.absolute()} {self.pairs.fit}"
        return f"{self.pairs.name}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = os.stat(path)
    except OSError as error:
        raise DataError(f"An image must be a readable file: {path} is not ({error.strerror or error}).") from error
    return status.st_size, status.st_mtime_ns


def _read(
    path: Path, stamp: tuple[int, int], size: tuple[int, int]
) -> tuple[NDArray[np.uint8], tuple[int, int]] | None:
    """The entry, or None where there is none that counts."""
    try:
        with open(path, "rb") as stream:
            header = stream.read(_HEADER.size)
            pixels = np.empty((*size, 3), np.uint8)
            whole = stream.readinto(pixels.reshape(-1).data) == pixels.size and not stream.read(1)
    except OSError:
        return None
    if not whole or len(header) != _HEADER.size:
        return None
    magic, length, changed, height, width, valid_height, valid_width, checksum = _HEADER.unpack(header)
    if (magic, (length, changed), (height, width)) != (_MAGIC, stamp, tuple(size)) or zlib.crc32(
        pixels.data
    ) != checksum:
        return None
    return pixels, (valid_height, valid_width)


def _write(path: Path, stamp: tuple[int, int], image: NDArray[np.uint8], valid: tuple[int, int]) -> None:
    pixels = np.ascontiguousarray(image)
    with atomic_writer(path) as stream:
        stream.write(_HEADER.pack(_MAGIC, *stamp, *pixels.shape[:2], *valid, zlib.crc32(pixels.data)))
        stream.write(pixels.data)
