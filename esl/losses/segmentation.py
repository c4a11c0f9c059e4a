"""Cross-entropy against labels, ground truth or pseudo.

Means are taken per image over its labelled pixels and then over images, so that ranks and accumulated
micro-batches compose: the mean of means is the same however the images are shared out.
"""

import torch
from torch import Tensor
from torch.nn import functional

from esl.classes import IGNORE


def cross_entropy_per_image(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean negative log-likelihood over each image's labelled pixels; 0 where an image has none.

    Args:
        logits: (B, C, H, W) float.
        labels: (B, H, W) int64 train ids, 255 = ignore.

    Returns:
        (B,) float32.
    """
    return _pixel_losses(logits.float(), labels).sum((1, 2)) / labelled_pixels(labels).clamp(min=1)


def _pixel_losses(logits: Tensor, labels: Tensor) -> Tensor:
    """(B, H, W) negative log-likelihood, 0 where ignored."""
    if not (logits.is_cuda and torch.are_deterministic_algorithms_enabled()):
        return functional.cross_entropy(logits, labels, ignore_index=IGNORE, reduction="none")
    return _pixel_losses_by_gather(logits, labels)


def _pixel_losses_by_gather(logits: Tensor, labels: Tensor) -> Tensor:
    """The same by other operations: CUDA's own kernel for maps adds up in an order that changes from run to run."""
    is_labelled = labels != IGNORE
    log_probs = functional.log_softmax(logits, dim=1)
    chosen = log_probs.gather(1, torch.where(is_labelled, labels, 0)[:, None])[:, 0]
    return torch.where(is_labelled, -chosen, 0.0)


def segmentation_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean over images of `cross_entropy_per_image`; a scalar, finite even where all pixels are ignored.

    Paper: Eq. (1), Sec. 3.1 for source labels, the self-training term of Eq. (4) for pseudo-labels. The paper sums
    over pixels; all published code takes the mean, and the weights (`lambda_sl` = 1) are those of the mean.
    """
    return cross_entropy_per_image(logits, labels).mean()


def labelled_pixels(labels: Tensor) -> Tensor:
    """(B,) int64: pixels of each (H, W) label that are not ignored."""
    return (labels != IGNORE).sum((1, 2))


def num_without_labels(labels: Tensor) -> Tensor:
    """Scalar int64: images of a (B, H, W) batch that are ignored altogether and so contribute zero."""
    return (labelled_pixels(labels) == 0).sum(dtype=torch.int64)
