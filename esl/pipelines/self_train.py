"""Self-training: baseline, pseudo-labels, re-training, as one experiment that can be stopped and gone on with.

    experiment.json     what was asked for, and every round's run, store, thresholds and scores
    round_0/run         the baseline: the method without pseudo-labels
    round_0/store       its predictions on the target training split
    round_1/run         trained on pseudo-labels of round_0/store, from scratch or from round_0
    ...

Paper: Sec. 3.2, steps 1 to 3; Sec. 3.3 for the choice of pseudo-labels.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from esl.config import DataConfig, PseudoLabelConfig, TrainConfig, config_differences, config_from_json, config_to_json
from esl.errors import ConfigError
from esl.files import read_json, write_json
from esl.labeling.maps import SCALE
from esl.labeling.thresholds import class_thresholds
from esl.models.checkpoint_paths import follow_pointer
from esl.models.weights import read_info
from esl.pipelines.evaluate import evaluate_on
from esl.pipelines.extract import extract
from esl.pipelines.precheck import require_sound
from esl.pipelines.run_record import Accelerator
from esl.pipelines.start_weights import recorded_start, require_same_start
from esl.pipelines.train import open_data, train
from esl.progress import Progress, no_progress
from esl.store.predictions import PredictionStore
from esl.store.recipes import load_recipe
from esl.store.runs import EXPERIMENT_FILE, RunDirectory, require_own_folder
from esl.training.guards import StopRequest, stop_on_signals

FORMAT = "esl-experiment"
Start = Literal["scratch", "previous"]
ProgressOf = Callable[[str], Progress]
"""Name of a stage -> its progress."""


@dataclass(frozen=True, kw_only=True)
class SelfTraining:
    """What an experiment is told, beside the training config."""

    rounds: int = 1
    """Re-trainings after the baseline."""
    start: Start = "scratch"
    """Where a re-training starts: `scratch`, from the baseline's own initial weights, as in the paper; or `previous`."""
    checkpoint: Literal["latest", "best"] = "latest"
    """Which checkpoint of a round predicts pseudo-labels and is scored; `best` needs a selection split."""
    score_on: DataConfig = field(default_factory=DataConfig)
    """A labelled split to score each round on; no decision depends on it. Empty: rounds are not scored."""
    baseline: Path = Path()
    """A finished run to take as round 0, so that one baseline feeds several experiments."""

    def __post_init__(self) -> None:
        if self.rounds < 1:
            raise ConfigError(f"Self-training must have at least 1 round; got {self.rounds}.")


def self_train(
    config: TrainConfig,
    experiment_dir: Path | str,
    plan: SelfTraining,
    *,
    accelerator: Accelerator = "auto",
    progress_of: ProgressOf = lambda stage: no_progress,
    stop: StopRequest | None = None,
    say: Callable[[str], None] = lambda message: None,
) -> dict[str, Any]:
    """Run an experiment to its end, or go on with one; every stage that is done stays as it is.

    Args:
        config: the method; its `pseudo_labels` say criterion, mode and thresholds of every round.
        experiment_dir: a new folder, or that of the same experiment.
        plan: rounds and where they start.
        accelerator: `auto` takes CUDA where there is one.
        progress_of: gives each stage its progress.
        stop: ask it to save and stop.
        say: gets notices.

    Returns:
        The content of `experiment.json`; `exit_code` is not 0 where a stop was asked for.

    Raises:
        ConfigError: there is no target, the folder holds another experiment, or a round would start from other weights.
        EslError: a stage cannot be done; the same call goes on after the cause is gone.
    """
    directory, stop = Path(experiment_dir), StopRequest() if stop is None else stop
    if plan.score_on:
        require_sound(open_data(plan.score_on, config.class_set), with_labels=True, say=say)
    record = _begin(config, directory, plan)
    with stop_on_signals(stop):
        _all_rounds(config, directory, plan, record, accelerator, progress_of, stop, say)
    return record | {"exit_code": stop.exit_code}


def _all_rounds(
    config: TrainConfig, directory: Path, plan: SelfTraining, record: dict[str, Any], accelerator: Accelerator,
    progress_of: ProgressOf, stop: StopRequest, say: Callable[[str], None],
) -> None:  # fmt: skip
    previous = plan.baseline
    for number in range(plan.rounds + 1):
        folder = directory / f"round_{number}"
        stages = _Stages(config, folder, plan, accelerator, progress_of, stop, say)
        if number > 0 or plan.baseline == Path():
            if not RunDirectory(folder / "run").exists and (number == 0 or plan.start == "scratch"):
                require_same_start(config, {directory: record.get("init_weights")})
            stages.train(number, previous)
            previous = folder / "run"
        if stop:
            break
        entry = {"round": number, "run": _relative(previous, directory), **stages.describe(number, previous)}
        if stop:
            break
        if number < plan.rounds:
            store = stages.extract(previous)
            if stop or not store.is_complete:
                break
            entry |= {"store": _relative(folder / "store", directory), "store_hash": store.store_hash}
        record["rounds"] = [r for r in record["rounds"] if r["round"] != number] + [entry]
        write_json(directory / EXPERIMENT_FILE, record)


