"""DeepLab-V2 with one or two heads, under the published key names.

Paper: Sec. 4.1 (network); the auxiliary head is that of the multi-level methods.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, Self

import torch
from torch import Tensor, nn

from esl.errors import ConfigError
from esl.models.backbones import Backbone, BackboneName, StrideOn, build_backbone
from esl.models.convolutions import FewChannelsConv2d

ASPP_DILATIONS = (6, 12, 18, 24)
AUX_HEAD = "layer5"
MAIN_HEAD = "layer6"

InputNormalisation = Literal["caffe_bgr", "imagenet", "imagenet_bgr", "symmetric"]
BatchNormMode = Literal["batch", "frozen", "trained"]

_IMAGENET_MEAN, _IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# name -> (mean, std) of each channel of a 0..255 image, and whether the network wants BGR. Means are RGB.
_NORMALISATIONS: Mapping[str, tuple[tuple[float, ...], tuple[float, ...], bool]] = {
    "caffe_bgr": ((122.67891434, 116.66876762, 104.00698793), (1.0, 1.0, 1.0), True),
    "imagenet": (tuple(255 * m for m in _IMAGENET_MEAN), tuple(255 * s for s in _IMAGENET_STD), False),
    "imagenet_bgr": (tuple(255 * m for m in _IMAGENET_MEAN), tuple(255 * s for s in _IMAGENET_STD), True),
    "symmetric": ((127.5, 127.5, 127.5), (127.5, 127.5, 127.5), False),
}
INPUT_NORMALISATIONS = tuple(_NORMALISATIONS)


@dataclass(frozen=True, kw_only=True)
class NetworkSpec:
    """Everything that is needed to build a segmentation network, as plain values."""

    num_classes: int
    """C, the channels of both heads."""
    architecture: str = "deeplab_v2"
    backbone: BackboneName = "resnet101"
    aspp_branches: int = 4
    """4, or 2 for weights trained by AdaptSegNet's or BDL's code (its head returned too early)."""
    multi_level: bool = True
    """Whether there is an auxiliary head on the last stage but one."""
    input_normalisation: InputNormalisation = "caffe_bgr"
    """What the backbone was trained with: `caffe_bgr`, `imagenet`, `imagenet_bgr` or `symmetric`."""
    stride_on: StrideOn = "conv1"
    """Where a bottleneck's stride sits: `conv1` (Caffe) or `conv2` (torchvision)."""
    output_stride: int = 8
    """Input size over logit size: 8; MobileNetV2 also has 16."""

    def __post_init__(self) -> None:
        faults = []
        if self.architecture != "deeplab_v2":
            faults.append(f"architecture must be deeplab_v2, got {self.architecture!r}")
        if not 2 <= self.num_classes <= 255:
            faults.append(f"num_classes must be 2 to 255, got {self.num_classes}")
        if self.aspp_branches not in (2, 4):
            faults.append(f"aspp_branches must be 2 or 4, got {self.aspp_branches}")
        if self.input_normalisation not in _NORMALISATIONS:
            faults.append(
                f"input_normalisation must be one of {', '.join(_NORMALISATIONS)}, got {self.input_normalisation!r}"
            )
        if faults:
            raise ConfigError(f"A network's settings must make sense: {'; '.join(faults)}.")


class ParameterGroups(NamedTuple):
    """Trainable parameters, each once."""

    backbone: list[nn.Parameter]
    heads: list[nn.Parameter]


