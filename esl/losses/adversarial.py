"""Losses of the game between segmentation network and discriminator.

Paper: Eq. (2)-(3), Sec. 3.1.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

GanLoss = Literal["bce", "ls"]


@dataclass(frozen=True, kw_only=True)
class Adversary:
    """How a discriminator's scores become a loss."""

    gan: GanLoss = "bce"
    """`bce`: cross-entropy of the sigmoid; `ls`: squared distance of the raw score (LS-GAN)."""
    source_label: int = 0
    """What D is taught to answer for source, 0 or 1. The paper says 1, the reference code 0; the game is the same."""

    @property
    def target_label(self) -> int:
        """What D is taught to answer for target."""
        return 1 - self.source_label


def score_loss(scores: Tensor, label: int, gan: GanLoss = "bce") -> Tensor:
    """Mean distance of (B, 1, h, w) raw scores from `label`, a scalar."""
    scores = scores.float()
    wanted = torch.full_like(scores, float(label))
    if gan == "ls":
        return functional.mse_loss(scores, wanted)
    return functional.binary_cross_entropy_with_logits(scores, wanted)


def fooling_loss(target_scores: Tensor, adversary: Adversary) -> Tensor:
    """How far target maps are from being taken for source: what the segmentation network minimises.

    Paper: Eq. (3), Sec. 3.1.
    """
    return score_loss(target_scores, adversary.source_label, adversary.gan)


def source_discrimination_loss(source_scores: Tensor, adversary: Adversary) -> Tensor:
    """The source half of what D minimises. Paper: Eq. (2), Sec. 3.1."""
    return score_loss(source_scores, adversary.source_label, adversary.gan) / 2


def target_discrimination_loss(target_scores: Tensor, adversary: Adversary) -> Tensor:
    """The target half of what D minimises. Paper: Eq. (2), Sec. 3.1."""
    return score_loss(target_scores, adversary.target_label, adversary.gan) / 2
