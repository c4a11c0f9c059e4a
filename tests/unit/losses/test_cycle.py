"""Translation losses against their plain forms."""

import pytest
import torch
from torch.nn import functional

from esl.errors import ShapeError
from esl.losses.cycle import CycleWeights, discriminator_loss, least_squares_gan, perceptual_loss, reconstruction_loss


def test_least_squares_gan_is_the_squared_distance_from_its_label() -> None:
    scores = torch.tensor([[[[0.0, 2.0]]]])
    assert least_squares_gan(scores, True).item() == 1.0
    assert least_squares_gan(scores, False).item() == 2.0
    assert discriminator_loss(scores, scores).item() == 1.5


def test_reconstruction_is_the_mean_absolute_difference() -> None:
    a, b = torch.zeros(1, 3, 2, 2), torch.full((1, 3, 2, 2), -0.5)
    assert reconstruction_loss(a, b).item() == 0.5
    with pytest.raises(ShapeError, match=r"\(1, 3, 2, 2\) and \(1, 3, 2, 4\)"):
        reconstruction_loss(a, torch.zeros(1, 3, 2, 4))


def test_perceptual_loss_equals_instance_norm_and_ignores_scale_and_shift() -> None:
    g = torch.Generator().manual_seed(3)
    u, v = torch.randn(2, 5, 7, 9, generator=g), torch.randn(2, 5, 7, 9, generator=g)
    plain = functional.mse_loss(functional.instance_norm(u), functional.instance_norm(v))
    assert torch.allclose(perceptual_loss(u, v), plain, rtol=1e-5)
    assert perceptual_loss(u, 3 * u + 2).item() < 1e-6


def test_a_constant_map_gives_no_nan_and_a_finite_gradient() -> None:
    u = torch.zeros(1, 2, 3, 3, requires_grad=True)
    loss = perceptual_loss(u, torch.randn(1, 2, 3, 3))
    loss.backward()
    assert torch.isfinite(loss)
    assert u.grad is not None
    assert torch.isfinite(u.grad).all()


def test_the_defaults_are_bdls() -> None:
    assert CycleWeights() == CycleWeights(cycle=10.0, identity=0.5, perceptual=0.0, perceptual_translated=0.1)
