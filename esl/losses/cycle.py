"""Losses of image translation: CycleGAN as BDL uses it, and BDL's perceptual term.

All take images in [-1, 1]. Paper: Sec. 4.1 (BDL's image translation module, [14] and [26]).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from esl.errors import ShapeError

INSTANCE_NORM_EPS = 1e-5
"""Added to the variance of each class's logit map; the reference's value."""


@dataclass(frozen=True, kw_only=True)
class CycleWeights:
    """Weights of the generators' loss."""

    cycle: float = 10.0
    """Of |G_back(G(x)) - x|, in either direction."""
    identity: float = 0.5
    """Of |G(y) - y| for y already in G's output domain, relative to `cycle`. BDL's advice: never 0."""
    perceptual: float = 0.0
    """Of BDL's perceptual term on reconstructions, relative to `cycle`; 0 leaves the network out (round 1)."""
    perceptual_translated: float = 0.1
    """Of the same term between an image and its translation, where `perceptual` is not 0."""


def least_squares_gan(scores: Tensor, is_real: bool) -> Tensor:
    """Mean squared distance of (B, 1, h, w) raw scores from 1 (real) or 0 (made). LSGAN."""
    return (scores.float() - float(is_real)).square().mean()


def discriminator_loss(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """Half of the loss on real images plus half of that on translated ones, a scalar."""
    return 0.5 * (least_squares_gan(real_scores, True) + least_squares_gan(fake_scores, False))


def reconstruction_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute difference of two (B, 3, H, W) images: the cycle and the identity term.

    Raises:
        ShapeError: the two differ in shape; a generator's output is cropped to its input first.
    """
    if made.shape != wanted.shape:
        raise ShapeError(
            f"An image and its reconstruction must have one shape: got {tuple(made.shape)} and {tuple(wanted.shape)}."
        )
    return functional.l1_loss(made.float(), wanted.float())


def perceptual_loss(logits: Tensor, wanted_logits: Tensor) -> Tensor:
    """Mean squared difference of two images' logits, each class map normalised to mean 0 and variance 1.

    Args:
        logits: (B, C, h, w) of a frozen segmentation network on the made image.
        wanted_logits: the same on the image it should mean the same as.
    """
    return functional.mse_loss(_instance_normalised(logits), _instance_normalised(wanted_logits))


def _instance_normalised(logits: Tensor) -> Tensor:
    logits = logits.float()
    variance, mean = torch.var_mean(logits, dim=(2, 3), correction=0, keepdim=True)
    return (logits - mean) * torch.rsqrt(variance + INSTANCE_NORM_EPS)
