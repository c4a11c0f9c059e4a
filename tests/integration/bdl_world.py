"""BDL on tiny streets: every stage in a second or two."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from esl.config import PseudoLabelConfig, SelectionConfig
from esl.config.translation import TranslationConfig
from esl.pipelines.bdl_config import BdlConfig, BdlPlan
from esl.presets import ADAPTSEGNET
from tests.integration.training_world import tiny_config

STAGES = [
    "step_1/translation", "step_1/translated", "adapt/run", "step_1/store", "step_1/run",
    "step_2/translation", "step_2/translated", "step_2/store", "step_2/run",
]  # fmt: skip
"""In the order of the procedure."""


def settings(world: Path, **plan: Any) -> BdlConfig:
    """Both configs and the plan, all tiny."""
    labels = PseudoLabelConfig(source="store", criterion="entropy", mode="median")
    method = replace(ADAPTSEGNET, discriminator_width=4)
    adaptation = tiny_config(world, steps=2, method=method, pseudo_labels=labels, selection=SelectionConfig())
    translation = TranslationConfig(
        class_set="camvid11", source=adaptation.source, target=adaptation.target,
        num_blocks=1, generator_width=4, discriminator_width=4, discriminator_layers=2,
        steps=2, constant_steps=1, batch_size=1, pool_size=2, log_every=1, save_every=1, precision="fp32",
    )  # fmt: skip
    return BdlConfig(translation=translation, adaptation=adaptation, plan=BdlPlan(**plan))
