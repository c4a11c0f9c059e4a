"""What the loaders hand over. Order and augmentation have tests of their own."""

import pytest
import torch
from torch import Tensor
from torch.utils.data._utils.pin_memory import pin_memory

from esl.training.step import Batch


@pytest.mark.parametrize("has_target", [True, False])
def test_a_loader_can_pin_every_tensor_of_a_batch(has_target: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned: list[Tensor] = []

    def pin(tensor: Tensor) -> Tensor:
        pinned.append(tensor.clone())
        return pinned[-1]

    monkeypatch.setattr(Tensor, "pin_memory", pin)
    image, label = torch.full((1, 3, 2, 2), 7.0), torch.full((1, 2, 2), 3)
    target = {"target_images": image + 1, "pseudo_labels": label + 1} if has_target else {}
    result = pin_memory(Batch(source_images=image, source_labels=label, names=("a",), **target))
    assert isinstance(result, Batch)
    assert result.names == ("a",)
    held = [value for value in vars(result).values() if isinstance(value, Tensor)]
    assert len(held) == len(pinned) == (4 if has_target else 2)
    assert all(any(value is tensor for tensor in pinned) for value in held)
    assert torch.equal(result.source_images, image)
    assert result.target_images is None or torch.equal(result.target_images, image + 1)
