"""The losses give what the reference code gives, for the same logits and labels."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from esl.classes import IGNORE
from esl.losses.adversarial import Adversary, fooling_loss, score_loss
from esl.losses.entropy import entropy_loss, self_information
from esl.losses.log_probs import log_probabilities
from esl.losses.segmentation import cross_entropy_per_image, labelled_pixels
from tests.parity.golden_values import golden_folder, golden_input


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    return dict(np.load(golden_folder() / "losses.npz"))


@pytest.fixture(scope="module")
def logits() -> Tensor:
    return golden_input("loss_logits", (2, 19, 33, 65), 3.0)


@pytest.fixture(scope="module")
def log_probs(logits: Tensor) -> Tensor:
    return log_probabilities(logits)


def test_cross_entropy_is_the_reference_s_mean_over_pixels(log_probs: Tensor, expected: dict[str, np.ndarray]) -> None:
    labels = torch.from_numpy(expected["labels"]).long()
    counts = labelled_pixels(labels)
    over_pixels = (cross_entropy_per_image(log_probs, labels) * counts).sum() / counts.sum()
    assert float(over_pixels) == pytest.approx(float(expected["cross_entropy"]), rel=1e-5)


def test_entropy_loss_is_minent_s(log_probs: Tensor, expected: dict[str, np.ndarray]) -> None:
    assert float(entropy_loss(log_probs)) == pytest.approx(float(expected["entropy_loss"]), rel=1e-5)


def test_self_information_is_advent_s(log_probs: Tensor, expected: dict[str, np.ndarray]) -> None:
    per_class = self_information(log_probs).double().sum((0, 2, 3)).numpy()
    np.testing.assert_allclose(per_class, expected["self_information_sum_per_class"], rtol=1e-4)


def test_scores_against_both_labels(logits: Tensor, expected: dict[str, np.ndarray]) -> None:
    scores = logits[:, :1]
    assert float(score_loss(scores, 0)) == pytest.approx(float(expected["bce_source"]), rel=1e-5)
    assert float(score_loss(scores, 1)) == pytest.approx(float(expected["bce_target"]), rel=1e-5)
    assert float(fooling_loss(scores, Adversary())) == pytest.approx(float(expected["bce_source"]), rel=1e-5)


def test_equation_1_in_plain_python(logits: Tensor, expected: dict[str, np.ndarray]) -> None:
    labels = torch.from_numpy(expected["labels"]).long()
    image, label = logits[0, :, :7, :7].double(), labels[0, :7, :7]
    terms = []
    for y in range(7):
        for x in range(7):
            if int(label[y, x]) != IGNORE:
                weights = [math.exp(float(v)) for v in image[:, y, x]]
                terms.append(-math.log(weights[int(label[y, x])] / sum(weights)))
    ours = float(cross_entropy_per_image(log_probabilities(image[None]), label[None])[0])
    assert ours == pytest.approx(sum(terms) / len(terms), rel=1e-5)
