"""What a BDL experiment is told: its plan, and the configs of its parts."""

from dataclasses import asdict, dataclass, field
from typing import Any

from esl.config import DataConfig, PseudoLabelConfig, TrainConfig, config_to_json
from esl.config.translation import TranslationConfig
from esl.errors import ConfigError
from esl.pipelines.bdl_strategies import labels_of


@dataclass(frozen=True, kw_only=True)
class BdlPlan:
    """What the procedure is told, beside the configs of its parts."""

    steps: int = 2
    """Rounds of translation, pseudo-labels and re-training."""
    image_translation: bool = True
    """`+ IT`: re-train on translated source images; without it on the originals. The first adaptation always sees
    translated ones."""
    perceptual: float = 1.0
    """Weight of the perceptual loss from step 2 on, relative to `cycle`; 0 translates once and for all."""
    strategies: tuple[str, ...] = ()
    """Also re-train with these at each step, from the same pseudo-label store: `ssl`, `esl`, `ssl+it`, `esl+it`, ...
    The next step goes on from the procedure's own strategy alone."""
    score_on: DataConfig = field(default_factory=DataConfig)
    """A labelled split to score each network on; no decision depends on it. Empty: nothing is scored."""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigError(f"BDL must have at least 1 step; got {self.steps}.")
        for strategy in self.strategies:
            labels_of(strategy, PseudoLabelConfig())


@dataclass(frozen=True, kw_only=True)
class BdlConfig:
    """All settings of one experiment."""

    translation: TranslationConfig
    """CycleGAN; its data sets and perceptual network are those of the procedure."""
    adaptation: TrainConfig
    """Method, and the strategy that chooses pseudo-labels; any of both."""
    plan: BdlPlan = field(default_factory=BdlPlan)

    def __post_init__(self) -> None:
        if not self.adaptation.target:
            raise ConfigError("BDL needs target images; its adaptation names none (--target.dataset).")
        if self.translation.class_set != self.adaptation.class_set:
            raise ConfigError(
                f"Translation and adaptation must have one class set; got {self.translation.class_set} and "
                f"{self.adaptation.class_set}."
            )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        score_on = asdict(self.plan.score_on) | {"root": self.plan.score_on.root.as_posix()}
        return {
            "translation": self.translation.to_json(),
            "adaptation": config_to_json(self.adaptation),
            "plan": asdict(self.plan) | {"score_on": score_on},
        }
