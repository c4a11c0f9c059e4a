"""BDL's image translation: CycleGAN's generator and discriminator, and the perceptual logits between them.

Key names, layer order and instance norm with running statistics are CycleGAN's, so published weights load as they are.
"""

from torch import Tensor, nn
from torch.nn import functional

from esl.models.deeplab_v2 import DeepLabV2


class Generator(nn.Module):
    """ResNet generator: two stride-2 convolutions, residual blocks, two transposed convolutions, tanh.

    Paper: Sec. 4.1 (BDL); the state dict of the published form (9 blocks, 64 filters) has 117 keys.
    """

    def __init__(self, num_blocks: int = 9, width: int = 64) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.ReflectionPad2d(3), nn.Conv2d(3, width, 7), _norm(width), nn.ReLU(inplace=True)]
        for channels in (width, 2 * width):
            layers += [
                nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1),
                _norm(2 * channels),
                nn.ReLU(inplace=True),
            ]
        layers += [ResidualBlock(4 * width) for _ in range(num_blocks)]
        for channels in (4 * width, 2 * width):
            layers += [
                nn.ConvTranspose2d(channels, channels // 2, 3, stride=2, padding=1, output_padding=1),
                _norm(channels // 2),
                nn.ReLU(inplace=True),
            ]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)
        _start_small(self)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to the same in the other domain's style; H and W are rounded up to multiples of 4."""
        translated: Tensor = self.model(images)
        return translated


class ResidualBlock(nn.Module):
    """Two reflection-padded 3x3 convolutions with instance norm, and a shortcut."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            _norm(channels),
            nn.ReLU(inplace=True),
            nn.ReflectionPad2d(1),
            nn.Conv2d(channels, channels, 3),
            _norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w) to the same shape."""
        out: Tensor = x + self.conv_block(x)
        return out


class PatchDiscriminator(nn.Module):
    """PatchGAN: one raw score for each overlapping patch of 70x70 pixels (19 keys in the published form)."""

    def __init__(self, width: int = 64, num_layers: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        channels = width
        for depth in range(1, num_layers + 1):
            wider = width * min(2**depth, 8)
            layers += [
                nn.Conv2d(channels, wider, 4, stride=2 if depth < num_layers else 1, padding=1),
                _norm(wider),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            channels = wider
        self.model = nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, padding=1))
        _start_small(self)

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] to (B, 1, about H/8 - 2, about W/8 - 2) scores."""
        scores: Tensor = self.model(images)
        return scores


def semantic_logits(network: DeepLabV2, images: Tensor) -> Tensor:
    """Main-head logits of translated images, differentiable in the images: the features of BDL's perceptual loss.

    Args:
        network: a segmentation network in evaluation mode.
        images: (B, 3, H, W) RGB in [-1, 1].

    Returns:
        (B, C, h, w).
    """
    return network.main_logits(network.normalise((images + 1) * 127.5))


def normalised_semantic_logits(network: DeepLabV2, images: Tensor) -> Tensor:
    """`semantic_logits` with mean 0 and variance 1 in each channel of each image, as the perceptual loss compares them."""
    return functional.instance_norm(semantic_logits(network, images), eps=1e-5)


def _norm(channels: int) -> nn.InstanceNorm2d:
    return nn.InstanceNorm2d(channels, affine=False, track_running_stats=True)


def _start_small(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.normal_(module.weight, 0.0, 0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
