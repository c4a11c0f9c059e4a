"""The published training iteration in plain form: what AdaptSegNet's family of scripts does, in our own words.

fp32, contiguous tensors, Pillow's decoder and resize, floats normalised on the CPU, both heads upsampled before every
loss, each backbone parameter handed to the optimiser three times (see decision 8).
"""

import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional

from esl.config import TrainConfig
from esl.models.convolutions import DepthwiseConv2d, FewChannelsConv2d, ReLU6
from esl.models.deeplab_v2 import NetworkSpec, build_network
from esl.models.discriminator import Discriminator

_MEAN = np.array((104.00698793, 116.66876762, 122.67891434), np.float32)
_REPEATS = 3
_PLAIN: Mapping[type[nn.Module], type[nn.Module]] = {
    FewChannelsConv2d: nn.Conv2d, DepthwiseConv2d: nn.Conv2d, ReLU6: nn.ReLU6,
}  # fmt: skip


def read_image(path: Path, size: tuple[int, int]) -> Tensor:
    """(1, 3, H, W) float32 BGR minus mean."""
    with Image.open(path) as opened:
        image = opened.convert("RGB").resize(size[::-1], Image.Resampling.BICUBIC)
    values = np.asarray(image, np.float32)[:, :, ::-1] - _MEAN
    return torch.from_numpy(values.transpose(2, 0, 1).copy())[None]


def read_label(path: Path, size: tuple[int, int]) -> Tensor:
    """(1, H, W) int64."""
    with Image.open(path) as opened:
        label = opened.resize(size[::-1], Image.Resampling.NEAREST)
    return torch.from_numpy(np.asarray(label, np.int64).copy())[None]


def self_information(logits: Tensor) -> Tensor:
    """-p log2(p + 1e-30) / log2 C."""
    probs = functional.softmax(logits, dim=1)
    information: Tensor = -probs * torch.log2(probs + 1e-30) / np.log2(logits.shape[1])
    return information


def repeated(parameters: Iterator[nn.Parameter]) -> list[nn.Parameter]:
    """Every parameter three times, as the published generators yield them."""
    return [p for parameter in parameters for p in [parameter] * _REPEATS]


def plain(network: nn.Module) -> nn.Module:
    """The network with torch's own modules in place of ours that do the same in another order."""
    for module in network.modules():
        module.__class__ = _PLAIN.get(type(module), type(module))
    return network


def published_step(config: TrainConfig, folder: Path, device: str) -> Callable[[], None]:
    """A function that makes one ADVENT iteration on the first image of each domain."""
    torch.manual_seed(config.seed)
    torch.backends.cudnn.benchmark = True  # as train_UDA.py has it
    network = build_network(NetworkSpec(num_classes=19, backbone=config.network.backbone)).to(device).train()
    plain(network)
    judges = [Discriminator(19).to(device).train() for _ in range(2)]
    groups = network.parameter_groups()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch rightly complains of the repeats
        sgd = torch.optim.SGD(
            [{"params": repeated(iter(groups.backbone)), "lr": 2.5e-4}, {"params": groups.heads, "lr": 2.5e-3}],
            momentum=0.9, weight_decay=5e-4, foreach=False,
        )  # fmt: skip
    adams = [torch.optim.Adam(judge.parameters(), lr=1e-4, betas=(0.9, 0.99)) for judge in judges]

    def upsampled(images: Tensor) -> list[Tensor]:
        heads = network.forward_normalised(images)
        return [
            functional.interpolate(h, size=images.shape[-2:], mode="bilinear", align_corners=True)
            for h in heads
            if h is not None
        ]

    def judged(judge: nn.Module, logits: Tensor, label: float) -> Tensor:
        scores = judge(self_information(logits))
        return functional.binary_cross_entropy_with_logits(scores, torch.full_like(scores, label))

    def read() -> tuple[Tensor, Tensor, Tensor]:
        images = folder / "images"
        return (
            read_image(images / "source" / "0.png", config.source.size),
            read_label(folder / "labels" / "source" / "0.png", config.source.size),
            read_image(images / "target" / "0.png", config.target.size),
        )

    # Its loaders decode in other processes and pin what they hand over.
    ready = tuple(t.pin_memory() for t in read()) if device == "cuda" else None

    def step() -> None:
        source, labels, target = (t.to(device, non_blocking=True) for t in ready or read())
        for optimizer in (sgd, *adams):
            optimizer.zero_grad()
        for judge in judges:
            judge.requires_grad_(False)
        on_source = upsampled(source)
        losses = [functional.cross_entropy(logits, labels, ignore_index=255) for logits in on_source]
        (losses[1] + 0.1 * losses[0]).backward()  # type: ignore[no-untyped-call]
        on_target = upsampled(target)
        fooled = [judged(judge, logits, 0.0) for judge, logits in zip(judges, on_target, strict=True)]
        (1e-3 * fooled[1] + 2e-4 * fooled[0]).backward()  # type: ignore[no-untyped-call]
        for judge in judges:
            judge.requires_grad_(True)
        for outputs, label in ((on_source, 0.0), (on_target, 1.0)):
            for judge, logits in zip(judges, outputs, strict=True):
                (judged(judge, logits.detach(), label) / 2).backward()  # type: ignore[no-untyped-call]
        for optimizer in (sgd, *adams):
            optimizer.step()

    return step
