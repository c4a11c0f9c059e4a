import pytest
import torch

from esl.models.memory import OutOfMemoryError, memory_in_words
from esl.training.guards import STEP_TOO_LARGE


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: not enough memory"),
    ],
)
def test_full_memory_comes_with_three_knobs(error: Exception) -> None:
    with (
        pytest.raises(OutOfMemoryError, match=r"crop.*--batch-size.*--precision bf16") as raised,
        memory_in_words(STEP_TOO_LARGE),
    ):
        raise error
    assert raised.value.__cause__ is error


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shape"), memory_in_words(STEP_TOO_LARGE):
        raise RuntimeError("shape mismatch")
