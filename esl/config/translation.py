"""Everything a training of image translation is told, and its presets.

CycleGAN as BDL uses it. Paper: Sec. 4.1 (BDL's image translation).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from esl.classes import CLASS_SETS
from esl.config.codec import config_of, flat_json, plain_values
from esl.config.faults import Faults
from esl.config.parts import AugmentConfig, DataConfig
from esl.errors import ConfigError

TRANSLATION_VERSION = 1
_FREE = ("num_workers", "source.root", "target.root", "perceptual_network")
"""Fields that a resume may change: folders may move; the network is held to its sha256 instead."""


@dataclass(frozen=True, kw_only=True)
class TranslationConfig:
    """One training of a pair of generators. Sizes are (height, width); a step updates generators, then discriminators."""

    preset: str = ""
    """Name of the preset this config started from."""
    class_set: str = "cityscapes19"
    """Class set with which the data sets open; labels are never read."""
    source: DataConfig = field(default_factory=DataConfig)
    """Images of the source style; `augment.crop` and `augment.flip` make the training views."""
    target: DataConfig = field(default_factory=DataConfig)
    """Images of the target style; their crop has the size of the source's."""

    num_blocks: int = 9
    """Residual blocks of a generator."""
    generator_width: int = 64
    """Filters of a generator's first layer."""
    discriminator_width: int = 64
    """Filters of a PatchGAN's first layer."""
    discriminator_layers: int = 3
    """Its strided layers; 3 judge patches of 70 by 70 pixels."""

    cycle: float = 10.0
    """Weight of |G_back(G(x)) - x|, in either direction."""
    identity: float = 0.5
    """Weight of |G(y) - y| for y already in G's output style, relative to `cycle`. BDL's authors: never 0."""
    perceptual: float = 0.0
    """Weight of BDL's perceptual loss on reconstructions, relative to `cycle`: 1 in BDL; 0 leaves the network out."""
    perceptual_translated: float = 0.1
    """Weight of the same loss between an image and its translation, where `perceptual` is not 0."""
    perceptual_network: Path = Path()
    """Checkpoint of the frozen segmentation network whose instance-normalised logits are compared."""

    steps: int = 124_830
    """Updates of the run: 20 passes over GTA5 with batches of 4."""
    constant_steps: int = 62_415
    """Updates before the learning rate starts to fall, linearly, to 0 at `steps`."""
    batch_size: int = 4
    """Images of each domain per update."""
    lr: float = 2e-4
    """Adam's learning rate, of generators and discriminators."""
    beta1: float = 0.5
    """Adam's first decay rate; the second is 0.999."""
    pool_size: int = 50
    """Earlier translations among which a discriminator's are drawn; 0 shows it the newest only."""

    seed: int = 1
    """Weights, order of images, views and pool."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`auto`: bf16 where the device multiplies it in hardware, fp32 elsewhere. Never fp16."""
    num_workers: int = 0
    """Processes that decode images; results do not depend on it."""
    log_every: int = 10
    """Steps between lines of metrics.jsonl."""
    save_every: int = 2000
    """Steps between checkpoints."""

    def __post_init__(self) -> None:
        faults = Faults("Translation settings")
        faults.one_of("class_set", self.class_set, tuple(CLASS_SETS))
        for name in ("num_blocks", "generator_width", "discriminator_width", "discriminator_layers"):
            faults.number(name, getattr(self, name), least=1, most=1024)
        for name in ("steps", "batch_size", "log_every", "save_every"):
            faults.number(name, getattr(self, name), least=1)
        for name in ("cycle", "identity", "perceptual", "perceptual_translated", "lr", "pool_size", "seed"):
            faults.number(name, getattr(self, name), least=0)
        faults.number("num_workers", self.num_workers, least=0)
        faults.number("beta1", self.beta1, least=0, most=0.999)
        faults.number("constant_steps", self.constant_steps, least=0, most=self.steps)
        faults.check(bool(self.source) and bool(self.target), "source and target must each name a data set")
        views = (self.view_of(self.source), self.view_of(self.target))
        faults.check(views[0] == views[1], f"both domains need views of one size, got {views[0]} and {views[1]}")
        sides = {side % 4 for view in views for side in view}
        faults.check(sides == {0}, f"views must have sides that are multiples of 4, got {views[0]} and {views[1]}")
        faults.check(
            self.perceptual == 0 or self.perceptual_network != Path(),
            "perceptual above 0 needs perceptual_network, a segmentation checkpoint",
        )
        faults.raise_if_any()

    @staticmethod
    def view_of(data: DataConfig) -> tuple[int, int]:
        """(height, width) of what a step sees of an image."""
        crop = (data.augment.crop[0], data.augment.crop[1])
        return (data.size[0], data.size[1]) if crop == (0, 0) else crop

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the format's version."""
        return {"translation_version": TRANSLATION_VERSION, **plain_values(self)}

    @staticmethod
    def from_json(values: Mapping[str, Any]) -> "TranslationConfig":
        """The config that `to_json` wrote.

        Raises:
            ConfigError: another version, an unknown field, or a value of the wrong kind.
        """
        given = dict(values)
        version = given.pop("translation_version", None)
        if version != TRANSLATION_VERSION:
            raise ConfigError(
                f"A translation config must have version {TRANSLATION_VERSION}; this one has {version}. Use the "
                "release it was made with."
            )
        return config_of(TranslationConfig, given)

    def differences(self, new: "TranslationConfig") -> list[str]:
        """`field: old -> new` for each field that a resume may not change."""
        before, after = flat_json(self.to_json()), flat_json(new.to_json())
        return [f"{k}: {before[k]} -> {after[k]}" for k in before if before[k] != after[k] and k not in _FREE]

    @property
    def digest(self) -> str:
        """Hex digest of what decides the numbers of a run."""
        values = {k: v for k, v in flat_json(self.to_json()).items() if k not in _FREE}
        return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


