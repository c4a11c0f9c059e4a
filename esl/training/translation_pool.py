"""Earlier translations, of which a discriminator sees half: it must not forget what a generator used to do."""

from dataclasses import dataclass

import torch
from numpy.random import Generator, Philox
from torch import Tensor

_POOL = 2
"""Stream of random numbers beside those of order and augmentation (`esl.training.order`)."""


@dataclass
class ImagePool:
    """At most `size` translations, drawn from by a generator that depends on seed, domain and step alone."""

    size: int
    seed: int
    domain: int
    """0: translations into the source's style, 1: into the target's."""
    images: Tensor | None = None
    """(n, 3, H, W), n at most `size`; part of every checkpoint. None while empty."""

    def draw(self, fresh: Tensor, step: int) -> Tensor:
        """What the discriminator is shown at `step` in place of `fresh` (B, 3, H, W); keeps what it has not seen.

        Until the pool is full it is filled and shows what comes. Then half of the images are swapped for stored ones.
        """
        fresh = fresh.detach().float()
        if self.size == 0:
            return fresh
        rng = Generator(Philox(key=self.seed, counter=[0, _POOL, self.domain, step]))
        return torch.stack([self._draw_one(image, rng) for image in fresh])

    def _draw_one(self, image: Tensor, rng: Generator) -> Tensor:
        swap, place = bool(rng.random() < 0.5), int(rng.integers(0, self.size))
        if self.images is None:
            self.images = image[None].clone()
            return image
        if len(self.images) < self.size:
            self.images = torch.cat([self.images, image[None]])
            return image
        if not swap:
            return image
        old = self.images[place].clone()
        self.images[place] = image
        return old

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        return {} if self.images is None else {"images": self.images}
