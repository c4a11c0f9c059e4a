"""`train PRESET`: a named run, any of its settings changed by a flag."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from esl.cli.terminal import show
from esl.config import TrainConfig
from esl.errors import ConfigError
from esl.presets import PRESETS, placed, preset
from esl.progress import ProgressLine

_USAGE = "usage: python -m esl train PRESET --run DIR [--data-root R] [--init-weights W] [--FIELD VALUE ...]"


@dataclass(frozen=True, kw_only=True)
class TrainArguments:
    """Train a preset in a run directory. Stopped or killed, the same command goes on, to the same bytes."""

    run: Path
    """The run's folder; new, or one that this command began."""
    data_root: Path = Path()
    """Folder of every data set of the preset that has no root of its own."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes CUDA where there is one; a resume uses what was recorded."""
    devices: int = 1
    """Processes on this machine, one per GPU."""
    num_nodes: int = 1
    """Machines."""
    allow_data_change: bool = False
    """Go on although images were added or removed."""
    json: bool = False
    """Print the result as JSON."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")]
    """Settings of the run; the preset's where no flag says otherwise."""


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    given = list(arguments)
    name = next((word for word in given if word in PRESETS), None)
    if name is None:
        return _without_preset(given)
    given.remove(name)
    default = TrainArguments(run=tyro.MISSING, config=preset(name))
    config = (tyro.conf.AvoidSubcommands,)
    parsed = tyro.cli(TrainArguments, default=default, args=given, prog=f"python -m esl train {name}", config=config)
    return _train(parsed)


def _without_preset(given: list[str]) -> int:
    if not given or given[0] in ("-h", "--help"):
        print(f"{_USAGE}\n\nPresets:\n" + "\n".join(f"  {name}" for name in PRESETS))
        print("\nSettings of one: python -m esl train PRESET --help")
        return 0 if given else 2
    words = [word for word in given if not word.startswith("-")]
    if words and words[0] == given[0]:
        preset(words[0])  # raises, and says which presets come near
    raise ConfigError(f"Training needs a preset, first of all. {_USAGE}")


def _train(arguments: TrainArguments) -> int:
    from esl.pipelines.train import train

    result = train(
        placed(arguments.config, arguments.data_root),
        arguments.run,
        accelerator=arguments.device,
        devices=arguments.devices,
        num_nodes=arguments.num_nodes,
        allow_data_change=arguments.allow_data_change,
        progress=ProgressLine("train"),
        say=lambda message: print(message, file=sys.stderr),
    )
    summary = {"run": str(result.run_dir), "state": result.state, "step": result.step}
    if result.best_miou >= 0:
        summary |= {"best_miou": round(100 * result.best_miou, 2), "best_step": result.best_step}
        summary |= {"best_chosen_on": result.chosen_on}
    show(summary, as_json=arguments.json)
    return result.exit_code
