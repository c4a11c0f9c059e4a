from collections.abc import Iterator

import pytest
import torch
import torch.utils.deterministic

from esl.training.backends import be_exact, be_quick_or_repeatable


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    cudnn, fill = torch.backends.cudnn, torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    before = (cudnn.allow_tf32, cudnn.benchmark, torch.are_deterministic_algorithms_enabled())
    yield
    cudnn.allow_tf32, cudnn.benchmark = before[:2]
    torch.use_deterministic_algorithms(before[2])
    torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]


def test_fp32_is_float32() -> None:
    be_exact("fp32")
    assert not torch.backends.cudnn.allow_tf32
    be_exact("bf16")
    assert torch.backends.cudnn.allow_tf32


def test_algorithms_are_searched_unless_bits_must_repeat() -> None:
    be_quick_or_repeatable(deterministic=False)
    assert torch.backends.cudnn.benchmark
    be_quick_or_repeatable(deterministic=True)
    assert not torch.backends.cudnn.benchmark
    assert torch.are_deterministic_algorithms_enabled()
    assert not torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
