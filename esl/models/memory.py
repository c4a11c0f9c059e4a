"""What is said where a device's memory is too small."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from esl.errors import EslError

_SIGNS = ("not enough memory", "can't allocate memory", "cuda error: out of memory", "status_alloc_failed")
"""The C++ allocator's words, and CUDA's, cuBLAS's and cuDNN's own, which torch raises as plain RuntimeErrors."""


class OutOfMemoryError(EslError):
    """The device's memory does not hold what was asked for."""


@contextmanager
def memory_in_words(sentence: str) -> Iterator[None]:
    """Raise `sentence`, which names the knobs, in place of the framework's own error.

    Raises:
        OutOfMemoryError: the memory of a GPU or of the machine is full.
    """
    try:
        yield
    except RuntimeError as error:
        text = str(error).lower()
        if not isinstance(error, torch.OutOfMemoryError) and not any(sign in text for sign in _SIGNS):
            raise
        raise OutOfMemoryError(sentence) from error
