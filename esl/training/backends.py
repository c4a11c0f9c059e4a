"""What the libraries under torch are told before a run: how exact, how repeatable, how quick."""

import os

import torch

from esl.models.device import Precision


def be_exact(precision: Precision) -> None:
    """Let fp32 mean float32: left alone, cuDNN rounds the factors of fp32 convolutions to TF32's 10 bits."""
    torch.backends.cudnn.allow_tf32 = precision != "fp32"


def be_quick_or_repeatable(*, deterministic: bool) -> None:
    """Let cuDNN try its algorithms once per size, of which a run has two; or take only those that repeat to the bit."""
    torch.backends.cudnn.benchmark = not deterministic
    if deterministic:
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
        # Every new buffer would be filled with NaN first: a check for who reads what was never written, at a price.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
