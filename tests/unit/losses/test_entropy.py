"""Entropy and its gradient are finite wherever probabilities vanish."""

import pytest
import torch

from esl.losses.entropy import entropy_loss, self_information


def test_uniform_is_one_and_certain_is_zero() -> None:
    assert float(entropy_loss(torch.zeros(1, 7, 3, 3))) == pytest.approx(1.0, abs=1e-6)
    certain = torch.zeros(1, 7, 3, 3)
    certain[:, 2] = 500.0
    assert float(entropy_loss(certain)) == 0.0


def test_gradients_are_finite_where_probabilities_underflow() -> None:
    logits = torch.zeros(1, 4, 2, 2)
    logits[:, 0] = 300.0
    logits.requires_grad_(True)
    entropy_loss(logits).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_self_information_sums_to_the_entropy() -> None:
    logits = 3 * torch.randn(2, 19, 5, 6)
    maps = self_information(logits)
    assert maps.shape == logits.shape
    assert float(maps.min()) >= 0.0
    torch.testing.assert_close(maps.sum(1).mean(), entropy_loss(logits))
