"""Backbones that keep the resolution a dense prediction needs.

A backbone is data: named children under their published names, and the order in which they run. `DeepLabV2` takes
the children over as its own, so that its state dict has exactly the published keys (no `backbone.` in front).
The ResNets follow DeepLab-V2 (ceil-mode pooling, dilated last stages, output stride 8); MobileNetV2 has
torchvision's key names.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from esl.errors import ConfigError
from esl.models.convolutions import DepthwiseConv2d, NormalisedSequence, ReLU6, normalised

BackboneName = Literal["resnet18", "resnet34", "resnet50", "resnet101", "mobilenet_v2"]
StrideOn = Literal["conv1", "conv2"]

RESNET_BLOCKS: Mapping[str, tuple[int, int, int, int]] = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
}
BACKBONES = (*RESNET_BLOCKS, "mobilenet_v2")
"""Names that `build_backbone` knows."""

_MOBILENET_V2 = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""(expansion, channels, blocks, stride) of each stage of MobileNetV2 1.0."""


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """The parts of a backbone, in the order they run."""

    children: Mapping[str, nn.Module]
    """Modules under their published names."""
    stages: tuple[str, ...]
    """Paths below the children; the output of each is the input of the next."""
    aux_after: str
    """Stage whose output feeds the auxiliary head."""
    aux_channels: int
    main_channels: int
    """Channels of the last stage, which feeds the main head."""


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with a shortcut; the stride sits on conv1 (Caffe) or on conv2 (torchvision)."""

    expansion = 4

    def __init__(self, channels_in: int, width: int, *, stride: int, dilation: int, stride_on: StrideOn) -> None:
        super().__init__()
        first, second = (stride, 1) if stride_on == "conv1" else (1, stride)
        self.conv1 = nn.Conv2d(channels_in, width, 1, stride=first, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=second, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(channels_in, width * self.expansion, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, h, w) to (B, 4 * width, h', w')."""
        out = self.relu(normalised(self.conv1, self.bn1, x))
        out = self.relu(normalised(self.conv2, self.bn2, out))
        out = normalised(self.conv3, self.bn3, out)
        out += self.downsample(x)
        return self.relu(out)  # type: ignore[no-any-return]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions with a shortcut (ResNet-18 and 34), dilated like DeepLab's bottleneck."""

    expansion = 1

    def __init__(self, channels_in: int, width: int, *, stride: int, dilation: int, stride_on: StrideOn) -> None:
        super().__init__()
        del stride_on  # the two conventions differ for bottlenecks only
        self.conv1 = nn.Conv2d(channels_in, width, 3, stride=stride, padding=dilation, dilation=dilation, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(channels_in, width, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, h, w) to (B, width, h', w')."""
        out = self.relu(normalised(self.conv1, self.bn1, x))
        out = normalised(self.conv2, self.bn2, out)
        out += self.downsample(x)
        return self.relu(out)  # type: ignore[no-any-return]


class InvertedResidual(nn.Module):
    """MobileNetV2's block: widen, depthwise 3x3, project; torchvision's key names."""

    def __init__(self, channels_in: int, channels_out: int, *, expansion: int, stride: int, dilation: int) -> None:
        super().__init__()
        width = channels_in * expansion
        widen = [_conv_bn_relu6(channels_in, width, kernel=1)] if expansion > 1 else []
        self.conv = NormalisedSequence(
            *widen,
            _conv_bn_relu6(width, width, kernel=3, stride=stride, dilation=dilation, groups=width),
            nn.Conv2d(width, channels_out, 1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.has_shortcut = stride == 1 and channels_in == channels_out

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, h, w) to (B, out, h', w')."""
        out: Tensor = self.conv(x)
        return x + out if self.has_shortcut else out


def build_backbone(name: str, *, output_stride: int = 8, stride_on: StrideOn = "conv1") -> Backbone:
    """The backbone called `name`, with random weights (He's normal initialisation).

    Args:
        name: one of `BACKBONES`.
        output_stride: input size over feature size: 8; for MobileNetV2 also 16.
        stride_on: where a bottleneck's stride sits.

    Raises:
        ConfigError: an unknown name, or an output stride that the backbone does not have.
    """
    if name not in BACKBONES:
        raise ConfigError(f"Backbone must be one of {', '.join(BACKBONES)}; got {name!r}.")
    if stride_on not in ("conv1", "conv2"):
        raise ConfigError(f"stride_on must be conv1 (Caffe) or conv2 (torchvision); got {stride_on!r}.")
    strides = (8, 16) if name == "mobilenet_v2" else (8,)
    if output_stride not in strides:
        raise ConfigError(f"Output stride of {name} must be one of {strides}; got {output_stride}.")
    backbone = _mobilenet_v2(output_stride) if name == "mobilenet_v2" else _resnet(name, stride_on)
    for child in backbone.children.values():
        for module in child.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return backbone


def _resnet(name: str, stride_on: StrideOn) -> Backbone:
    block = BasicBlock if name in ("resnet18", "resnet34") else Bottleneck
    children: dict[str, nn.Module] = {
        "conv1": nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False),
        "bn1": nn.BatchNorm2d(64),
        "relu": nn.ReLU(inplace=True),
        "maxpool": nn.MaxPool2d(3, stride=2, padding=1, ceil_mode=True),
    }
    channels = 64
    plan = zip((64, 128, 256, 512), RESNET_BLOCKS[name], (1, 2, 1, 1), (1, 1, 2, 4))
    for index, (width, num_blocks, stride, dilation) in enumerate(plan, start=1):
        blocks: list[nn.Module] = []
        for position in range(num_blocks):
            step = stride if position == 0 else 1
            blocks.append(block(channels, width, stride=step, dilation=dilation, stride_on=stride_on))
            channels = width * block.expansion
        children[f"layer{index}"] = nn.Sequential(*blocks)
    return Backbone(
        children=children,
        stages=tuple(children),
        aux_after="layer3",
        aux_channels=channels // 2,
        main_channels=channels,
    )


