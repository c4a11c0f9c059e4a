"""Means per image, then over images; nothing is lost to ignored pixels."""

import pytest
import torch

from esl.losses.log_probs import log_probabilities
from esl.losses.segmentation import cross_entropy_per_image, num_without_labels, segmentation_loss


def test_each_image_counts_the_same_however_many_pixels_are_labelled() -> None:
    torch.manual_seed(0)
    log_probs = log_probabilities(torch.randn(2, 5, 4, 6))
    labels = torch.randint(0, 5, (2, 4, 6))
    labels[1, 1:] = 255
    one, two = (float(segmentation_loss(log_probs[i : i + 1], labels[i : i + 1])) for i in range(2))
    assert float(segmentation_loss(log_probs, labels)) == pytest.approx((one + two) / 2, rel=1e-6)


def test_an_image_without_labels_gives_zero_and_a_zero_gradient() -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    labels = torch.randint(0, 3, (2, 4, 4))
    labels[0] = 255
    loss = segmentation_loss(log_probabilities(logits), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    assert torch.isfinite(loss)
    assert logits.grad is not None
    assert float(logits.grad[0].abs().max()) == 0.0
    assert float(logits.grad[1].abs().max()) > 0.0
    assert float(cross_entropy_per_image(log_probabilities(logits.detach()), labels)[0]) == 0.0
    assert int(num_without_labels(labels)) == 1


def test_half_precision_logits_are_summed_in_full_precision() -> None:
    logits = (20 * torch.randn(1, 19, 64, 64)).bfloat16()
    labels = torch.randint(0, 19, (1, 64, 64))
    assert segmentation_loss(log_probabilities(logits), labels).dtype == torch.float32


def test_it_is_torch_s_cross_entropy_whatever_lies_side_by_side_in_memory() -> None:
    logits = torch.randn(1, 5, 6, 7)
    labels = torch.randint(0, 5, (1, 6, 7))
    labels[0, :3] = 255
    wanted = torch.nn.functional.cross_entropy(logits, labels, ignore_index=255)
    by_class = log_probabilities(logits).contiguous()
    torch.testing.assert_close(segmentation_loss(log_probabilities(logits), labels), wanted)
    torch.testing.assert_close(segmentation_loss(by_class, labels), wanted)
