"""The paper's names for how a network is re-trained: which pseudo-labels, and `+it` for translated source images."""

from dataclasses import replace

from esl.config import PseudoLabelConfig
from esl.errors import ConfigError
from esl.presets import STRATEGIES as LABELS
from esl.presets import STRATEGY_OF_CRITERION

TRANSLATED = "+it"
"""Ending of a strategy that re-trains on translated source images."""

KNOWN = tuple(f"{name}{ending}" for ending in ("", TRANSLATED) for name in LABELS)


def strategy_of(labels: PseudoLabelConfig, image_translation: bool) -> str:
    """`ssl`, `esl`, `median` or `cbst`, with `+it` where the source is translated."""
    chosen = next(
        (name for name, known in LABELS.items() if (known.criterion, known.mode) == (labels.criterion, labels.mode)),
        STRATEGY_OF_CRITERION[labels.criterion],
    )
    return chosen + (TRANSLATED if image_translation else "")


def labels_of(strategy: str, labels: PseudoLabelConfig) -> tuple[PseudoLabelConfig, bool]:
    """`labels` with the criterion and mode of a strategy, and whether the source is translated.

    Raises:
        ConfigError: there is no such strategy.
    """
    if strategy not in KNOWN:
        raise ConfigError(f"A strategy must be one of {', '.join(KNOWN)}; got {strategy!r}.")
    known = LABELS[strategy.removesuffix(TRANSLATED)]
    return replace(labels, criterion=known.criterion, mode=known.mode), strategy.endswith(TRANSLATED)
