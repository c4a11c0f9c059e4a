"""The networks give what the reference code gives, for the same weights and inputs."""

from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from esl.models.deeplab_v2 import DeepLabV2, NetworkSpec, build_network
from esl.models.discriminator import Discriminator
from esl.models.predictor import fold_batch_norm
from esl.models.published import DISCRIMINATOR_NAMES
from tests.parity.golden_values import fill, golden_folder, golden_input

NETWORKS = {
    "advent_multi_19": (19, 4, True, ()),
    "advent_multi_16": (16, 4, True, ()),
    "advent_single_19": (19, 4, False, ()),
    "adaptsegnet_multi_19": (19, 2, True, ()),
    "adaptsegnet_single_19": (19, 2, False, (("layer6", "layer5"),)),
}


@cache
def expected() -> dict[str, NDArray[np.float32]]:
    return dict(np.load(golden_folder() / "networks.npz"))


def assert_close(actual: Tensor, key: str) -> None:
    want = expected()[key]
    assert tuple(actual.shape) == want.shape
    error = np.abs(actual.numpy() - want).max() / np.abs(want).max()
    assert error < 1e-4, f"{key}: {error:.2e}"


def network(name: str) -> DeepLabV2:
    num_classes, branches, multi_level, renamed = NETWORKS[name]
    spec = NetworkSpec(num_classes=num_classes, aspp_branches=branches, multi_level=multi_level)
    built = build_network(spec)
    fill(built, renamed)
    return built.eval()


@pytest.mark.parametrize("name", NETWORKS)
def test_logits_of_both_heads_equal_the_reference(name: str) -> None:
    with torch.inference_mode():
        aux, main = network(name).forward_normalised(golden_input("image", (1, 3, 65, 129), 50))
    assert_close(main, f"{name}.main")
    if aux is None:
        assert f"{name}.aux" not in expected()
    else:
        assert_close(aux, f"{name}.aux")


def test_folded_batch_norm_still_equals_the_reference() -> None:
    folded = network("advent_multi_19")
    fold_batch_norm(folded)
    assert not [m for m in folded.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    with torch.inference_mode():
        main = folded.main_logits(golden_input("image", (1, 3, 65, 129), 50))
    assert_close(main, "advent_multi_19.main")


def test_the_wrong_number_of_branches_would_not_pass() -> None:
    wrong = build_network(NetworkSpec(num_classes=19, aspp_branches=4)).eval()
    fill(wrong)
    with torch.inference_mode():
        _, main = wrong.forward_normalised(golden_input("image", (1, 3, 65, 129), 50))
    want = expected()["adaptsegnet_multi_19.main"]
    assert np.abs(main.numpy() - want).max() / np.abs(want).max() > 0.01


@pytest.mark.parametrize("names", ["adaptsegnet", "advent"])
def test_discriminator_equals_the_reference(names: str) -> None:
    discriminator = Discriminator(19)
    fill(
        discriminator,
        [(ours, theirs) for theirs, ours in DISCRIMINATOR_NAMES.items()] if names == "adaptsegnet" else [],
    )
    probs = golden_input("probs", (1, 19, 65, 129), 3).softmax(1)
    with torch.inference_mode():
        assert_close(discriminator(probs), f"discriminator_{names}")


def test_every_entry_is_compared() -> None:
    heads = {
        f"{name}.{head}" for name, spec in NETWORKS.items() for head in (("aux", "main") if spec[2] else ("main",))
    }
    assert heads | {"discriminator_adaptsegnet", "discriminator_advent"} == set(expected())
