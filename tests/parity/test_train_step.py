"""One iteration of every method gives the reference code's losses and gradients."""

import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from esl.config import MethodConfig
from esl.models.deeplab_v2 import DeepLabV2, NetworkSpec, build_network
from esl.models.discriminator import Discriminator
from esl.models.published import DISCRIMINATOR_NAMES
from esl.presets import ADAPTSEGNET, ADVENT, MINENT
from esl.training.step import Batch, Differentiation, Networks, accumulate_gradients
from tests.parity.golden_values import fill, golden_folder, golden_input, rng

METHODS: dict[str, tuple[MethodConfig, int, bool]] = {
    "advent": (ADVENT, 4, False),
    "advent_pseudo": (ADVENT, 4, True),
    "minent": (MINENT, 4, False),
    "adaptsegnet": (ADAPTSEGNET, 2, False),
}


class Normalised(nn.Module):
    """The network for images that are in its own input space already, as the reference values have them."""

    def __init__(self, network: DeepLabV2) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> tuple[Tensor | None, Tensor]:
        return self.network.forward_normalised(x)


def batch(has_pseudo_labels: bool) -> Batch:
    pseudo = rng("target_pseudo").integers(0, 19, (1, 65, 129))
    pseudo[rng("target_ignore").random((1, 65, 129)) < 0.5] = 255
    return Batch(
        source_images=golden_input("source", (1, 3, 97, 161), 50.0),
        source_labels=torch.from_numpy(rng("source_labels").integers(0, 19, (1, 97, 161))),
        target_images=golden_input("target", (1, 3, 65, 129), 50.0),
        pseudo_labels=torch.from_numpy(pseudo) if has_pseudo_labels else None,
    )


def in_precision(batch: Batch, dtype: torch.dtype) -> Batch:
    assert batch.target_images is not None
    return replace(batch, source_images=batch.source_images.to(dtype), target_images=batch.target_images.to(dtype))


def one_iteration(name: str, dtype: torch.dtype = torch.float32) -> dict[str, float]:
    """Losses, gradient norms and a running mean by their names in `train_step.json`."""
    method, branches, has_pseudo_labels = METHODS[name]
    network = build_network(NetworkSpec(num_classes=19, aspp_branches=branches), batch_norm="batch")
    fill(network)
    network.train().to(dtype)
    judges = {head: Discriminator(19) for head in ("main", "aux") if method.is_adversarial}
    for judge in judges.values():
        fill(judge, [(ours, theirs) for theirs, ours in DISCRIMINATOR_NAMES.items()] if name == "adaptsegnet" else ())
    how = Differentiation(backward=lambda loss: loss.backward(), without_sync=lambda module: nullcontext())  # type: ignore[no-untyped-call]
    networks = Networks(segmenter=Normalised(network), discriminators=judges)
    losses = accumulate_gradients(networks, in_precision(batch(has_pseudo_labels), dtype), method, how)
    actual = {f"{name}.loss.{k}": float(v) for k, v in losses.items()}
    for key, parameter in network.named_parameters():
        norm = 0.0 if parameter.grad is None else float(parameter.grad.norm())
        actual[f"{name}.grad_norm.{key}"] = norm
    for head, key, index in (("main", "d_main.last_weight", -1), ("aux", "d_aux.first_weight", 0)):
        if head in judges:
            layer = [m for m in judges[head].modules() if isinstance(m, nn.Conv2d)][index]
            assert layer.weight.grad is not None
            actual[f"{name}.grad_norm.{key}"] = float(layer.weight.grad.norm())
    running_mean = network.state_dict()["bn1.running_mean"]
    actual[f"{name}.bn1.running_mean_norm"] = float(running_mean.norm())
    return actual


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_one_iteration(name: str) -> None:
    actual = one_iteration(name)
    expected = json.loads((golden_folder() / "train_step.json").read_text())
    wanted = {k: v for k, v in expected.items() if k.startswith(f"{name}.")}
    assert wanted
    assert {k for k in actual if ".loss." in k} == {k for k in wanted if ".loss." in k}
    for key, value in wanted.items():
        np.testing.assert_allclose(actual[key], value, rtol=1e-3, atol=1e-6, err_msg=key)
