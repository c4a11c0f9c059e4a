"""Everything a training run is told."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from esl.classes import CLASS_SETS
from esl.config.faults import Faults
from esl.config.parts import (
    DataConfig,
    MethodConfig,
    NetworkConfig,
    PseudoLabelConfig,
    SelectionConfig,
)

CONFIG_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """One training run. Sizes are (height, width); a step is one update of the weights."""

    preset: str = ""
    """Name of the preset this config started from."""
    class_set: str = "cityscapes19"
    """Classes of network, labels and pseudo-labels."""
    source: DataConfig = field(default_factory=DataConfig)
    """Labelled source images."""
    target: DataConfig = field(default_factory=DataConfig)
    """Target images; their ground truth is never opened."""
    network: NetworkConfig = field(default_factory=NetworkConfig)
    method: MethodConfig = field(default_factory=MethodConfig)
    pseudo_labels: PseudoLabelConfig = field(default_factory=PseudoLabelConfig)
    selection: SelectionConfig = field(default_factory=SelectionConfig)

    init_weights: Path = Path()
    """Weights to start from (safetensors of a backbone, or a checkpoint); random weights when not given."""
    init_part: Literal["backbone", "network"] = "backbone"
    """Which part of them: heads start anew from `backbone`; `network` takes them too and goes on from a checkpoint."""

    steps: int = 120_000
    """Updates of the run."""
    schedule_steps: int = 250_000
    """Steps at which the poly schedule reaches 0: the paper's code decays over 250k and stops at 120k."""
    warmup_steps: int = 0
    """Steps over which learning rates rise linearly from 0."""
    batch_size: int = 1
    """Images of each domain per forward pass and rank."""
    accumulate: int = 1
    """Forward passes per update."""
    lr: float = 2.5e-4
    """SGD's learning rate of the backbone, before `backbone_lr_multiplier`."""
    backbone_lr_multiplier: float = 1.0
    """The reference code steps each backbone tensor three times per iteration by accident: 3.0 is its equivalent."""
    head_lr_multiplier: float = 10.0
    """Learning rate of the heads over `lr`."""
    momentum: float = 0.9
    max_grad_norm: float = 0.0
    """Longest gradient of the segmentation network; a longer one is shortened to it. 0, as in the paper: never."""
    weight_decay: float = 5e-4
    """The paper says 1e-4; every code base uses 5e-4."""
    poly_power: float = 0.9
    """Exponent of the poly schedule."""

    seed: int = 1
    """Weights of new heads, order of images, augmentation."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto`: bf16 where the GPU or CPU multiplies it in hardware, fp32 elsewhere. Never fp16."""
    deterministic: bool = False
    """Bit-exact on a GPU too, where it is slower; a CPU always is."""
    compile: bool = False
    """Compile the networks with torch.compile."""
    num_workers: int = 0
    """Processes that decode images; results do not depend on it."""

    cache_dir: Path = Path()
    """Folder to keep images in at the network's size, 3 bytes a pixel; results do not depend on it. Empty: none is kept."""

    log_every: int = 10
    """Steps between lines of metrics.jsonl."""
    save_every: int = 2000
    """Steps between checkpoints."""
    keep_checkpoints: int = 2
    """How many of the newest checkpoints stay, beside the best; more for a mean over snapshots (`evaluate --all`)."""
    tensorboard: bool = False
    """Also write TensorBoard events (numbers, pictures, coverage) into the run's `tensorboard` folder."""

    def __post_init__(self) -> None:
        faults = Faults("Training settings")
        faults.one_of("class_set", self.class_set, tuple(CLASS_SETS))
        for name in ("steps", "schedule_steps", "batch_size", "accumulate", "log_every", "save_every"):
            faults.number(name, getattr(self, name), least=1)
        faults.number("keep_checkpoints", self.keep_checkpoints, least=2)
        for name in ("warmup_steps", "num_workers", "seed"):
            faults.number(name, getattr(self, name), least=0)
        for name in (
            "lr",
            "backbone_lr_multiplier",
            "head_lr_multiplier",
            "max_grad_norm",
            "weight_decay",
            "poly_power",
        ):
            faults.number(name, getattr(self, name), least=0)
        faults.number("momentum", self.momentum, least=0, most=1)
        faults.check(
            self.schedule_steps >= self.steps,
            f"schedule_steps must be at least steps ({self.steps}), got {self.schedule_steps}",
        )
        self._check_target(faults)
        faults.raise_if_any()

    def _check_target(self, faults: Faults) -> None:
        needs = self.method.is_adversarial or self.method.has_entropy or self.pseudo_labels.source != "none"
        faults.check(bool(self.source.dataset), "source.dataset must name a data set")
        faults.check(not needs or bool(self.target.dataset), f"method {self.method.name} needs target.dataset")
        chosen_on = self.selection.data
        on_target = (
            bool(chosen_on)
            and chosen_on.dataset == self.target.dataset
            and (chosen_on.dataset != self.source.dataset or _domain(chosen_on.split) == _domain(self.target.split))
        )
        faults.check(
            not on_target or self.selection.allow_target_labels,
            f"selection on {chosen_on.dataset}:{chosen_on.split} would use target labels; "
            "say --selection.allow-target-labels to do so",
        )

    @property
    def uses_target(self) -> bool:
        """Whether target images are read at all; source-only never touches them, batch-norm statistics included."""
        return self.method.is_adversarial or self.method.has_entropy or self.pseudo_labels.source != "none"


def _domain(split: str) -> str:
    """First word of a split's name, its domain in data sets that hold both (`source_val`, `dusk_test`)."""
    return split.split("_", maxsplit=1)[0]
