"""Pseudo-label extraction the way the published scripts do it, in plain form: what ours is measured against.

Pillow, contiguous float32, both heads, softmax and bilinear upsampling in torch, entropy in NumPy without a guard,
two float64 buffers over all images, a full sort for each class.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from esl.models.deeplab_v2 import DeepLabV2

BGR_MEAN = np.array((104.00698793, 116.66876762, 122.67891434), np.float32)


def read(path: Path, size: tuple[int, int]) -> NDArray[np.float32]:
    """(1, 3, H, W) BGR minus mean, resized by Pillow's bicubic filter."""
    image = Image.open(path).convert("RGB").resize((size[1], size[0]), Image.Resampling.BICUBIC)
    values = np.asarray(image, np.float32)[:, :, ::-1] - BGR_MEAN
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def maps_of(logits: torch.Tensor, size: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Labels and entropy, (H, W), of (1, C, h, w) logits."""
    probs = functional.interpolate(logits.softmax(1), size, mode="bilinear", align_corners=True)
    output = probs.cpu().numpy()[0].transpose(1, 2, 0)
    label = np.argmax(output, axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        entropy = -np.sum(output * np.log(output), axis=2) / np.log(output.shape[2])
    return label, entropy


def maps_in_torch(logits: torch.Tensor, size: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Labels, max-prob and entropy, (1, H, W), by eager torch operations: the stronger opponent of the head."""
    with torch.inference_mode():
        probs = functional.interpolate(logits.softmax(1), size, mode="bilinear", align_corners=True)
        max_prob, label = probs.max(1)
        entropy = torch.special.entr(probs).sum(1) / np.log(probs.shape[1])
    return label, max_prob, entropy


def extract(paths: Sequence[Path], size: tuple[int, int], network: DeepLabV2) -> list[float]:
    """Thresholds of each class from the whole set, on the network's device; the labels stay in memory, as there."""
    device = next(network.parameters()).device
    labels = np.zeros((len(paths), *size))
    entropies = np.zeros((len(paths), *size))
    for index, path in enumerate(paths):
        with torch.no_grad():
            _, main = network.forward_normalised(torch.from_numpy(read(path, size)).to(device))
        labels[index], entropies[index] = maps_of(main, size)
    thresholds = []
    for train_id in range(network.num_classes):
        scores = np.sort(entropies[labels == train_id])
        thresholds.append(max(0.1, float(scores[round(len(scores) * 0.5)])) if len(scores) else 0.1)
    return thresholds