class AsppHead(nn.Module):
    """Parallel dilated 3x3 convolutions, summed. All four exist; the first `num_branches` count."""

    def __init__(self, channels: int, num_classes: int, num_branches: int) -> None:
        super().__init__()
        self.num_branches = num_branches
        self.conv2d_list = nn.ModuleList(
            FewChannelsConv2d(channels, num_classes, 3, padding=dilation, dilation=dilation)
            for dilation in ASPP_DILATIONS
        )
        for convolution in self.conv2d_list:
            assert isinstance(convolution, nn.Conv2d)
            nn.init.normal_(convolution.weight, 0.0, 0.01)

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels, h, w) to (B, C, h, w) logits."""
        logits: Tensor = self.conv2d_list[0](features)
        for branch in self.conv2d_list[1 : self.num_branches]:
            logits = logits + branch(features)
        return logits


class DeepLabV2(nn.Module):
    """Backbone and one or two ASPP heads; logits come at the network's own resolution.

    The affine parameters of batch norm are frozen in all published methods. `batch_norm` says what else holds in
    training: `batch` (batch statistics, as published), `frozen` (running statistics), `trained` (batch statistics
    and trainable affine, for training from random weights).
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        backbone: Backbone,
        num_classes: int,
        *,
        aspp_branches: int = 4,
        multi_level: bool = True,
        input_normalisation: InputNormalisation = "caffe_bgr",
        batch_norm: BatchNormMode = "batch",
    ) -> None:
        super().__init__()
        for name, child in backbone.children.items():
            self.add_module(name, child)
        self.stages = backbone.stages
        self.aux_after = backbone.aux_after
        self.multi_level = multi_level
        self.num_classes = num_classes
        if multi_level:
            self.add_module(AUX_HEAD, AsppHead(backbone.aux_channels, num_classes, aspp_branches))
        self.add_module(MAIN_HEAD, AsppHead(backbone.main_channels, num_classes, aspp_branches))
        mean, std, self.is_bgr = _NORMALISATIONS[input_normalisation]
        channelwise = torch.tensor([mean, std], dtype=torch.float64).reshape(2, 1, 3, 1, 1)
        self.register_buffer("scale", (1 / channelwise[1]).float(), persistent=False)
        self.register_buffer("shift", (-channelwise[0] / channelwise[1]).float(), persistent=False)
        self.batch_norm: BatchNormMode = batch_norm
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.requires_grad_(batch_norm == "trained")

    def normalise(self, rgb: Tensor) -> Tensor:
        """(B, 3, H, W) float RGB in 0..255 to what the backbone was trained on."""
        normalised = rgb * self.scale + self.shift
        return normalised.flip(1) if self.is_bgr else normalised

    def forward(self, rgb: Tensor) -> tuple[Tensor | None, Tensor]:
        """Logits of both heads.

        Args:
            rgb: (B, 3, H, W) float, 0..255.

        Returns:
            (aux, main), each (B, C, h, w), h = ceil of about H / 8; aux is None without an auxiliary head.
        """
        return self.forward_normalised(self.normalise(rgb))

    def forward_normalised(self, x: Tensor) -> tuple[Tensor | None, Tensor]:
        """As `forward`, for an image that is in the backbone's own space already (BGR minus mean, ...)."""
        aux: Tensor | None = None
        for stage in self.stages:
            x = self.get_submodule(stage)(x)
            if self.multi_level and stage == self.aux_after:
                aux = self.get_submodule(AUX_HEAD)(x)
        return aux, self.get_submodule(MAIN_HEAD)(x)

    def main_logits(self, x: Tensor) -> Tensor:
        """The main head alone, for a normalised image: what inference needs."""
        for stage in self.stages:
            x = self.get_submodule(stage)(x)
        logits: Tensor = self.get_submodule(MAIN_HEAD)(x)
        return logits

    def train(self, mode: bool = True) -> Self:
        """Training mode; with `batch_norm="frozen"` batch norm stays in evaluation mode."""
        super().train(mode)
        if self.batch_norm == "frozen":
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self

    def parameter_groups(self) -> ParameterGroups:
        """Trainable parameters of backbone and heads, each exactly once (decision 8)."""
        heads = [p for head in self.heads() for p in head.parameters() if p.requires_grad]
        known = {id(p) for p in heads}
        backbone = [p for p in self.parameters() if p.requires_grad and id(p) not in known]
        return ParameterGroups(backbone, heads)

    def heads(self) -> list[AsppHead]:
        """Auxiliary head, if any, and main head."""
        return [module for module in self.children() if isinstance(module, AsppHead)]


def build_network(spec: NetworkSpec, *, batch_norm: BatchNormMode = "batch") -> DeepLabV2:
    """A network with random weights, as `spec` describes it.

    Raises:
        ConfigError: the backbone does not exist or does not have this output stride.
    """
    backbone = build_backbone(spec.backbone, output_stride=spec.output_stride, stride_on=spec.stride_on)
    return DeepLabV2(
        backbone,
        spec.num_classes,
        aspp_branches=spec.aspp_branches,
        multi_level=spec.multi_level,
        input_normalisation=spec.input_normalisation,
        batch_norm=batch_norm,
    )
