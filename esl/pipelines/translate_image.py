"""One image through a generator: any size, whole or in tiles."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from esl.config.translation import TranslationConfig
from esl.errors import CheckpointError, ConfigError
from esl.models.device import resolve_device
from esl.models.memory import memory_in_words
from esl.models.translation import Generator, ResidualBlock

Statistics = Literal["instance", "running"]
STRIDE = 4
"""Sides must be multiples of this: two layers of stride 2."""
_TOO_LARGE = (
    "A generator and one image (or tile) must fit into the device's memory, and these do not. Three knobs: tiles (--tile 512 "
    "--statistics running), a smaller --size, or another device (--device cpu)."
)


@dataclass(frozen=True, kw_only=True)
class TilePlan:
    """Whether an image is cut, and what its norms use.

    A tile has other means and variances than its image, so tiles need the running statistics: then a pixel depends on
    the pixels around it alone, and tiles that overlap by that reach give the very image that one pass gives.
    """

    tile: int = 0
    """Greatest side of a tile's kept part; 0 cuts nothing."""
    statistics: Statistics = "instance"

    def __post_init__(self) -> None:
        if self.tile % STRIDE or self.tile < 0:
            raise ConfigError(f"A tile's side must be a multiple of {STRIDE}, or 0 for whole images; got {self.tile}.")
        if self.tile and self.statistics != "running":
            raise ConfigError(
                "Tiles must be translated with --statistics running: with those of each instance, every tile would "
                "get a style of its own, and seams would show."
            )


def load_generator(
    folder: Path, config: TranslationConfig, name: str, statistics: Statistics, device: str
) -> Generator:
    """A generator of a checkpoint, ready to translate.

    Raises:
        CheckpointError: the file does not hold such a generator.
    """
    generator = Generator(config.num_blocks, config.generator_width)
    try:
        generator.load_state_dict(load_file(folder / f"{name}.safetensors"))
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            f"A generator must fit its run's settings: {folder}/{name} does not ({error})."
        ) from error
    generator.eval().requires_grad_(False).to(resolve_device(device))  # type: ignore[arg-type]
    for module in generator.modules():
        if isinstance(module, nn.InstanceNorm2d):
            module.track_running_stats = statistics == "running"
            if statistics == "instance":
                # Without them the layer takes the image's own numbers in evaluation mode too.
                module.running_mean = module.running_var = None
    return generator


def translate_image(generator: Generator, image: NDArray[np.uint8], plan: TilePlan) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB to the same size in the other style; both sides at least 8.

    Sides that are no multiples of 4 are padded by reflection at the right and bottom, and the result is cropped.

    Raises:
        OutOfMemoryError: the device's memory does not hold it; names the knobs.
    """
    height, width = image.shape[:2]
    device = next(generator.parameters()).device
    with memory_in_words(_TOO_LARGE), torch.inference_mode():
        values = torch.from_numpy(np.require(image, requirements=["C", "W"])).permute(2, 0, 1)[None].to(device)
        values = values.float() / 127.5 - 1
        values = functional.pad(values, (0, -width % STRIDE, 0, -height % STRIDE), mode="reflect")
        made = _in_tiles(generator, values, plan.tile) if plan.tile else generator(values)
        made = ((made[0, :, :height, :width] + 1) * 127.5 + 0.5).clamp(0, 255).to(torch.uint8)
        return np.ascontiguousarray(made.permute(1, 2, 0).cpu().numpy())


def reach(generator: Generator) -> int:
    """Pixels to either side that a generator's output depends on, rounded up to whole strides."""
    blocks = sum(isinstance(module, ResidualBlock) for module in generator.modules())
    # 7x7 convolutions: 3 each; the strided and transposed ones at most 1, 2, 4 and 2; two 3x3 at stride 4 a block.
    pixels = 3 + 1 + 2 + 2 * blocks * STRIDE + 4 + 2 + 3
    return -(-pixels // STRIDE) * STRIDE


def _in_tiles(generator: Generator, values: Tensor, tile: int) -> Tensor:
    """Each tile is translated with all that it depends on around it, and only the tile is kept."""
    made = torch.empty_like(values)
    margin = reach(generator)
    for rows in _spans(values.shape[2], tile, margin):
        for columns in _spans(values.shape[3], tile, margin):
            part = generator(values[:, :, rows.start : rows.stop, columns.start : columns.stop])
            made[:, :, rows.first : rows.last, columns.first : columns.last] = part[
                :, :, rows.first - rows.start : rows.last - rows.start,
                columns.first - columns.start : columns.last - columns.start,
            ]  # fmt: skip
    return made


@dataclass(frozen=True)
class _Span:
    """One tile along one axis: [first, last) is kept of [start, stop)."""

    first: int
    last: int
    start: int
    stop: int


def _spans(length: int, tile: int, margin: int) -> Iterator[_Span]:
    for first in range(0, length, tile):
        last = min(first + tile, length)
        yield _Span(first, last, max(0, first - margin), min(length, last + margin))
