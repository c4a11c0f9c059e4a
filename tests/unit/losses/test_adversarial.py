"""The game is the same whichever label means source."""

import pytest
import torch

from esl.losses.adversarial import (
    Adversary,
    fooling_loss,
    source_discrimination_loss,
    target_discrimination_loss,
)


@pytest.mark.parametrize("gan", ["bce", "ls"])
def test_swapping_the_labels_mirrors_the_scores(gan: str) -> None:
    scores = torch.randn(2, 1, 3, 4)
    zero, one = Adversary(gan=gan, source_label=0), Adversary(gan=gan, source_label=1)  # type: ignore[arg-type]
    mirrored = -scores if gan == "bce" else 1 - scores
    for loss in (fooling_loss, source_discrimination_loss, target_discrimination_loss):
        torch.testing.assert_close(loss(scores, zero), loss(mirrored, one))


def test_to_fool_is_to_be_taken_for_source() -> None:
    adversary = Adversary()
    sure_source, sure_target = torch.full((1, 1, 2, 2), -9.0), torch.full((1, 1, 2, 2), 9.0)
    assert float(fooling_loss(sure_source, adversary)) < 0.01 < float(fooling_loss(sure_target, adversary))
    assert float(source_discrimination_loss(sure_source, adversary)) < 0.01
    assert float(target_discrimination_loss(sure_target, adversary)) < 0.01


def test_an_undecided_discriminator_pays_log_two_in_all() -> None:
    undecided, adversary = torch.zeros(1, 1, 2, 2), Adversary()
    both = source_discrimination_loss(undecided, adversary) + target_discrimination_loss(undecided, adversary)
    assert float(both) == pytest.approx(0.6931, abs=1e-4)
