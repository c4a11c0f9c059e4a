"""The photos and labels behind a prediction store, and the network that made it: what the page asks for besides logits.

A store outlives its data: photos may be gone, labels absent. Nothing here is opened before it is asked for.
"""

import zlib
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from esl.classes import built_in_name
from esl.errors import ConfigError, DataError, EslError
from esl.images import decode_image
from esl.images.headers import TAIL, NeedMore, parse_header
from esl.store.manifest import StoreManifest

if TYPE_CHECKING:
    from esl.data.dataset import PairDataset

MAX_UPLOAD_PIXELS = 40_000_000
DeviceName = Literal["auto", "cpu", "cuda"]


def dataset_names() -> tuple[str, ...]:
    """Names of the data sets that can be opened."""
    from esl.data.opening import DATASETS

    return tuple(DATASETS)


def open_targets(
    name: str,
    root: Path | str | None,
    split: str,
    class_set_name: str | None = None,
    label_format: str | None = None,
) -> "PairDataset":
    """A data set by name, for who may not import `esl.data`.

    Raises:
        ConfigError: an unknown name.
        DataError: the folder is not what it must be.
    """
    from esl.data.opening import open_dataset

    return open_dataset(name, root, split, class_set_name, label_format=label_format)


def open_targets_of(manifest: StoreManifest) -> "PairDataset":
    """The data set that a store was made of.

    Raises:
        DataError: it is no longer there, not what it must be, or has other classes by now.
    """
    from esl.pipelines.same_classes import require_classes_of_store

    classes = built_in_name(manifest.class_set)
    pairs = open_targets(manifest.dataset, _root_of(manifest), manifest.split, classes, manifest.label_format)
    require_classes_of_store(manifest.class_set, pairs)
    return pairs


class Targets:
    """Photos and labels of one store's images, at the store's `map_size`."""

    def __init__(self, manifest: StoreManifest, dataset: "PairDataset | None", problem: str = "") -> None:
        """Take a data set that is open; `of` opens the one that a manifest names."""
        self.manifest = manifest
        self.problem = problem
        """Why there are neither photos nor labels, or an empty string."""
        self._dataset = dataset

    @classmethod
    def of(cls, manifest: StoreManifest) -> "Targets":
        """Open the data set that a manifest names; one that is gone gives targets without photos, with the reason."""
        try:
            dataset = open_targets_of(manifest)
        except EslError as error:
            return cls(manifest, None, str(error))
        return cls(manifest, dataset)

    @classmethod
    def at(cls, manifest: StoreManifest, root: Path) -> "Targets":
        """Open the data set that a manifest names where it is now.

        Raises:
            DataError: `root` is no folder of that data set, has other classes, or none of the store's images.
        """
        root = root.expanduser().absolute()
        if not root.is_dir():  # the demo world would be drawn there
            raise DataError(
                f"The data root must be a folder: {root} {'is a file' if root.exists() else 'does not exist'}."
            )
        dataset = open_targets_of(replace(manifest, root=str(root)))
        if not set(dataset.image_ids) & set(manifest.image_ids):
            raise DataError(
                f"The data root must be that of the store's images: {root} has none of them, e.g. {manifest.image_ids[0]}."
            )
        return cls(manifest, dataset)

    def has_label(self, image_id: str) -> bool:
        """Whether there is a label file; it is not opened."""
        try:
            return self._dataset is not None and self._dataset.has_label(image_id)
        except DataError:
            return False

    def label_stamp(self, image_id: str) -> tuple[int, int]:
        """(time of change in ns, bytes) of a label file, (0, 0) without one: tells whether counts of it are stale.

        Where a folder's description says what ids mean, the first number moves with that as well.
        """
        if self._dataset is None or not self.has_label(image_id):
            return 0, 0
        path = self._dataset.sample(image_id).label_path
        assert path is not None
        status = path.stat()
        return status.st_mtime_ns + self._meaning, status.st_size

    @cached_property
    def _meaning(self) -> int:
        if self._dataset is None or self._dataset.label_format != "folder":
            return 0  # what a built-in format's ids mean does not change
        return zlib.crc32(self._dataset.class_set.lookup("folder").tobytes())

    def label(self, image_id: str) -> NDArray[np.uint8]:
        """(H, W) uint8 train ids at `map_size`, 255 = ignore.

        Raises:
            DataError: no label, or a wrong one.
        """
        return self._open().read_label(image_id, self.manifest.map_size)

    def photo(self, image_id: str) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB at `map_size`, as the network saw it.

        Raises:
            DataError: the file is gone or damaged.
        """
        return self._open().read_input(image_id, self.manifest.map_size)[0]

    def _open(self) -> "PairDataset":
        if self._dataset is None:
            raise DataError(f"The images of this store must be at hand: {self.problem}")
        return self._dataset


def decode_upload(data: bytes, name: str) -> NDArray[np.uint8]:
    """A dropped PNG or JPEG as (H, W, 3) uint8 RGB.

    Raises:
        DataError: another format, damaged, or more than 40 megapixels; the header is read before anything is unpacked.
    """
    try:
        height, width = parse_header(data, data[-TAIL:], name).size
    except NeedMore as error:
        raise DataError(f"A JPEG must have a frame header: {name} ends before it.") from error
    if height * width > MAX_UPLOAD_PIXELS:
        raise DataError(f"A dropped image must have at most 40 megapixels; {name} claims {height} x {width}.")
    return decode_image(data, name)


def predict_own(
    predictor: Any, image: NDArray[np.uint8], map_size: tuple[int, int]
) -> tuple[NDArray[np.float32], tuple[int, int], NDArray[np.uint8]]:
    """Run a network over an image of any size, keeping its aspect ratio.

    Args:
        predictor: `Predictor` or a stand-in.
        image: (H, W, 3) uint8 RGB.
        map_size: (H, W) of the store's maps.

    Returns:
        Logits (C, h, w) relative to each pixel's maximum; (h, w) of the part of the map that holds the image; the image
        as the network saw it, (H, W, 3) at `map_size`.
    """
    from esl.data.transforms import fit_within

    fitted, valid = fit_within(image, map_size)
    logits = predictor.predict(fitted[None])[0].astype(np.float32)
    return logits - logits.max(axis=0, keepdims=True), valid, fitted


def load_predictor(
    checkpoint: Path | str,
    device: DeviceName = "auto",
    precision: Literal["auto", "fp32", "bf16"] = "auto",
) -> Any:
    """A checkpoint's `Predictor`.

    Raises:
        CheckpointError: it cannot be used.
        ConfigError: the machine has no such device or precision.
    """
    from esl.models.predictor import Predictor

    return Predictor.load(checkpoint, device=device, precision=precision)


def device_like(device: DeviceName, recorded: str) -> DeviceName:
    """`device`; where that is `auto`, the device that a store records, if this machine has it."""
    from esl.models.device import resolve_device

    if device != "auto" or recorded not in ("cpu", "cuda"):
        return device
    known: DeviceName = "cuda" if recorded == "cuda" else "cpu"
    try:
        resolve_device(known)
    except ConfigError:
        return "auto"
    return known


def release_gpu_memory() -> None:
    """Return memory that torch only caches to the GPU, for other processes; nothing where no GPU was used."""
    import torch

    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.empty_cache()


def _root_of(manifest: StoreManifest) -> Path | None:
    """The folder to open; the demo world in its own cache is opened without one."""
    if manifest.dataset == "demo" and "demo-v" in Path(manifest.root).parent.name:
        return None
    return Path(manifest.root) if manifest.root else None
