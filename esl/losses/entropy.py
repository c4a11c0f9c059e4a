"""Entropy of predictions as something to minimise (MinEnt) or to show to a discriminator (ADVENT).

Both start from log P (`log_probabilities`): p log p by way of it has a finite gradient even where p underflows to 0.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx


def self_information(log_probs: Tensor) -> Tensor:
    """ADVENT's weighted self-information, -p log p / log C, per class and pixel.

    Args:
        log_probs: (B, C, H, W) float32, log P.

    Returns:
        (B, C, H, W) float32 in [0, log(e) / (e log C)]; its sum over classes is the normalised entropy of Eq. (8).
    """
    information: Tensor = _SelfInformation.apply(log_probs)
    return information


def entropy_loss(log_probs: Tensor) -> Tensor:
    """MinEnt: the mean normalised entropy over images and pixels of (B, C, H, W) log P, a scalar in [0, 1]."""
    return self_information(log_probs).sum(1).mean()


class _SelfInformation(torch.autograd.Function):
    """exp(l) * l * k, which keeps l alone; its derivative is exp(l) * (1 + l) * k."""

    @staticmethod
    def forward(ctx: FunctionCtx, *args: Any) -> Tensor:
        (log_probs,) = args
        ctx.save_for_backward(log_probs)
        information: Tensor = log_probs.exp().mul_(log_probs).mul_(_factor(log_probs))
        return information

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (log_probs,) = ctx.saved_tensors
        slope = log_probs.exp()
        gradient: Tensor = slope.addcmul_(slope, log_probs).mul_(gradients[0]).mul_(_factor(log_probs))
        return gradient


def _factor(log_probs: Tensor) -> float:
    return -1.0 / math.log(log_probs.shape[1])
