"""Regenerate the paper's tables from nothing: run the trials that have no row yet, then write the tables.

Each finished trial is a row on disk at once, and is skipped next time: a study adds up over days and machines.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from esl.config import TrainConfig
from esl.config.form import command_flags
from esl.models.checkpoint_paths import follow_pointer
from esl.pipelines.row_facts import audited_labels, provenance, scores_in_percent
from esl.pipelines.run_record import Accelerator
from esl.pipelines.same_inputs import hold_to_start, hold_to_translation, require_same_inputs
from esl.pipelines.same_labels import finished_twin
from esl.pipelines.self_train import ProgressOf, SelfTraining, self_train
from esl.pipelines.study import Trial, scored_on
from esl.pipelines.study_places import StudyPlaces
from esl.pipelines.train import train
from esl.presets import preset
from esl.progress import no_progress
from esl.store.experiments import ExperimentRow, read_rows, write_row
from esl.store.runs import EXPERIMENT_FILE
from esl.training.guards import StopRequest, stop_on_signals


def missing(trials: Sequence[Trial], places: StudyPlaces, *, with_stores: bool = False) -> list[Trial]:
    """Trials without a row, or (`with_stores`) whose store is gone, in their order.

    Raises:
        ConfigError: rows are there that these trials cannot be compared with.
    """
    require_same_inputs(trials, places)
    return [
        trial
        for trial in trials
        if not places.row_of(trial).exists() or (with_stores and not places.store_of(trial).exists())
    ]


def reproduce(
    trials: Sequence[Trial],
    places: StudyPlaces,
    *,
    accelerator: Accelerator = "auto",
    with_stores: bool = False,
    progress_of: ProgressOf = lambda stage: no_progress,
    stop: StopRequest | None = None,
    say: Callable[[str], None] = lambda message: None,
) -> list[ExperimentRow]:
    """Run what is missing and return the rows of all finished trials of the same benchmarks.

    With `with_stores` a trial is also run again whose store was deleted: figures are drawn from it.

    Raises:
        EslError: a trial cannot be run; those before it have their rows, and the same call goes on.
    """
    stop = StopRequest() if stop is None else stop
    with stop_on_signals(stop):
        for trial in missing(trials, places, with_stores=with_stores):
            if stop:
                break
            twin = None if with_stores else finished_twin(trial, places, trials)
            if twin is not None:
                say(f"{trial.benchmark}: {trial.name} would learn from the labels of {twin.key}; its row is the same.")
                write_row(places.rows_dir, _row_like(twin, trial, places))
                continue
            say(f"{trial.benchmark}: {trial.name}")
            _run(trial, places, accelerator, progress_of, stop, say)
    benchmarks = sorted({trial.benchmark for trial in trials})
    return [row for benchmark in benchmarks for row in read_rows(places.rows_dir, benchmark)]


def _run(
    trial: Trial,
    places: StudyPlaces,
    accelerator: Accelerator,
    progress_of: ProgressOf,
    stop: StopRequest,
    say: Callable[[str], None],
) -> None:
    start = hold_to_start(trial, places)
    hold_to_translation(trial, places)
    baseline = places.run_of(trial)
    own_work = places.experiment_of(trial) / EXPERIMENT_FILE if trial.has_labels else baseline / "config.json"
    is_resumed, began = own_work.exists(), time.monotonic()
    result = train(
        places.config(trial.baseline),
        baseline,
        accelerator=accelerator,
        progress=progress_of(trial.baseline.name),
        stop=stop,
        say=say,
    )
    if stop or result.state != "done":
        return
    # The baseline of a plain trial is scored as round 0 of an experiment that is never carried on.
    plan = SelfTraining(rounds=1, baseline=baseline, score_on=scored_on(trial.benchmark, places.data_root))
    if not trial.has_labels:
        run = baseline
        scores = _score(places.config(trial.baseline), run, plan, accelerator, progress_of, stop)
    else:
        began = time.monotonic()  # the baseline serves other trials, too
        record = self_train(
            places.config(trial),
            places.experiment_of(trial),
            plan,
            accelerator=accelerator,
            progress_of=progress_of,
            stop=stop,
            say=say,
        )
        if stop or len(record["rounds"]) < 2:
            return
        run = places.experiment_of(trial) / record["rounds"][-1]["run"]
        scores = record["rounds"][-1]["scores"]
    if stop or places.row_of(trial).exists():  # a trial that was run again for its store keeps its row
        return
    labels = audited_labels(places.store_of(trial), places.config(trial).pseudo_labels) if trial.has_labels else {}
    row = _row(
        trial,
        places,
        run,
        scores=scores,
        protocol=scores["protocol"],
        labels=labels,
        start=start,
        seconds=None if is_resumed else time.monotonic() - began,
    )
    write_row(places.rows_dir, row)


def _score(
    config: TrainConfig,
    run: Path,
    plan: SelfTraining,
    accelerator: Accelerator,
    progress_of: ProgressOf,
    stop: StopRequest,
) -> dict[str, Any]:
    from esl.pipelines.evaluate import evaluate_on

    checkpoint = follow_pointer(run / "checkpoints", "LATEST")
    return evaluate_on(
        checkpoint, plan.score_on, config.class_set, device=accelerator, progress=progress_of("score"), should_stop=stop
    ).to_json()


def _row(
    trial: Trial,
    places: StudyPlaces,
    run: Path,
    *,
    scores: Mapping[str, Any],
    protocol: str,
    labels: Mapping[str, Any],
    start: str,
    seconds: float | None,
) -> ExperimentRow:
    """The row of a trial that is done; `start` is the digest of its initial weights; `seconds` are known only if it was done in one go."""
    config = places.config(trial)
    return ExperimentRow(
        benchmark=trial.benchmark,
        method=trial.method,
        strategy=trial.strategy,
        seed=trial.seed,
        setting=places.setting(trial),
        class_set=config.class_set,
        split=f"{scored_on(trial.benchmark, Path()).dataset} {scored_on(trial.benchmark, Path()).split}",
        protocol=f"{protocol}; last checkpoint",
        **scores_in_percent(scores),
        steps=config.steps,
        pseudo_labels=labels,
        provenance={
            **provenance(run),
            "init_weights": start,
            **({"translated": places.generator} if trial.is_translated else {}),
            **({} if seconds is None else {"wall_seconds": round(seconds, 1)}),
            "command": command_of(trial, places),
        },
    )


def _row_like(twin: ExperimentRow, trial: Trial, places: StudyPlaces) -> ExperimentRow:
    """The row of a trial whose training another one has done already; says whose."""
    return replace(
        twin,
        strategy=trial.strategy,
        setting=places.setting(trial),
        provenance={**twin.provenance, "command": command_of(trial, places), "same_labels_as": twin.key},
    )


def command_of(trial: Trial, places: StudyPlaces) -> str:
    """The shell command that runs one trial alone; roots are left to the reader."""
    base = preset(f"{trial.benchmark}_{trial.method}")
    flags = command_flags(base, trial.config(places.overrides))
    if trial.is_translated:
        flags += ["--source.dataset folder --source.root TRANSLATED --source.split", base.source.split]
    if not trial.has_labels:
        return " ".join(["python -m esl train", base.preset, *flags, "--run RUN"])
    return " ".join(["python -m esl self-train", base.preset, *flags, "--baseline BASELINE --experiment DIR"])
