"""Image and label stay together through every change."""

import numpy as np
import pytest

from esl.config import AugmentConfig
from esl.training.augment import augment
from esl.training.order import augmentation_rng


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    label = np.arange(40 * 60).reshape(40, 60) % 251
    image = np.repeat(label[..., None], 3, axis=2)
    return image.astype(np.uint8), label.astype(np.uint8)


def test_nothing_asked_for_is_nothing_done(pair: tuple[np.ndarray, np.ndarray]) -> None:
    image, label = augment(*pair, AugmentConfig(), augmentation_rng(0, 1, 0))
    np.testing.assert_array_equal(image, pair[0])
    np.testing.assert_array_equal(label, pair[1])


def test_crops_and_mirrors_move_image_and_label_alike(pair: tuple[np.ndarray, np.ndarray]) -> None:
    seen = set()
    for position in range(20):
        image, label = augment(*pair, AugmentConfig(crop=(16, 24), flip=True), augmentation_rng(position, 1, 0))
        assert image.shape == (16, 24, 3)
        np.testing.assert_array_equal(image[..., 0], label)
        seen.add((int(label[0, 0]), int(label[0, 1]) < int(label[0, 0])))
    assert len({mirrored for _, mirrored in seen}) == 2
    assert len(seen) > 10


def test_recolouring_leaves_the_label(pair: tuple[np.ndarray, np.ndarray]) -> None:
    image, label = augment(*pair, AugmentConfig(gamma=0.5, gain=0.3), augmentation_rng(3, 1, 0))
    np.testing.assert_array_equal(label, pair[1])
    assert np.abs(image.astype(int) - pair[0]).mean() > 2
    again, _ = augment(*pair, AugmentConfig(gamma=0.5, gain=0.3), augmentation_rng(3, 1, 0))
    np.testing.assert_array_equal(image, again)


def test_zoom_keeps_the_crop_s_size_and_no_new_class(pair: tuple[np.ndarray, np.ndarray]) -> None:
    for position in range(10):
        image, label = augment(*pair, AugmentConfig(crop=(32, 32), scale=(0.8, 1.5)), augmentation_rng(position, 1, 0))
        assert image.shape == (32, 32, 3)
        assert set(np.unique(label)) <= set(np.unique(pair[1]))