def _begin(config: TrainConfig, directory: Path, plan: SelfTraining) -> dict[str, Any]:
    if not config.target:
        raise ConfigError(
            f"Self-training needs target images; {config.preset or 'this config'} names none (--target.dataset)."
        )
    path = directory / EXPERIMENT_FILE
    told: dict[str, Any] = {"plan": _plan_to_json(plan), "config": config_to_json(config)}
    if not path.is_file():
        require_own_folder(directory)
        is_compared = plan.baseline != Path() and plan.start == "scratch"
        beside = {plan.baseline: recorded_start(RunDirectory(plan.baseline))} if is_compared else {}
        start = require_same_start(config, beside)
        record: dict[str, Any] = {
            "format": FORMAT, "version": 1, **told, "init_weights": start, "rounds": [],
        }  # fmt: skip
        write_json(path, record)
        return record
    record = read_json(path)
    if record.get("format") != FORMAT:
        raise ConfigError(f"A self-training must have a folder of its own; {directory} holds another experiment.")
    changed = config_differences(config_from_json(record["config"]), config)
    free = ("rounds", "score_on")
    changed += [
        f"{k}: {record['plan'].get(k)} -> {v}"
        for k, v in told["plan"].items()
        if record["plan"].get(k) != v and k not in free
    ]
    if changed:
        raise ConfigError(
            f"An experiment must go on as it began; {directory} differs in {'; '.join(changed)}. Use another folder."
        )
    return record | told


def _plan_to_json(plan: SelfTraining) -> dict[str, Any]:
    data = asdict(plan.score_on) | {"root": plan.score_on.root.as_posix()}
    return asdict(plan) | {"score_on": data, "baseline": plan.baseline.as_posix()}


@dataclass(frozen=True)
class _Stages:
    """The stages of one round."""

    config: TrainConfig
    folder: Path
    plan: SelfTraining
    accelerator: Accelerator
    progress_of: ProgressOf
    stop: StopRequest
    say: Callable[[str], None]

    def train(self, number: int, previous: Path) -> None:
        """The baseline, or a re-training on the previous round's pseudo-labels."""
        labels = PseudoLabelConfig()
        config = self.config
        if number > 0:
            store = self.folder.parent / f"round_{number - 1}" / "store"
            chosen = config.pseudo_labels
            portion = max(chosen.portion, min(0.5, chosen.portion + chosen.portion_growth * (number - 1)))
            labels = replace(chosen, source="store", path=store, portion=portion)
            if self.plan.start == "previous":
                config = replace(config, init_weights=previous, init_part="network")
        train(
            replace(config, pseudo_labels=labels),
            self.folder / "run",
            accelerator=self.accelerator,
            progress=self.progress_of(f"round {number}: train"),
            stop=self.stop,
            say=self.say,
        )

    def extract(self, run: Path) -> PredictionStore:
        """Predictions of a round's network on the target training split."""
        return extract(
            self._checkpoint(run),
            open_data(self.config.target, self.config.class_set),
            self.folder / "store",
            size=self.config.target.size,
            device=self.accelerator,
            progress=self.progress_of(f"{self.folder.name}: extract"),
            should_stop=self.stop,
        )

    def describe(self, number: int, run: Path) -> dict[str, Any]:
        """What a finished round is known by: weights, thresholds, coverage, and its score where one was asked for."""
        checkpoint = self._checkpoint(run)
        info = read_info(checkpoint)
        facts: dict[str, Any] = {"checkpoint": checkpoint.name, "sha256": info.sha256}
        if number > 0:
            facts |= self._labels(number)
        on = self.plan.score_on
        if on:
            report = evaluate_on(
                checkpoint, on, self.config.class_set, device=self.accelerator,
                progress=self.progress_of(f"{self.folder.name}: score"), should_stop=self.stop,
            )  # fmt: skip
            facts |= {"scores": report.to_json()}
            self.say(f"{self.folder.name}: mIoU {100 * report.miou:.2f} on {on.dataset} {on.split}.")
        return facts

    def _labels(self, number: int) -> dict[str, Any]:
        if self.config.pseudo_labels.criterion == "class_balanced":
            used_portion = read_json(self.folder / "run" / "config.json")["config"]["pseudo_labels"]["portion"]
            return {"criterion": "class_balanced", "portion": used_portion}
        (path,) = (p for p in (self.folder / "run" / "recipe").glob("*.json") if not p.name.endswith(".mask.json"))
        recipe, _ = load_recipe(path)
        histogram = PredictionStore.open(self.folder.parent / f"round_{number - 1}" / "store").histogram()
        thresholds = class_thresholds(histogram, recipe.rule)
        used = thresholds.of(recipe.criterion)
        keep_ties = self.config.pseudo_labels.keep_ties
        kept = histogram.num_kept(thresholds, recipe.criterion, keep_ties=keep_ties)
        return {
            "recipe": recipe.id,
            "criterion": recipe.criterion,
            "thresholds": [float(v) / SCALE for v in used],
            "coverage": histogram.coverage(thresholds, recipe.criterion, keep_ties=keep_ties),
            "coverage_per_class": [float(v) for v in kept / np.maximum(histogram.num_pixels, 1)],
        }

    def _checkpoint(self, run: Path) -> Path:
        checkpoints = run / "checkpoints"
        is_best = self.plan.checkpoint == "best" and (checkpoints / "BEST").is_file()
        return follow_pointer(checkpoints, "BEST" if is_best else "LATEST")


def _relative(path: Path, directory: Path) -> str:
    return path.relative_to(directory).as_posix() if path.is_relative_to(directory) else path.as_posix()
