"""Cross-entropy against labels, ground truth or pseudo.

Means are taken per image over its labelled pixels and then over images, so that ranks and accumulated
micro-batches compose: the mean of means is the same however the images are shared out.
"""

import torch
from torch import Tensor
from torch.nn import functional

from esl.classes import IGNORE
from esl.losses.log_probs import by_pixel


def cross_entropy_per_image(log_probs: Tensor, labels: Tensor) -> Tensor:
    """Mean negative log-likelihood over each image's labelled pixels; 0 where an image has none.

    Args:
        log_probs: (B, C, H, W) float32, log P (`esl.losses.log_probs`).
        labels: (B, H, W) int64 train ids, 255 = ignore.

    Returns:
        (B,) float32.
    """
    # Pixels in one row: for those torch's kernel repeats its bits on a GPU too, for maps it does not.
    pixels = by_pixel(log_probs).flatten(0, 2)
    losses = functional.nll_loss(pixels, labels.flatten(), ignore_index=IGNORE, reduction="none")
    return losses.view(labels.shape).sum((1, 2)) / labelled_pixels(labels).clamp(min=1)


def segmentation_loss(log_probs: Tensor, labels: Tensor) -> Tensor:
    """Mean over images of `cross_entropy_per_image`; a scalar, finite even where all pixels are ignored.

    Paper: Eq. (1), Sec. 3.1 for source labels, the self-training term of Eq. (4) for pseudo-labels. The paper sums
    over pixels; all published code takes the mean, and the weights (`lambda_sl` = 1) are those of the mean.
    """
    return cross_entropy_per_image(log_probs, labels).mean()


def labelled_pixels(labels: Tensor) -> Tensor:
    """(B,) int64: pixels of each (H, W) label that are not ignored."""
    return (labels != IGNORE).sum((1, 2))


def num_without_labels(labels: Tensor) -> Tensor:
    """Scalar int64: images of a (B, H, W) batch that are ignored altogether and so contribute zero."""
    return (labelled_pixels(labels) == 0).sum(dtype=torch.int64)
