"""Train a network: one run directory, from a config, resumable by doing the same again."""

import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from esl.classes import class_set
from esl.config import DataConfig, TrainConfig, config_to_json
from esl.data.dataset import PairDataset
from esl.data.opening import open_dataset
from esl.data.resized_cache import CachedImages
from esl.files import read_json, write_json
from esl.pipelines.audit import known_quality
from esl.pipelines.precheck import require_all_sound_once
from esl.pipelines.ranks import is_launched, require_ranks
from esl.pipelines.run_record import (
    Accelerator,
    PseudoLabels,
    digests_of,
    facts_of,
    failures_recorded,
    is_first_process,
    record_loss,
    refuse_changed_data,
    refuse_changed_settings,
    resolve,
    versions,
)
from esl.pipelines.samples import sampler
from esl.pipelines.selection_score import chosen_on, evaluator, predictor_of
from esl.pipelines.start_weights import held_to_its_start
from esl.progress import Progress, no_progress
from esl.store.recipes import save_recipe
from esl.store.runs import RunDirectory, RunStatus
from esl.training.batches import Domain, GroundTruth, StepBatches
from esl.training.checkpoint import newest_checkpoint, point_at, sweep_partial
from esl.training.engine import Engine, make_fabric
from esl.training.events import EventLog
from esl.training.guards import StopRequest, stop_on_signals
from esl.training.local_ranks import local_ranks
from esl.training.log import RunLog
from esl.training.loop import Loop, Position
from esl.training.pseudo_labels import StoredPseudoLabels, pseudo_label_source


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """How a run ended."""

    run_dir: Path
    state: str
    """`done`, or `stopped` on request."""
    step: int
    best_miou: float
    """On the selection split in [0, 1]; -1 without one."""
    best_step: int
    chosen_on: str
    """What `best` was chosen on, in words; empty without a selection split."""
    exit_code: int
    """0, or what a process that was told to stop ends with (143, 130)."""


def train(
    config: TrainConfig,
    run_dir: Path | str,
    *,
    accelerator: Accelerator = "auto",
    devices: int = 1,
    num_nodes: int = 1,
    allow_data_change: bool = False,
    progress: Progress = no_progress,
    stop: StopRequest | None = None,
    say: Callable[[str], None] = lambda message: None,
) -> TrainResult:
    """Train `config` in `run_dir`, or go on with what is there.

    Args:
        config: what to train.
        run_dir: new or empty folder, or that of a run with the same config.
        accelerator: `auto` takes CUDA where there is one; a resume uses what was recorded.
        devices: processes on this machine, one per GPU (or CPU ranks).
        num_nodes: machines.
        allow_data_change: go on although images were added or removed.
        progress: told after each step.
        stop: ask it to save and stop; signals do the same.
        say: gets notices for people (weights loaded, resumed from, selection on target labels).

    Raises:
        ConfigError: the config cannot be run here, is not that of the run, or its ranks were not started.
        CheckpointError: the directory is in use, or no checkpoint in it is whole.
        DataError: data or disk cannot be used.
        EslError: a loss is not finite, or a step does not fit into memory.
    """
    ranks = require_ranks(devices, num_nodes)
    run, stop = RunDirectory(run_dir).create(), StopRequest() if stop is None else stop
    with ExitStack() as together:
        if ranks == 1 or is_first_process():
            together.enter_context(run.lock())
        resolved = resolve(config, run, accelerator, ranks)
        if ranks > 1:
            lost = partial(record_loss, run)
            together.enter_context(local_ranks(devices, num_nodes, is_launched=is_launched(), on_loss=lost))
        where: dict[str, Any] = {key: resolved[key] for key in ("accelerator", "precision")}
        fabric = make_fabric(**where, devices=devices, num_nodes=num_nodes)
        if ranks > 1:
            fabric.launch()
        log = RunLog(run.metrics_path, run.log_path, enabled=fabric.is_global_zero)

        def tell(message: str) -> None:
            log.say(message)
            if fabric.is_global_zero:
                say(message)

        with stop_on_signals(stop):
            return _train(config, run, fabric, resolved, allow_data_change, log, tell, stop, progress)


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """Everything that a run reads."""

    source: PairDataset
    target: PairDataset | None
    labels: PseudoLabels | None
    selection: PairDataset | None
    digests: dict[str, Any]


