"""One iteration of image translation, as the method says it: from networks and images to losses.

Paper: Sec. 4.1 (BDL's image translation: CycleGAN with least squares and BDL's perceptual loss). Images are
(B, 3, H, W) in [-1, 1]. Nothing here steps an optimiser.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from esl.losses.cycle import (
    CycleWeights,
    discriminator_loss,
    least_squares_gan,
    perceptual_loss,
    reconstruction_loss,
)
from esl.models.deeplab_v2 import DeepLabV2
from esl.models.translation import Generator, PatchDiscriminator, semantic_logits

Losses = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Translators:
    """The players."""

    to_target: Generator
    """Gives source images the target's style."""
    to_source: Generator
    judge_target: PatchDiscriminator
    """Tells target images from translations into their style."""
    judge_source: PatchDiscriminator
    observer: DeepLabV2 | None = None
    """Frozen segmentation network in evaluation mode; None leaves the perceptual loss out."""


@dataclass(frozen=True, kw_only=True)
class Translations:
    """What the generators made of one batch."""

    in_target: Tensor
    """Source images in the target's style."""
    in_source: Tensor
    source_again: Tensor
    """Source images, there and back."""
    target_again: Tensor
    source_kept: Tensor
    """Source images through `to_source`, which should leave them alone."""
    target_kept: Tensor


def translate_both_ways(players: Translators, source: Tensor, target: Tensor) -> Translations:
    """All six passes through the generators."""
    in_target, in_source = players.to_target(source), players.to_source(target)
    return Translations(
        in_target=in_target,
        in_source=in_source,
        source_again=players.to_source(in_target),
        target_again=players.to_target(in_source),
        source_kept=players.to_source(source),
        target_kept=players.to_target(target),
    )


def generator_losses(players: Translators, made: Translations, source: Tensor, target: Tensor) -> Losses:
    """Every term of the generators' loss, unweighted."""
    losses = {
        "gan_target": least_squares_gan(players.judge_target(made.in_target), True),
        "gan_source": least_squares_gan(players.judge_source(made.in_source), True),
        "cycle_source": reconstruction_loss(made.source_again, source),
        "cycle_target": reconstruction_loss(made.target_again, target),
        "identity_source": reconstruction_loss(made.source_kept, source),
        "identity_target": reconstruction_loss(made.target_kept, target),
    }
    return losses | _perceptual_losses(players.observer, made, source, target)


def _perceptual_losses(observer: DeepLabV2 | None, made: Translations, source: Tensor, target: Tensor) -> Losses:
    if observer is None:
        return {}
    with torch.no_grad():
        of_source, of_target = semantic_logits(observer, source), semantic_logits(observer, target)
    return {
        "perceptual_in_target": perceptual_loss(semantic_logits(observer, made.in_target), of_source),
        "perceptual_in_source": perceptual_loss(semantic_logits(observer, made.in_source), of_target),
        "perceptual_source_again": perceptual_loss(semantic_logits(observer, made.source_again), of_source),
        "perceptual_target_again": perceptual_loss(semantic_logits(observer, made.target_again), of_target),
    }


def weighted_sum(losses: Losses, weights: CycleWeights) -> Tensor:
    """The generators' loss: LSGAN + cycle + identity + perceptual terms, each with its weight."""
    by_kind = {
        "gan": 1.0,
        "cycle": weights.cycle,
        "identity": weights.cycle * weights.identity,
        "perceptual_in": weights.perceptual_translated,
        "perceptual": weights.cycle * weights.perceptual,
    }
    return torch.stack([by_kind[_kind(name)] * loss for name, loss in losses.items()]).sum()


def _kind(name: str) -> str:
    return "perceptual_in" if name.startswith("perceptual_in") else name.split("_", maxsplit=1)[0]


def discriminator_losses(
    players: Translators, source: Tensor, target: Tensor, *, shown_source: Tensor, shown_target: Tensor
) -> Losses:
    """How well the discriminators tell images from translations; `shown_*` come detached from the pools."""
    return {
        "d_target": discriminator_loss(players.judge_target(target), players.judge_target(shown_target)),
        "d_source": discriminator_loss(players.judge_source(source), players.judge_source(shown_source)),
    }
