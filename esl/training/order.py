"""Which image comes at which step, as a pure function of the seed (exact resume needs nothing but the step).

Images are counted by position: position p of a domain is the (p mod N)-th image of the (p div N)-th shuffled
epoch. Micro-batch m of rank r takes positions (m * ranks + r) * batch_size on, so that however a global batch is
shared out over ranks and accumulation, the same images with the same augmentation make the same update.
"""

from functools import lru_cache

import numpy as np
from numpy.random import Generator, Philox
from numpy.typing import NDArray

_ORDER, _AUGMENT = 0, 1


def position_of(micro_step: int, rank: int, slot: int, *, world_size: int, batch_size: int) -> int:
    """Position of the `slot`-th image of a rank's micro-batch."""
    return (micro_step * world_size + rank) * batch_size + slot


def image_at(position: int, num_images: int, seed: int, domain: int) -> int:
    """Index of the image at a position of a domain's shuffled epochs."""
    epoch, place = divmod(position, num_images)
    return int(_shuffled(num_images, seed, domain, epoch)[place])


def augmentation_rng(position: int, seed: int, domain: int) -> Generator:
    """The generator that decides the augmentation of the image at `position`."""
    return Generator(Philox(key=seed, counter=[0, _AUGMENT, domain, position]))


@lru_cache(maxsize=4)
def _shuffled(num_images: int, seed: int, domain: int, epoch: int) -> NDArray[np.int64]:
    return Generator(Philox(key=seed, counter=[0, _ORDER, domain, epoch])).permutation(num_images)
