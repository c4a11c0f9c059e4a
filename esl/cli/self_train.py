"""`self-train PRESET`: baseline, pseudo-labels, re-training, as one experiment."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from esl.cli.terminal import show
from esl.config import DataConfig, TrainConfig
from esl.errors import ConfigError
from esl.presets import PRESETS, placed, placed_data, preset
from esl.progress import ProgressLine

_USAGE = "usage: python -m esl self-train PRESET --experiment DIR [--rounds N] [--criterion entropy|max_prob|class_balanced] [--FIELD VALUE ...]"


@dataclass(frozen=True, kw_only=True)
class SelfTrainArguments:
    """Train a baseline, extract pseudo-labels, train on them; N rounds. Stopped or killed, the same command goes on."""

    experiment: Path
    """The experiment's folder; new, or one that this command began."""
    data_root: Path = Path()
    """Folder of every data set of the preset that has no root of its own."""
    rounds: int = 1
    """Re-trainings after the baseline."""
    criterion: Literal["entropy", "max_prob", "class_balanced"] | None = None
    """entropy is ESL, max_prob is SSL, class_balanced is CBST with --pseudo-labels.portion; by default the preset's."""
    start: Literal["scratch", "previous"] = "scratch"
    """Each round starts from the initial weights, as in the paper, or from the round before."""
    checkpoint: Literal["latest", "best"] = "latest"
    """Which checkpoint of a round predicts and is scored; best needs a selection split."""
    baseline: Path = Path()
    """A finished run to take as the baseline."""
    score_on: DataConfig = field(default_factory=DataConfig)
    """A labelled split to score every round on; nothing depends on it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto takes CUDA where there is one."""
    json: bool = False
    """Print the result as JSON."""
    config: Annotated[TrainConfig, tyro.conf.arg(name="")]
    """Settings of every round; the preset's where no flag says otherwise."""


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    given = list(arguments)
    name = next((word for word in given if word in PRESETS), None)
    if name is None:
        if not given or given[0] in ("-h", "--help"):
            print(f"{_USAGE}\n\nPresets:\n" + "\n".join(f"  {n}" for n in PRESETS))
            return 0 if given else 2
        if not given[0].startswith("-"):
            preset(given[0])  # raises, and says which presets come near
        raise ConfigError(f"Self-training needs a preset, first of all. {_USAGE}")
    given.remove(name)
    default = SelfTrainArguments(experiment=tyro.MISSING, config=preset(name))
    settings = (tyro.conf.FlagCreatePairsOff, tyro.conf.AvoidSubcommands)
    parsed = tyro.cli(
        SelfTrainArguments, default=default, args=given, prog=f"python -m esl self-train {name}", config=settings
    )
    return _self_train(parsed)


def _self_train(arguments: SelfTrainArguments) -> int:
    from esl.pipelines.self_train import SelfTraining, self_train

    root, config = arguments.data_root, arguments.config
    if arguments.criterion is not None:
        config = replace(config, pseudo_labels=replace(config.pseudo_labels, criterion=arguments.criterion))
    config = placed(config, root)
    plan = SelfTraining(
        rounds=arguments.rounds,
        start=arguments.start,
        checkpoint=arguments.checkpoint,
        baseline=arguments.baseline,
        score_on=placed_data(arguments.score_on, root),
    )
    record = self_train(
        config,
        arguments.experiment,
        plan,
        accelerator=arguments.device,
        progress_of=ProgressLine,
        say=lambda message: print(message, file=sys.stderr),
    )
    code = int(record.pop("exit_code"))
    show(record if arguments.json else _summary(record["rounds"]), as_json=arguments.json)
    return code


def _summary(rounds: Sequence[dict[str, object]]) -> dict[str, str]:
    lines = {}
    for entry in rounds:
        facts = [str(entry["run"])]
        if "coverage" in entry:
            facts.append(f"{entry['criterion']} labels on {100 * float(str(entry['coverage'])):.1f} % of the pixels")
        elif "portion" in entry:
            facts.append(f"{entry['criterion']} labels of {100 * float(str(entry['portion'])):.0f} % of each class")
        scores = entry.get("scores")
        if isinstance(scores, dict):
            facts.append(f"mIoU {100 * scores['miou']:.2f} on {scores['dataset']} {scores['split']}")
        lines[f"round {entry['round']}"] = ", ".join(facts)
    return lines
