"""The parts of the image translation give what the reference code gives."""

import json

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from esl.models.deeplab_v2 import DeepLabV2, NetworkSpec, build_network
from esl.models.translation import Generator, PatchDiscriminator, normalised_semantic_logits, semantic_logits
from tests.parity.golden_values import fill, golden_folder, golden_input


def expected(key: str) -> NDArray[np.float32]:
    values: NDArray[np.float32] = np.load(golden_folder() / "translation.npz")[key]
    return values


def image(key: str = "translate") -> Tensor:
    return golden_input(key, (1, 3, 64, 128)).tanh()


def assert_close(actual: Tensor, key: str) -> None:
    want = expected(key)
    assert tuple(actual.shape) == want.shape
    assert np.abs(actual.numpy() - want).max() < 1e-4 * np.abs(want).max(), key


def test_networks_have_the_published_keys() -> None:
    published = json.loads((golden_folder() / "translation_keys.json").read_text())
    assert list(Generator().state_dict()) == published["generator_keys"]
    assert list(PatchDiscriminator().state_dict()) == published["discriminator_keys"]
    assert len(published["generator_keys"]) == 117
    assert len(published["discriminator_keys"]) == 19


def test_generator_equals_the_reference() -> None:
    generator = fill(Generator()).train()
    with torch.no_grad():
        assert_close(generator(image()), "generator_train_mode")


def test_discriminator_equals_the_reference() -> None:
    discriminator = fill(PatchDiscriminator()).train()
    with torch.no_grad():
        assert_close(discriminator(image()), "discriminator_train_mode")


def segmentation_network() -> DeepLabV2:
    network = build_network(NetworkSpec(num_classes=19, aspp_branches=2, multi_level=False))
    fill(network, [("layer6", "layer5")])
    return network.eval()


def test_semantic_logits_and_loss_equal_the_reference() -> None:
    network = segmentation_network()
    with torch.no_grad():
        assert_close(semantic_logits(network, image()), "semantic_logits")
        first, second = (normalised_semantic_logits(network, image(k)) for k in ("translate", "translate2"))
    loss = float((first - second).square().mean())
    assert abs(loss - float(expected("semantic_loss"))) < 1e-3 * float(expected("semantic_loss"))
