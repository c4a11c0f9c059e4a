"""Entropy and its gradient are finite wherever probabilities vanish."""

import pytest
import torch

from esl.losses.entropy import entropy_loss, self_information
from esl.losses.log_probs import log_probabilities


def test_uniform_is_one_and_certain_is_zero() -> None:
    assert float(entropy_loss(log_probabilities(torch.zeros(1, 7, 3, 3)))) == pytest.approx(1.0, abs=1e-6)
    certain = torch.zeros(1, 7, 3, 3)
    certain[:, 2] = 500.0
    assert float(entropy_loss(log_probabilities(certain))) == 0.0


def test_gradients_are_finite_where_probabilities_underflow() -> None:
    logits = torch.zeros(1, 4, 2, 2)
    logits[:, 0] = 300.0
    logits.requires_grad_(True)
    entropy_loss(log_probabilities(logits)).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_self_information_sums_to_the_entropy() -> None:
    log_probs = log_probabilities(3 * torch.randn(2, 19, 5, 6))
    maps = self_information(log_probs)
    assert maps.shape == log_probs.shape
    assert float(maps.min()) >= 0.0
    torch.testing.assert_close(maps.sum(1).mean(), entropy_loss(log_probs))


def test_the_gradient_of_self_information_is_that_of_its_formula() -> None:
    log_probs = log_probabilities(3 * torch.randn(2, 5, 3, 4)).double().requires_grad_(True)
    assert torch.autograd.gradcheck(self_information, (log_probs,))
