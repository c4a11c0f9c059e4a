"""`translate train` and `translate apply`: images of one domain in the style of the other."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from esl.cli.terminal import parse, show
from esl.config import DataConfig
from esl.config.translation import TRANSLATION_PRESETS, TranslationConfig, translation_preset
from esl.errors import ConfigError
from esl.presets import placed_data
from esl.progress import ProgressLine

_USAGE = (
    "usage: python -m esl translate train PRESET --run DIR [--data-root R] [--FIELD VALUE ...]\n"
    "       python -m esl translate apply --run DIR --out DIR [options]"
)


@dataclass(frozen=True, kw_only=True)
class TranslateTrainArguments:
    """Train a pair of generators in a run directory. Stopped or killed, the same command goes on, to the same bytes."""

    run: Path
    """The run's folder; new, or one that this command began."""
    data_root: Path = Path()
    """Folder of both data sets, where they have no root of their own."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes CUDA where there is one; a resume uses what was recorded."""
    allow_data_change: bool = False
    """Go on although images were added or removed."""
    json: bool = False
    """Print the result as JSON."""
    config: Annotated[TranslationConfig, tyro.conf.arg(name="")]
    """Settings of the run; the preset's where no flag says otherwise."""


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    given = list(arguments)
    if given[:1] == ["train"]:
        return _train(given[1:])
    if given[:1] == ["apply"]:
        return parse("translate apply", _apply, given[1:])
    if given and given[0] not in ("-h", "--help"):
        raise ConfigError(f"Translation must be told train or apply; got {given[0]!r}. {_USAGE}")
    print(f"{_USAGE}\n\nPresets:\n" + "\n".join(f"  {name}" for name in TRANSLATION_PRESETS))
    return 0 if given else 2


def _train(given: list[str]) -> int:
    name = next((word for word in given if not word.startswith("-")), "") if given else ""
    if not name or name != given[0]:
        name = next((word for word in given if word in TRANSLATION_PRESETS), name)
    default = TranslateTrainArguments(run=tyro.MISSING, config=translation_preset(name))
    given.remove(name)
    arguments = tyro.cli(
        TranslateTrainArguments, default=default, args=given, prog=f"python -m esl translate train {name}",
        config=(tyro.conf.AvoidSubcommands,),
    )  # fmt: skip
    from esl.pipelines.translate_train import train_translation

    config, root = arguments.config, arguments.data_root
    result = train_translation(
        replace(config, source=placed_data(config.source, root), target=placed_data(config.target, root)),
        arguments.run,
        accelerator=arguments.device,
        allow_data_change=arguments.allow_data_change,
        progress=ProgressLine("translate train"),
        say=lambda message: print(message, file=sys.stderr),
    )
    show({"run": str(result.run_dir), "state": result.state, "step": result.step}, as_json=arguments.json)
    return result.exit_code


def _apply(
    run: Path,
    out: Path,
    direction: Literal["to_target", "to_source"] = "to_target",
    dataset: str = "",
    data_root: Path = Path(),
    split: str = "",
    size: tuple[int, int] = (0, 0),
    own_size: bool = False,
    tile: int = 0,
    statistics: Literal["instance", "running"] | None = None,
    device: Literal["auto", "cpu", "cuda"] = "auto",
    json: bool = False,
) -> int:
    """Translate a whole split into a data set of its own; the same command goes on.

    Args:
        run: a run of `translate train`, or one of its checkpoints.
        out: folder of the result; it opens as data set `folder`.
        direction: to_target gives source images the target's style.
        dataset: the images; by default those that the run was trained on.
        data_root: their folder.
        split: their split.
        size: height and width to translate at; 0 0 is each image's own size, and labels are linked.
        own_size: bring what was translated at --size back to each image's own size, so that labels are linked.
        tile: greatest side that is translated at once, for small memories; 0 takes whole images.
        statistics: instance (of each image, as trained) or running; tiles need running, and take it.
        device: auto takes CUDA where there is one.
        json: print the result as JSON.
    """
    if split and not dataset:
        raise ConfigError(f"--split {split} needs the data set that it is a part of: add --dataset.")
    from esl.pipelines.translate_apply import ApplyPlan, apply_translation

    plan = ApplyPlan(
        direction=direction,
        data=DataConfig(dataset=dataset, root=data_root, split=split or "all") if dataset else DataConfig(),
        data_root=data_root,
        size=size,
        own_size=own_size,
        tile=tile,
        statistics=statistics or ("running" if tile else "instance"),
    )
    result = apply_translation(run, out, plan, device=device, progress=ProgressLine("translate apply"))
    show(result, as_json=json)
    return 0
