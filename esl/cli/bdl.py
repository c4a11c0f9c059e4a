"""`bdl PRESET`: translation, adaptation and self-training that teach each other, as one experiment."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from esl.cli.terminal import show
from esl.config import DataConfig, TrainConfig, config_to_json
from esl.config.codec import flat_json
from esl.config.translation import TRANSLATION_PRESETS, TranslationConfig, translation_preset
from esl.errors import ConfigError
from esl.presets import PRESETS, placed, placed_data, preset
from esl.progress import ProgressLine

_USAGE = (
    "usage: python -m esl bdl PRESET --experiment DIR [--rounds N] [--criterion entropy|max_prob] [--FIELD VALUE ...]"
)

_NO_SETTING = ("seed", "root", "criterion", "preset", "num_workers", "tensorboard", "cache_dir", "keep_checkpoints", "perceptual_network")  # fmt: skip
"""Settings that decide no number of a row, or that its name holds already."""


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
    """A labelled split to score every network on; nothing depends on it. With --rows by default the benchmark's own."""
    strategies: tuple[str, ...] = ()
    """Also re-train with these at each step, from the same store: ssl, esl, ssl+it, esl+it, median, cbst, ..."""
    rows: Path = Path()
    """Where result rows go, e.g. docs/results/rows, one for each scored network; `report` makes Table 1 of them."""
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
        if not given[0].startswith("-"):
            raise ConfigError(
                f"BDL needs a benchmark with image translation ({', '.join(TRANSLATION_PRESETS)}) or one of its training "
                f"presets; got {given[0]!r}."
            )
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
    return _bdl(parsed, _benchmark(name), _setting(default, parsed), _command(name, given))


def _benchmark(name: str) -> str:
    found = [b for b in TRANSLATION_PRESETS if name == b or name.startswith(f"{b}_")]
    if not found:
        raise ConfigError(
            f"BDL needs a benchmark with image translation ({', '.join(TRANSLATION_PRESETS)}); got {name!r}."
        )
    return found[0]


def _setting(preset_is: BdlArguments, given: BdlArguments) -> dict[str, float | str]:
    """What a row's numbers depend on beside method, strategy and seed: where the flags differ from the preset."""
    pairs = {
        "": (config_to_json(preset_is.config), config_to_json(given.config)),
        "translation.": (preset_is.translation.to_json(), given.translation.to_json()),
        "plan.": ({"perceptual": preset_is.perceptual}, {"perceptual": given.perceptual}),
    }
    changed: dict[str, float | str] = {}
    for prefix, (before, after) in pairs.items():
        old, new = flat_json(before), flat_json(after)
        names = [k for k in new if new[k] != old.get(k) and k.rsplit(".", 1)[-1] not in _NO_SETTING]
        changed |= {prefix + k: new[k] if isinstance(new[k], int | float) else str(new[k]) for k in names}
    return changed


def _command(name: str, flags: Sequence[str]) -> str:
    """What was typed, without this machine's paths."""
    words, skip = ["python -m esl bdl", name, "--experiment DIR"], False
    for word in flags:
        is_path = word.split("=")[0].replace("_", "-") in ("--experiment", "--data-root", "--rows", "--init-weights")
        if not is_path and not skip:
            words.append(shlex.quote(word))
        skip = is_path and "=" not in word
    return " ".join(words)


def _bdl(arguments: BdlArguments, benchmark: str, setting: dict[str, float | str], command: str) -> int:
    from esl.pipelines.bdl import bdl
    from esl.pipelines.bdl_config import BdlConfig, BdlPlan
    from esl.pipelines.bdl_rows import write_bdl_rows
    from esl.pipelines.study import scored_on

    root, config, rows = arguments.data_root, arguments.config, arguments.rows
    score_on = arguments.score_on or (scored_on(benchmark, root) if rows != Path() else arguments.score_on)
    if arguments.criterion is not None:
        config = replace(config, pseudo_labels=replace(config.pseudo_labels, criterion=arguments.criterion))
    plan = BdlPlan(
        steps=arguments.rounds,
        image_translation=arguments.image_translation,
        perceptual=arguments.perceptual,
        strategies=arguments.strategies,
        score_on=placed_data(score_on, root),
    )
    record = bdl(
        BdlConfig(
            translation=arguments.translation,
            adaptation=placed(config, root),
            plan=plan,
        ),
        arguments.experiment,
        accelerator=arguments.device,
        progress_of=ProgressLine,
        say=lambda message: print(message, file=sys.stderr),
    )
    code = int(record.pop("exit_code"))
    if rows != Path():
        written = write_bdl_rows(arguments.experiment, rows, benchmark, setting=setting, command=command)
        print(f"{len(written)} rows in {rows}: python -m esl report {benchmark} --rows {rows}", file=sys.stderr)
    show(record if arguments.json else _summary(record["stages"]), as_json=arguments.json)
    return code


def _summary(stages: dict[str, dict[str, object]]) -> dict[str, str]:
    lines = {}
    for name, left in stages.items():
        scores = left.get("scores")
        told = [
            f"{k} {v}" for k, v in left.items() if k not in ("kind", "scores", "score_on", "generator", "store_hash")
        ]
        if isinstance(scores, dict):
            told.append(f"mIoU {100 * scores['miou']:.2f} on {scores['dataset']} {scores['split']}")
        lines[name] = ", ".join(told)
    return lines
