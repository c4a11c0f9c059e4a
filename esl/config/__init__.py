"""Typed configs: what a run is told, as frozen values that check themselves (decision 10).

Importing this package loads no network library, so that `--help` and the page stay quick.
"""

from esl.config.codec import config_differences, config_from_json, config_hash, config_to_json
from esl.config.parts import (
    AugmentConfig,
    DataConfig,
    MethodConfig,
    NetworkConfig,
    PseudoLabelConfig,
    SelectionConfig,
)
from esl.config.train import TrainConfig

__all__ = [
    "AugmentConfig",
    "DataConfig",
    "MethodConfig",
    "NetworkConfig",
    "PseudoLabelConfig",
    "SelectionConfig",
    "TrainConfig",
    "config_differences",
    "config_from_json",
    "config_hash",
    "config_to_json",
]
