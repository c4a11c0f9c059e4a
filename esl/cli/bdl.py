"""`bdl PRESET`: translation, adaptation and self-training that teach each other, as one experiment."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from esl.cli.terminal import show
from esl.config import DataConfig, TrainConfig
from esl.config.translation import TRANSLATION_PRESETS, TranslationConfig, translation_preset
from esl.errors import ConfigError
from esl.presets import PRESETS, preset
from esl.progress import ProgressLine

_USAGE = (
    "usage: python -m esl bdl PRESET --experiment DIR [--rounds N] [--criterion entropy|max_prob] [--FIELD VALUE ...]"
)


@dataclass(frozen=True, kw_only=True)
class BdlArguments:
    """Translate, adapt, choose pseudo-labels, re-train, translate again. Stopped or killed, the same command goes on."""

    experiment: Path
    """The experiment's folder; new, or one that this command began."""
    data_root: Path = Path()
    """Folder of every data set of the presets that has no root of its own."""
    rounds: int = 2
    """Rounds of translation, pseudo-labels and re-training: the steps of the paper."""
    image_translation: bool = True
    """+ IT: re-train on translated source images; --no-image-translation takes the originals."""
    criterion: Literal["entropy", "max_prob"] | None = None
    """entropy is ESL, max_prob is SSL; by default the preset's."""
    perceptual: float = 1.0
    """Weight of the perceptual loss from step 2 on; 0 translates once and for all."""
    score_on: DataConfig = field(default_factory=DataConfig)
    """A labelled split to score every network on; nothing depends on it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes CUDA where there is one."""
    json: bool = False
    """Print experiment.json."""
    translation: TranslationConfig
    """Settings of the image translation; those of the preset's benchmark where no flag says otherwise."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")]
    """Settings of the adaptation; the preset's where no flag says otherwise."""


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    given = list(arguments)
    name = next((word for word in given if word in PRESETS or word in TRANSLATION_PRESETS), None)
    if name is None:
        if not given or given[0] in ("-h", "--help"):
            print(
                f"{_USAGE}\n\nPresets: a benchmark ({', '.join(TRANSLATION_PRESETS)}), or any of its training presets."
            )
            return 0 if given else 2
        raise ConfigError(f"BDL needs a preset, first of all. {_USAGE}")
    given.remove(name)
    # The procedure's own adaptation: output space, one head (BDL's segmentation network has no other).
    config = preset(name if name in PRESETS else f"{name}_adaptsegnet_esl")
    config = replace(config, network=replace(config.network, multi_level=False))
    default = BdlArguments(experiment=tyro.MISSING, translation=translation_preset(_benchmark(name)), config=config)
    parsed = tyro.cli(
        BdlArguments,
        default=default,
        args=given,
        prog=f"python -m esl bdl {name}",
        config=(tyro.conf.AvoidSubcommands,),
    )
    return _bdl(parsed)


def _benchmark(name: str) -> str:
    found = [b for b in TRANSLATION_PRESETS if name == b or name.startswith(f"{b}_")]
    if not found:
        raise ConfigError(
            f"BDL needs a benchmark with image translation ({', '.join(TRANSLATION_PRESETS)}); got {name!r}."
        )
    return found[0]


def _bdl(arguments: BdlArguments) -> int:
    from esl.pipelines.bdl import BdlConfig, BdlPlan, bdl

    root, config = arguments.data_root, arguments.config
    if arguments.criterion is not None:
        config = replace(config, pseudo_labels=replace(config.pseudo_labels, criterion=arguments.criterion))
    selection = replace(config.selection, data=_placed(config.selection.data, root))
    source, target = _placed(config.source, root), _placed(config.target, root)
    plan = BdlPlan(
        steps=arguments.rounds,
        image_translation=arguments.image_translation,
        perceptual=arguments.perceptual,
        score_on=_placed(arguments.score_on, root),
    )
    record = bdl(
        BdlConfig(
            translation=arguments.translation,
            adaptation=replace(config, source=source, target=target, selection=selection),
            plan=plan,
        ),
        arguments.experiment,
        accelerator=arguments.device,
        progress_of=ProgressLine,
        say=lambda message: print(message, file=sys.stderr),
    )
    code = int(record.pop("exit_code"))
    show(record if arguments.json else _summary(record["stages"]), as_json=arguments.json)
    return code


def _summary(stages: dict[str, dict[str, object]]) -> dict[str, str]:
    lines = {}
    for name, left in stages.items():
        scores = left.get("scores")
        told = [f"{k} {v}" for k, v in left.items() if k not in ("kind", "scores", "generator", "store_hash")]
        if isinstance(scores, dict):
            told.append(f"mIoU {100 * scores['miou']:.2f} on {scores['dataset']} {scores['split']}")
        lines[name] = ", ".join(told)
    return lines


def _placed(data: DataConfig, root: Path) -> DataConfig:
    return replace(data, root=root) if data and data.root == Path() else data
