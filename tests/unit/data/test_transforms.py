"""Resizing is Pillow's within a grey level, and keeps what it must."""

import numpy as np
import pytest
from PIL import Image

from esl.data.transforms import fit_within, resize_image

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("kind", ["noise", "edges", "smooth"])
@pytest.mark.parametrize("size", [(128, 256), (173, 307), (240, 480), (300, 700)])
def test_resizing_is_within_one_grey_level_of_pillow(kind: str, size: tuple[int, int]) -> None:
    image = RNG.integers(0, 256, (256, 512, 3), np.uint8)
    if kind != "noise":
        blocks = Image.fromarray(image[:32, :64])
        image = np.asarray(
            blocks.resize((512, 256), Image.Resampling.NEAREST if kind == "edges" else Image.Resampling.BICUBIC)
        )
    pillow = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BICUBIC), np.int16)
    ours = resize_image(image, size)
    assert ours.dtype == np.uint8
    assert ours.flags.c_contiguous
    difference = np.abs(ours.astype(np.int16) - pillow)
    assert difference.max() <= 2
    assert (difference > 1).mean() < 1e-4
    if size == (128, 256):
        assert difference.max() <= 1, "the paper's own ratio, 2048x1024 to 1024x512"


def test_a_shape_that_fits_is_filled_and_the_rest_is_padding() -> None:
    image = RNG.integers(1, 256, (30, 90, 3), np.uint8)
    fitted, valid = fit_within(image, (40, 60))
    assert valid == (20, 60)
    assert np.array_equal(fitted[:20], resize_image(image, (20, 60)))
    assert not fitted[20:].any()


def test_a_sliver_keeps_at_least_a_pixel() -> None:
    assert fit_within(np.ones((1, 500, 3), np.uint8), (20, 20))[1] == (1, 20)
