"""Batches by number: item m of the data set is the whole micro-batch m of this rank."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from esl.classes import IGNORE
from esl.config import AugmentConfig
from esl.errors import DataError, EslError
from esl.images import resize_label
from esl.training.augment import augment
from esl.training.order import augmentation_rng, image_at, position_of
from esl.training.step import Batch
from esl.training.worker_signals import leave_stops_to_the_trainer

LabelSource = Callable[[str], NDArray[np.uint8]]
"""Image id -> (H, W) uint8 train ids, 255 = ignore; picklable."""


class Images(Protocol):
    """What a batch needs of a data set of images (`esl.data.dataset.PairDataset`)."""

    @property
    def name(self) -> str: ...
    @property
    def image_ids(self) -> Sequence[str]: ...
    def read_input(self, image_id: str, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]: ...
    def read_label(self, image_id: str, size: tuple[int, int] | None = None) -> NDArray[np.uint8]: ...


@dataclass(frozen=True, kw_only=True)
class Domain:
    """One domain's images, as training sees them."""

    number: int
    """0 = source, 1 = target; part of what decides order and augmentation."""
    images: Images
    size: tuple[int, int]
    """(height, width) after resizing."""
    augment: AugmentConfig
    labels: LabelSource | None = None
    """Where labels come from; None: there are none (target images without self-training)."""

    def sample(self, position: int, seed: int) -> tuple[str, NDArray[np.uint8], NDArray[np.uint8]]:
        """Image id, (H, W, 3) image and (H, W) label at a position, resized and augmented."""
        ids = self.images.image_ids
        image_id = ids[image_at(position, len(ids), seed, self.number)]
        image, _ = self.images.read_input(image_id, self.size)
        label = np.full(self.size, IGNORE, np.uint8) if self.labels is None else self.labels(image_id)
        if label.shape != self.size:
            label = resize_label(label, self.size)
        return image_id, *augment(image, label, self.augment, augmentation_rng(position, seed, self.number))


@dataclass(frozen=True)
class GroundTruth:
    """Labels of a data set's own files, at the network's input size."""

    images: Images
    size: tuple[int, int]

    def __call__(self, image_id: str) -> NDArray[np.uint8]:
        return self.images.read_label(image_id, self.size)


@dataclass(frozen=True)
class Unreadable:
    """What a worker hands over where a file could not be used: the sentence, without a stack of processes around it."""

    message: str


@dataclass(frozen=True, kw_only=True)
class StepBatches(Dataset["Batch | Unreadable"]):
    """Micro-batch m of this rank, for any m."""

    source: Domain
    target: Domain | None
    batch_size: int
    seed: int
    rank: int = 0
    world_size: int = 1

    def __getitem__(self, micro_step: int) -> "Batch | Unreadable":
        try:
            return self._batch(micro_step)
        except EslError as error:
            return Unreadable(str(error))

    def _batch(self, micro_step: int) -> Batch:
        names, images, labels = self._stack(self.source, micro_step)
        batch = Batch(source_images=images, source_labels=labels, names=names)
        if self.target is None:
            return batch
        target_names, target_images, target_labels = self._stack(self.target, micro_step)
        return replace(
            batch,
            target_images=target_images,
            pseudo_labels=None if self.target.labels is None else target_labels,
            names=names + target_names,
        )

    def _stack(self, domain: Domain, micro_step: int) -> tuple[tuple[str, ...], Tensor, Tensor]:
        where = {"world_size": self.world_size, "batch_size": self.batch_size}
        positions = [position_of(micro_step, self.rank, slot, **where) for slot in range(self.batch_size)]
        samples = [domain.sample(position, self.seed) for position in positions]
        images = torch.from_numpy(np.stack([image for _, image, _ in samples])).permute(0, 3, 1, 2)
        labels = torch.from_numpy(np.stack([label for _, _, label in samples]))
        return tuple(f"{domain.images.name}:{name}" for name, _, _ in samples), images, labels


def iterate(batches: StepBatches, first: int, last: int, num_workers: int, device: torch.device) -> Iterator[Batch]:
    """Micro-batches first, ..., last - 1 with uint8 tensors, decoded ahead by `num_workers` processes.

    They lie in page-locked memory where `device`, which will compute on them, is a GPU.

    Raises:
        DataError: a file cannot be used (with its path).
        RuntimeError: a worker died (`guards.lost_processes_in_words`).
    """
    loader: DataLoader[Batch | Unreadable] = DataLoader(
        batches, batch_size=None, sampler=range(first, last), num_workers=num_workers,
        prefetch_factor=4 if num_workers else None, pin_memory=device.type == "cuda",
        worker_init_fn=leave_stops_to_the_trainer,
    )  # fmt: skip
    for item in loader:
        if isinstance(item, Unreadable):
            raise DataError(item.message)
        yield item


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch on `device`: images float32 in channels-last order, labels int64."""

    def image(values: Tensor) -> Tensor:
        return values.to(device, non_blocking=True).to(torch.float32, memory_format=torch.channels_last)

    def label(values: Tensor) -> Tensor:
        return values.to(device, non_blocking=True).long()

    return Batch(
        source_images=image(batch.source_images),
        source_labels=label(batch.source_labels),
        target_images=None if batch.target_images is None else image(batch.target_images),
        pseudo_labels=None if batch.pseudo_labels is None else label(batch.pseudo_labels),
        names=batch.names,
    )