_VIEW = AugmentConfig(crop=(452, 452), flip=True)
_GTA5_CITYSCAPES = TranslationConfig(
    preset="gta5_cityscapes",
    # Width 1024, as BDL scales; the heights keep the aspect ratio.
    source=DataConfig(dataset="gta5", split="train", size=(562, 1024), augment=_VIEW),
    target=DataConfig(dataset="cityscapes", split="train", size=(512, 1024), augment=_VIEW),
    num_workers=4,
    log_every=100,
)
_SYNTHIA_CITYSCAPES = replace(
    _GTA5_CITYSCAPES,
    preset="synthia_cityscapes",
    class_set="cityscapes16",
    source=DataConfig(dataset="synthia", split="train", size=(608, 1024), augment=_VIEW),
    steps=47_000,
    constant_steps=23_500,
)
_DEMO_VIEW = AugmentConfig(crop=(128, 128), flip=True)
_DEMO = TranslationConfig(
    preset="demo",
    source=DataConfig(dataset="demo", split="source_train", size=(256, 512), augment=_DEMO_VIEW),
    target=DataConfig(dataset="demo", split="target_train", size=(256, 512), augment=_DEMO_VIEW),
    num_blocks=6,
    generator_width=32,
    discriminator_width=32,
    batch_size=1,
    steps=1500,
    constant_steps=750,
    save_every=100,
)

TRANSLATION_PRESETS: Mapping[str, TranslationConfig] = MappingProxyType(
    {c.preset: c for c in (_DEMO, _GTA5_CITYSCAPES, _SYNTHIA_CITYSCAPES)}
)
"""By name: the settings of BDL, and a small one for a laptop."""


def translation_preset(name: str) -> TranslationConfig:
    """The preset called `name`.

    Raises:
        ConfigError: there is none.
    """
    if name not in TRANSLATION_PRESETS:
        raise ConfigError(f"A translation preset must be one of {', '.join(TRANSLATION_PRESETS)}; got {name!r}.")
    return TRANSLATION_PRESETS[name]
