"""Entropy of predictions as something to minimise (MinEnt) or to show to a discriminator (ADVENT).

Both start from logits: p log p by way of log-softmax has a finite gradient even where p underflows to 0.
"""

import math

from torch import Tensor
from torch.nn import functional


def self_information(logits: Tensor) -> Tensor:
    """ADVENT's weighted self-information, -p log p / log C, per class and pixel.

    Args:
        logits: (B, C, H, W) float.

    Returns:
        (B, C, H, W) float32 in [0, log(e) / (e log C)]; its sum over classes is the normalised entropy of Eq. (8).
    """
    log_probs = functional.log_softmax(logits.float(), dim=1)
    return -(log_probs.exp() * log_probs) / math.log(logits.shape[1])


def entropy_loss(logits: Tensor) -> Tensor:
    """MinEnt: the mean normalised entropy over images and pixels, a scalar in [0, 1]."""
    return self_information(logits).sum(1).mean()