def _train(
    config: TrainConfig, run: RunDirectory, fabric: Fabric, resolved: dict[str, Any], allow_data_change: bool,
    log: RunLog, tell: Callable[[str], None], stop: StopRequest, progress: Progress,
) -> TrainResult:  # fmt: skip
    if run.exists:
        refuse_changed_settings(config, run, resolved)
    inputs = open_inputs(config)
    if run.exists and not allow_data_change:
        refuse_changed_data(run, inputs.digests)
    config, start = held_to_its_start(config, run)
    inputs = replace(inputs, digests=inputs.digests | start)
    fabric.barrier()
    with failures_recorded(run, fabric.is_global_zero):
        read = [(inputs.source, True), (inputs.target, False), (inputs.selection, True)]
        require_all_sound_once(fabric, read, tell)
        if fabric.is_global_zero:
            _record_start(config, run, resolved, inputs)
        folder = newest_checkpoint(run.checkpoints_dir, tell)
        engine = Engine(fabric, config if folder is None else replace(config, init_weights=Path()), tell)
        position = Position() if folder is None else Position.of(folder)
        if folder is None and config.init_weights == Path():
            tell("All weights start at random: no --init-weights were given. The paper's start from ImageNet's.")
        if folder is not None:
            engine.load(folder)
            if fabric.is_global_zero:
                point_at(folder, is_best=position.best_step == position.step)
            tell(f"Continuing from step {position.step}.")
        log.cut_after(position.step, is_evaluated=position.is_evaluated)
        if config.tensorboard and fabric.is_global_zero:
            log.events = EventLog(run.path / "tensorboard", position.step, tell)
            log.events.numbers({"kind": "pseudo_labels", "step": position.step, **known_quality(inputs.labels)})
        shown, view = (inputs.target, config.target) if inputs.target is not None else (inputs.source, config.source)
        loop = Loop(
            engine, batches_of(config, inputs, fabric), run, position,
            evaluate=evaluator(config, inputs.selection, engine, stop, tell),
            sample=sampler(shown, view.size, run.samples_dir, lambda: predictor_of(engine), tell),
            facts=facts_of(config, resolved, inputs.digests),
            log=log, stop=stop, progress=progress,
        )  # fmt: skip
        end = loop(
            RunStatus(
                state="running",
                step=position.step,
                steps=config.steps,
                device=str(fabric.device),
                precision=resolved["precision"],
                started=run.status().started or time.time(),
            )
        )
        if log.events is not None:
            log.events.close()
    return TrainResult(
        run_dir=run.path,
        state=end.state,
        step=position.step,
        best_miou=position.best_miou,
        best_step=position.best_step,
        chosen_on=chosen_on(config),
        exit_code=stop.exit_code if end.state == "stopped" else 0,
    )


def open_inputs(config: TrainConfig) -> Inputs:
    """Open what a config names, without reading an image.

    Raises:
        ConfigError: a data set or its folder is not named.
        DataError: a folder is not what it must be, or pseudo-labels are missing.
    """
    source = open_data(config.source, config.class_set)
    target = open_data(config.target, config.class_set) if config.uses_target else None
    labels = None
    if target is not None and config.pseudo_labels.source != "none":
        labels = pseudo_label_source(config.pseudo_labels, class_set(config.class_set), target.image_ids)
    selection = open_data(config.selection.data, config.class_set) if config.selection.data else None
    digests = digests_of(source, target, labels)
    return Inputs(source=source, target=target, labels=labels, selection=selection, digests=digests)


def _record_start(config: TrainConfig, run: RunDirectory, resolved: dict[str, Any], inputs: Inputs) -> None:
    run.sweep()
    sweep_partial(run.checkpoints_dir)
    now = {"config": config_to_json(config), "data": inputs.digests}
    record = read_json(run.config_path) if run.exists else {"resolved": resolved, "command": sys.argv, **versions()}
    write_json(run.config_path, record | now)
    if isinstance(inputs.labels, StoredPseudoLabels):
        save_recipe(run.path / "recipe", inputs.labels.recipe, inputs.labels.mask)
        write_json(run.pseudo_labels_path, known_quality(inputs.labels))


def open_data(config: DataConfig, class_set_name: str) -> PairDataset:
    """The split that a config names."""
    return open_dataset(
        config.dataset, config.root, config.split, class_set_name, label_format=config.label_format or None
    )


def batches_of(config: TrainConfig, inputs: Inputs, fabric: Fabric) -> StepBatches:
    """This rank's micro-batches, by number."""

    def images_of(pairs: PairDataset) -> PairDataset | CachedImages:
        return pairs if config.cache_dir == Path() else CachedImages(pairs, config.cache_dir)

    truth = GroundTruth(inputs.source, config.source.size)
    source = Domain(
        number=0, images=images_of(inputs.source), size=config.source.size, augment=config.source.augment, labels=truth
    )
    target = None
    if inputs.target is not None:
        view = config.target
        target = Domain(
            number=1, images=images_of(inputs.target), size=view.size, augment=view.augment, labels=inputs.labels
        )
    return StepBatches(
        source=source,
        target=target,
        batch_size=config.batch_size,
        seed=config.seed,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
    )