def _mobilenet_v2(output_stride: int) -> Backbone:
    layers: list[nn.Module] = [_conv_bn_relu6(3, 32, kernel=3, stride=2)]
    channels, reached, dilation = 32, 2, 1
    for expansion, width, num_blocks, stage_stride in _MOBILENET_V2:
        for position in range(num_blocks):
            stride = stage_stride if position == 0 else 1
            block_dilation = dilation
            if reached * stride > output_stride:
                # The block that gives up its stride still reads undilated features; those after it do not.
                dilation *= stride
                stride = 1
            reached *= stride
            layers.append(
                InvertedResidual(channels, width, expansion=expansion, stride=stride, dilation=block_dilation)
            )
            channels = width
    return Backbone(
        children={"features": nn.Sequential(*layers)},
        stages=tuple(f"features.{i}" for i in range(len(layers))),
        aux_after="features.13",
        aux_channels=96,
        main_channels=channels,
    )


def _shortcut(channels_in: int, channels_out: int, stride: int) -> nn.Module:
    if stride == 1 and channels_in == channels_out:
        return nn.Identity()
    return NormalisedSequence(
        nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False), nn.BatchNorm2d(channels_out)
    )


def _conv_bn_relu6(
    channels_in: int, channels_out: int, *, kernel: int, stride: int = 1, dilation: int = 1, groups: int = 1
) -> nn.Sequential:
    kind = nn.Conv2d if groups == 1 else DepthwiseConv2d
    padding = dilation * (kernel // 2)
    return NormalisedSequence(
        kind(
            channels_in,
            channels_out,
            kernel,
            stride=stride,
            padding=padding,
            dilation=dilation,
            groups=groups,
            bias=False,
        ),
        nn.BatchNorm2d(channels_out),
        ReLU6(inplace=True),
    )
