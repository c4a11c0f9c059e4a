"""What a study will do, said before it does it: commands, data, sizes, steps, hours, disk."""

import shlex
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from esl.classes import class_set
from esl.config import DataConfig, TrainConfig
from esl.config.form import command_flags
from esl.data.known import expected_count
from esl.data.opening import open_dataset
from esl.errors import EslError
from esl.pipelines.reproduce import missing
from esl.pipelines.resources import checkpoint_bytes, disk_free
from esl.pipelines.study import Trial, scored_on
from esl.pipelines.study_places import StudyPlaces
from esl.presets import preset
from esl.store.experiments import read_rows

_FLOAT16 = 2


@dataclass(frozen=True, kw_only=True)
class Rate:
    """How fast a machine trains, and how that is known."""

    steps_per_second: float
    device: str
    """Name of the GPU or machine."""
    source: str
    """Where the number is from."""


def describe_plan(trials: Sequence[Trial], places: StudyPlaces, rate: Rate | None = None) -> str:
    """The exact plan of a study: commands with their folders, data, sizes, steps, expected hours, disk.

    Args:
        trials: what shall be run.
        places: where.
        rate: measured on the machine that shall run it; by default that of rows which are finished already.

    Raises:
        EslError: a trial cannot be run as told, e.g. its translated images are not there.
    """
    todo = missing(trials, places)
    baselines = {t.baseline.name: t.baseline for t in todo}
    runs = list(baselines.values()) + [t for t in todo if t.has_labels]
    configs = [places.config(t) for t in runs]
    steps = sum(config.steps for config in configs)
    lines = [
        f"{len(trials)} trials, {len(trials) - len(todo)} with a row already, {len(runs)} trainings to run, {steps:,} steps."
    ]
    for trial, config in zip(runs, configs, strict=True):
        size = f"{config.source.size[0]}x{config.source.size[1]} + {config.target.size[0]}x{config.target.size[1]}"
        lines.append(f"  {config.steps:>7,} steps, {size}: {exact_command(trial, places)}")
    on = [scored_on(trials[0].benchmark, places.data_root)] if runs else []
    lines += [_data_line(data, config) for data, config in _distinct(configs, on)]
    if runs:
        lines += [
            _hours(steps, rate or measured_rate(trials[0].benchmark, places.rows_dir)),
            _disk(runs, configs, places),
        ]
    return "\n".join(lines)


def exact_command(trial: Trial, places: StudyPlaces) -> str:
    """The shell command that does what the study does for a trial, folders and scores included."""
    base, config = preset(f"{trial.benchmark}_{trial.method}"), places.config(trial)
    words = [base.preset, *command_flags(base, config)]
    on = scored_on(trial.benchmark, places.data_root)
    if not trial.has_labels:
        run = str(places.run_of(trial))
        score = ["--checkpoint", run, "--dataset", on.dataset, "--split", on.split, "--size", *map(str, on.size)]
        score += ["--data-root", str(on.root)] if on.root != Path() else []
        return f"{_shell('train', [*words, '--run', run])} && {_shell('evaluate', score)}"
    words += ["--baseline", str(places.run_of(trial)), "--experiment", str(places.experiment_of(trial))]
    words += ["--score-on.dataset", on.dataset, "--score-on.split", on.split, "--score-on.size", *map(str, on.size)]
    words += ["--score-on.root", str(on.root)] if on.root != Path() else []
    return _shell("self-train", words)


def measured_rate(benchmark: str, rows_dir: Path) -> Rate | None:
    """Median rate of a benchmark's finished rows on the hardware that most of them ran on; None without rows.

    Extraction and scores are in a row's time, so that the rate errs on the slow side.
    """
    rates: dict[str, list[float]] = {}
    for row in read_rows(rows_dir, benchmark):
        seconds = float(row.provenance.get("wall_seconds", 0.0))
        if seconds > 0:
            rates.setdefault(str(row.provenance.get("hardware", "unknown hardware")), []).append(row.steps / seconds)
    if not rates:
        return None
    device, found = max(rates.items(), key=lambda item: len(item[1]))
    return Rate(
        steps_per_second=statistics.median(found), device=device, source=f"median of {len(found)} finished rows"
    )


def _shell(verb: str, words: Sequence[str]) -> str:
    return " ".join(["python -m esl", verb, *(shlex.quote(word) for word in words)])


def _distinct(configs: Sequence[TrainConfig], scored: Sequence[DataConfig]) -> Iterable[tuple[DataConfig, TrainConfig]]:
    """Each split that is read, once, with a config that says its classes."""
    read = [(data, c) for c in configs for data in (c.source, c.target, c.selection.data) if data]
    read += [(data, configs[0]) for data in scored]
    return {(data.dataset, data.root, data.split): (data, config) for data, config in read}.values()


def _data_line(data: DataConfig, config: TrainConfig) -> str:
    """How many images are there, or why it cannot be opened."""
    try:
        pairs = open_dataset(data.dataset, data.root, data.split, config.class_set)
    except EslError as error:
        return f"Data: {data.dataset} {data.split} CANNOT BE READ YET. {error}"
    published = expected_count(data.dataset, data.split)
    of = f" of {published:,}" if published not in (None, len(pairs)) else ""
    return f"Data: {data.dataset} {data.split} in {pairs.root}, {len(pairs):,}{of} images."


def _hours(steps: int, rate: Rate | None) -> str:
    if rate is None:
        return (
            "Hours: no rate is known yet. Measure one where it shall run (python -m benchmarks.training --setting paper "
            "--device cuda) and give it with --steps-per-second and --gpu."
        )
    hours = steps / rate.steps_per_second / 3600
    return f"Hours: about {hours:,.1f} on {rate.device} at {rate.steps_per_second:.3g} steps a second ({rate.source})."


def _disk(runs: Sequence[Trial], configs: Sequence[TrainConfig], places: StudyPlaces) -> str:
    """Checkpoints that stay and stores, in bytes of 10^9."""
    kept = [checkpoint_bytes(c) * (c.keep_checkpoints + bool(c.selection.data)) for c in configs]
    stores = [store_bytes(c) for trial, c in zip(runs, configs, strict=True) if trial.has_labels]
    total = (sum(kept) + sum(stores)) / 1e9
    parts = f"checkpoints of {len(runs)} runs {sum(kept) / 1e9:.1f} GB"
    if stores:
        parts += f", stores of {len(stores)} {sum(stores) / 1e9:.1f} GB (float16; twice that in fp32)"
    free = disk_free(places.work_dir) / 1e9
    return f"Disk: about {total:.1f} GB below {places.work_dir}: {parts}; {free:.0f} GB are free."


def store_bytes(config: TrainConfig) -> int:
    """About how many bytes the logits of a config's target split take as float16, before compression."""
    target, stride = config.target, config.network.output_stride
    try:
        images = len(open_dataset(target.dataset, target.root, target.split, config.class_set))
    except EslError:
        images = expected_count(target.dataset, target.split) or 0
    # The published network's pooling rounds up, which gives one row and one column more.
    height, width = (-(-side // stride) + 1 for side in target.size)
    return images * class_set(config.class_set).num_classes * height * width * _FLOAT16
