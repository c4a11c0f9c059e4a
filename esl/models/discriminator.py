"""The discriminator D: is this prediction map from a source or from a target image?

Paper: Eq. (2)-(3), Sec. 3.1.
"""

from itertools import pairwise

from torch import Tensor, nn


class Discriminator(nn.Sequential):
    """Five 4x4 convolutions of stride 2, leaky ReLU (0.2) between them, no normalisation, raw scores out.

    The state dict has ADVENT's ten keys (`0`, `2`, `4`, `6`, `8`); AdaptSegNet's names are in `published.py`.
    """

    def __init__(self, num_classes: int, width: int = 64) -> None:
        """Build D for maps of `num_classes` channels; `width` filters come first and double three times."""
        channels = (num_classes, width, 2 * width, 4 * width, 8 * width, 1)
        layers: list[nn.Module] = []
        for channels_in, channels_out in pairwise(channels):
            layers += [nn.Conv2d(channels_in, channels_out, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        super().__init__(*layers[:-1])

    def forward(self, maps: Tensor) -> Tensor:
        """(B, C, H, W) probabilities or self-information to (B, 1, H/32, W/32) scores before the sigmoid."""
        for layer in self:
            maps = layer(maps)
        return maps
