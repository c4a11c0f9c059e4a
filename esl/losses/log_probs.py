"""log P at an image's size: computed once a head and pass, read by every loss."""

import torch
from torch import Tensor
from torch.nn import functional


def log_probabilities(logits: Tensor, size: tuple[int, int] | None = None) -> Tensor:
    """Log-softmax of logits, brought to `size` first: bilinear, corners aligned, as all published code has it.

    Everything is kept with the classes of a pixel side by side (channels last), as the networks leave it: no map has to
    be turned round on the way from the logits to the losses, nor on the way back.

    Args:
        logits: (B, C, h, w), any floating type.
        size: (height, width) of the image; None keeps (h, w).

    Returns:
        (B, C, H, W) float32, finite where the logits are.
    """
    logits = logits.float().contiguous(memory_format=torch.channels_last)
    if size is not None:
        logits = functional.interpolate(logits, size=size, mode="bilinear", align_corners=True)
    return functional.log_softmax(by_pixel(logits), dim=-1).permute(0, 3, 1, 2)


def by_pixel(maps: Tensor) -> Tensor:
    """(B, C, H, W) to a contiguous (B, H, W, C): no copy where `maps` lies channels-last in memory."""
    return maps.permute(0, 2, 3, 1).contiguous()
