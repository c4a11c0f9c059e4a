"""Lazy pairs of images and labels: paths are listed once, files are read when asked for.

One file per format lists pairs; reading is the same for all. Labels are opened by `read_label` alone (decision 6): they
may be absent, or lie in a folder that nobody may enter, and images still read.
"""

import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE, ClassSet
from esl.data.transforms import fit_within, fitted_size, resize_image
from esl.errors import DataError
from esl.images import LabelEncoding, image_size, read_image, read_label, resize_label


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One image, and where its label is if it has one."""

    image_id: str
    """POSIX path relative to the image root; unique, and the name of everything derived from the image."""
    image_path: Path
    label_path: Path | None = None
    """None where the format knows of no label; the file may still be missing."""


@dataclass(frozen=True, kw_only=True)
class PairDataset:
    """One split of a data set. Pickles, so that worker processes can read from it."""

    name: str
    """Name of the format, e.g. `camvid`."""
    root: Path
    split: str
    class_set: ClassSet
    label_format: str
    """Key of `class_set.label_formats`: what the ids in the label files mean."""
    samples: tuple[Sample, ...]
    """In the order of their ids, or of the list that names them."""
    encoding: LabelEncoding = "ids"
    """How label files store ids; only SYNTHIA's own differ."""
    fit: Literal["stretch", "within"] = "stretch"
    """How images meet another size: stretched to it, or (Mapillary) inside it with padding at the right and bottom."""
    label_fault: str = ""
    """Why labels cannot be read with `class_set`, as a sentence; images are not concerned."""

    def __post_init__(self) -> None:
        where = f"{self.name} split {self.split!r} below {self.root}"
        if not self.samples:
            raise DataError(f"A data set must hold images: {where} has none. Check the root and the split.")
        self.class_set.lookup(self.label_format)
        # Everything derived is named by the id with another ending, on file systems that may not see case.
        counts = Counter(os.path.splitext(s.image_id)[0].casefold() for s in self.samples)
        if len(counts) < len(self.samples):
            twice = [s.image_id for s in self.samples if counts[os.path.splitext(s.image_id)[0].casefold()] > 1]
            raise DataError(
                f"Each image must have a name of its own: {where} has {', '.join(twice[:4])} "
                "(names must differ by more than case and ending). Rename or remove one."
            )

    def __len__(self) -> int:
        return len(self.samples)

    @cached_property
    def image_ids(self) -> tuple[str, ...]:
        """Ids of the images in their fixed order."""
        return tuple(s.image_id for s in self.samples)

    @cached_property
    def _by_id(self) -> Mapping[str, Sample]:
        return {s.image_id: s for s in self.samples}

    @cached_property
    def _lookup(self) -> NDArray[np.int16]:
        return self.class_set.lookup(self.label_format)

    def sample(self, image_id: str) -> Sample:
        """Paths of one image.

        Raises:
            DataError: this split has no such image.
        """
        if image_id not in self._by_id:
            raise DataError(
                f"An image must be in the data set: {self.name} split {self.split!r} below {self.root} has no {image_id!r}."
            )
        return self._by_id[image_id]

    def read_image(self, image_id: str) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB at the file's own size.

        Raises:
            DataError: no such image, or its file cannot be trusted (`esl.images.read_image`).
        """
        return read_image(self.sample(image_id).image_path)

    def read_input(self, image_id: str, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        """An image as a network sees it.

        Args:
            image_id: which image.
            size: (height, width) of the network's input.

        Returns:
            (height, width, 3) uint8 RGB, and the (h, w) of its upper left part that is image; the rest is padding.

        Raises:
            DataError: as `read_image`.
        """
        image = self.read_image(image_id)
        if self.fit == "within":
            return fit_within(image, size)
        return resize_image(image, size), size

    def has_label(self, image_id: str) -> bool:
        """Whether a label file is there and may be looked at."""
        path = self.sample(image_id).label_path
        return path is not None and os.path.isfile(path)

    def read_label(self, image_id: str, size: tuple[int, int] | None = None) -> NDArray[np.uint8]:
        """Train ids of an image: the file checked against its image's own size, then brought to `size`.

        Args:
            image_id: which image.
            size: (height, width), reached by nearest neighbour and in the same way as the image's pixels
                (`read_input`; padding is 255); None keeps the file's own.

        Returns:
            (height, width) uint8, 255 = ignore.

        Raises:
            DataError: no label, another size than the image's, a wrong bit depth, unknown ids, or classes that
                `class_set` does not have.
        """
        if self.label_fault:
            raise DataError(self.label_fault)
        sample = self.sample(image_id)
        if sample.label_path is None or not os.path.lexists(sample.label_path):
            raise DataError(
                f"An image must have a label to be compared with: {image_id} of {self.name} split {self.split!r} has none"
                + (f" at {sample.label_path}." if sample.label_path else ".")
            )
        own_size = image_size(sample.image_path)
        label = read_label(sample.label_path, self._lookup, expect_size=own_size, encoding=self.encoding)
        if size is None:
            return label
        if self.fit == "stretch":
            return resize_label(label, size)
        valid = fitted_size(own_size, size)
        padded = np.full(size, IGNORE, np.uint8)
        padded[: valid[0], : valid[1]] = resize_label(label, valid)
        return padded

    def read_scored_label(self, image_id: str, frame: tuple[int, int]) -> NDArray[np.uint8]:
        """Train ids at the size at which predictions are scored: the file's own.

        Where images keep their aspect ratio, 255 is added at the right and bottom until the label has the ratio of
        `frame`, so that logits of the padded input, resized to this label, lie where they belong.

        Args:
            image_id: which image.
            frame: (height, width) of the network's input.

        Returns:
            (H, W) uint8, 255 = ignore.

        Raises:
            DataError: as `read_label`.
        """
        label = self.read_label(image_id)
        if self.fit == "stretch":
            return label
        valid = fitted_size((label.shape[0], label.shape[1]), frame)
        height, width = (max(own, round(own * full / part)) for own, full, part in zip(label.shape, frame, valid))
        padded = np.full((height, width), IGNORE, np.uint8)
        padded[: label.shape[0], : label.shape[1]] = label
        return padded
