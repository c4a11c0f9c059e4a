"""What is said where a device's memory is too small."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from esl.errors import EslError


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
        is_full = isinstance(error, torch.OutOfMemoryError)
        if not is_full and not any(text in str(error) for text in ("not enough memory", "can't allocate memory")):
            raise
        raise OutOfMemoryError(sentence) from error
