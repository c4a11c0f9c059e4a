"""Resizing is Pillow's, and keeps what it must."""

import numpy as np
import pytest
from PIL import Image

from esl.data.transforms import fit_within, resize_image

RNG = np.random.default_rng(3)


@pytest.mark.parametrize("kind", ["noise", "edges", "smooth"])
@pytest.mark.parametrize("size", [(128, 256), (173, 307), (240, 480), (300, 700)])
def test_resizing_is_pillows(kind: str, size: tuple[int, int]) -> None:
    image = RNG.integers(0, 256, (256, 512, 3), np.uint8)
    if kind != "noise":
        blocks = Image.fromarray(image[:32, :64])
        image = np.asarray(
            blocks.resize((512, 256), Image.Resampling.NEAREST if kind == "edges" else Image.Resampling.BICUBIC)
        )
    pillow = np.asarray(Image.fromarray(image).resize(size[::-1], Image.Resampling.BICUBIC))
    ours = resize_image(image, size)
    assert ours.dtype == np.uint8
    assert ours.flags.c_contiguous
    assert np.array_equal(ours, pillow)


def test_any_size_becomes_any_other_as_with_pillow() -> None:
    """Shrinking, widening, slivers and the overshoot of black beside white."""
    for _ in range(120):
        shape, size = RNG.integers(1, 90, 2), RNG.integers(1, 130, 2)
        image = (RNG.integers(0, 2, (*shape, 3)) * 255).astype(np.uint8)
        height, width = (int(v) for v in size)
        pillow = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))
        assert np.array_equal(resize_image(image, (height, width)), pillow), (tuple(shape), (height, width))


def test_a_shape_that_fits_is_filled_and_the_rest_is_padding() -> None:
    image = RNG.integers(1, 256, (30, 90, 3), np.uint8)
    fitted, valid = fit_within(image, (40, 60))
    assert valid == (20, 60)
    assert np.array_equal(fitted[:20], resize_image(image, (20, 60)))
    assert not fitted[20:].any()


def test_a_sliver_keeps_at_least_a_pixel() -> None:
    assert fit_within(np.ones((1, 500, 3), np.uint8), (20, 20))[1] == (1, 20)
