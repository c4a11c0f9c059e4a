"""Train a network: one run directory, from a config, resumable by doing the same again."""

import copy
import hashlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric

from esl.classes import class_set
from esl.config import DataConfig, TrainConfig, config_differences, config_from_json, config_hash, config_to_json
from esl.data.dataset import PairDataset
from esl.data.opening import open_dataset
from esl.errors import CheckpointError, ConfigError, EslError
from esl.files import read_json, write_json
from esl.models.predictor import Predictor, resolve_device
from esl.pipelines.evaluate import report_of, score
from esl.progress import Progress, no_progress
from esl.store.runs import RunDirectory, RunStatus
from esl.training.batches import Domain, GroundTruth, StepBatches
from esl.training.checkpoint import newest_checkpoint, sweep_partial
from esl.training.engine import Engine, make_fabric, resolve_precision
from esl.training.guards import StopRequest, stop_on_signals
from esl.training.log import RunLog
from esl.training.loop import Loop, Position, Scores

Accelerator = Literal["auto", "cpu", "cuda"]


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
        ConfigError: the config cannot be run here, or differs from that of the run.
        CheckpointError: the directory is in use, or no checkpoint in it is whole.
        DataError: data or disk cannot be used.
        EslError: a loss is not finite, or a step does not fit into memory.
    """
    run, stop = RunDirectory(run_dir).create(), stop or StopRequest()
    is_first = _is_first_process()
    with run.lock() if is_first else nullcontext(), _failures_recorded(run, is_first):
        resolved = _resolve(config, run, accelerator, devices * num_nodes)
        fabric = make_fabric(
            accelerator=resolved["accelerator"], precision=resolved["precision"], devices=devices, num_nodes=num_nodes
        )
        if devices * num_nodes > 1:
            fabric.launch()
        log = RunLog(run.metrics_path, run.log_path, enabled=fabric.is_global_zero)

        def tell(message: str) -> None:
            log.say(message)
            if fabric.is_global_zero:
                say(message)

        with stop_on_signals(stop):
            return _train(config, run, fabric, resolved, allow_data_change, log, tell, stop, progress)


def _train(
    config: TrainConfig, run: RunDirectory, fabric: Fabric, resolved: dict[str, Any], allow_data_change: bool,
    log: RunLog, tell: Callable[[str], None], stop: StopRequest, progress: Progress,
) -> TrainResult:  # fmt: skip
    source = open_data(config.source, config.class_set)
    target = open_data(config.target, config.class_set) if config.uses_target else None
    data = {"source": _digest(source), **({} if target is None else {"target": _digest(target)})}
    if run.exists:
        _refuse_changes(config, run, resolved, data, allow_data_change)
    fabric.barrier()
    if fabric.is_global_zero:
        sweep_partial(run.checkpoints_dir)
        record = {"config": config_to_json(config), "resolved": resolved, "data": data, "command": sys.argv, **_versions()}
        write_json(run.config_path, record if not run.exists else read_json(run.config_path) | {"config": record["config"], "data": data})
    folder = newest_checkpoint(run.checkpoints_dir, tell)
    engine = Engine(fabric, config if folder is None else replace(config, init_weights=Path()), tell)
    position = Position() if folder is None else Position.of(folder)
    if folder is not None:
        engine.load(folder)
        tell(f"Continuing from step {position.step}.")
    log.cut_after(position.step)
    batches = _batches(config, source, target, fabric)
    loop = Loop(
        engine, batches, run, position,
        evaluate=_evaluator(config, engine, stop, tell),
        facts=_facts(config, resolved, data),
        log=log, stop=stop, progress=progress,
    )  # fmt: skip
    started = run.status().started
    end = loop(RunStatus(
        state="running", step=position.step, steps=config.steps, device=str(fabric.device), precision=resolved["precision"],
        started=started or time.time(),
    ))  # fmt: skip
    return TrainResult(
        run_dir=run.path, state=end.state, step=position.step, best_miou=position.best_miou,
        best_step=position.best_step, exit_code=stop.exit_code,
    )  # fmt: skip


def open_data(config: DataConfig, class_set_name: str) -> PairDataset:
    """The split that a config names."""
    return open_dataset(config.dataset, config.root, config.split, class_set_name)


def _batches(config: TrainConfig, source: PairDataset, target: PairDataset | None, fabric: Fabric) -> StepBatches:
    source_labels = GroundTruth(source, config.source.size)
    domains = [Domain(number=0, images=source, size=config.source.size, augment=config.source.augment, labels=source_labels)]
    if target is not None:
        from esl.training.pseudo_labels import pseudo_label_source

        has_labels = config.pseudo_labels.source != "none"
        ids = tuple(target.image_ids)
        labels = pseudo_label_source(config.pseudo_labels, class_set(config.class_set), ids) if has_labels else None
        domains.append(Domain(number=1, images=target, size=config.target.size, augment=config.target.augment, labels=labels))
    return StepBatches(
        source=domains[0],
        target=domains[1] if target is not None else None,
        batch_size=config.batch_size,
        seed=config.seed,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
    )


def _evaluator(
    config: TrainConfig, engine: Engine, stop: StopRequest, tell: Callable[[str], None]
) -> Callable[[], Scores] | None:
    chosen_on = config.selection.data
    if not chosen_on:
        return None
    pairs = open_data(chosen_on, config.class_set)
    fabric = engine.fabric
    if config.selection.allow_target_labels:
        tell(f"Checkpoints are compared on {chosen_on.dataset} {chosen_on.split}, which may be labels of the target domain.")

    def evaluate() -> Scores:
        network = copy.deepcopy(engine.segmenter).to(memory_format=torch.contiguous_format)
        predictor = Predictor(network, engine.info({}), device=fabric.device.type, precision="fp32")
        share = (fabric.global_rank, fabric.world_size)
        matrix = score(predictor.predict, pairs, chosen_on.size, share=share, should_stop=stop)
        if fabric.world_size > 1:
            summed = fabric.all_reduce(torch.from_numpy(matrix.counts).to(fabric.device), reduce_op="sum")
            assert isinstance(summed, torch.Tensor)
            matrix.counts = summed.cpu().numpy()
        how = f"input {chosen_on.size[0]}x{chosen_on.size[1]}, fp32"
        report = report_of(matrix, pairs, protocol="advent", how=how, predictions="run")
        return {"miou": report.miou, "iou": report.iou, "split": f"{pairs.name} {pairs.split}", "protocol": report.protocol}

    return evaluate


def _resolve(config: TrainConfig, run: RunDirectory, accelerator: Accelerator, ranks: int) -> dict[str, Any]:
    """Device, precision and ranks: decided at the first start, and kept (decision 18)."""
    device = resolve_device(accelerator)
    fresh: dict[str, Any] = {"accelerator": device, "precision": resolve_precision(config.precision, device), "world_size": ranks}
    if not run.exists:
        return fresh
    recorded: dict[str, Any] = read_json(run.config_path)["resolved"]
    if accelerator == "auto" and recorded["accelerator"] != device:
        resolve_device(recorded["accelerator"])
        fresh |= {"accelerator": recorded["accelerator"]}
    if config.precision == "auto":
        fresh |= {"precision": recorded["precision"]}
    resolve_precision(fresh["precision"], fresh["accelerator"])
    return fresh


def _refuse_changes(
    config: TrainConfig, run: RunDirectory, resolved: dict[str, Any], data: dict[str, Any], allow_data_change: bool
) -> None:
    record = read_json(run.config_path)
    changed = config_differences(config_from_json(record["config"]), config)
    changed += [f"{k}: {v} -> {resolved[k]}" for k, v in record["resolved"].items() if resolved.get(k) != v]
    if changed:
        raise ConfigError(
            f"A run must go on with the settings it was started with; {run.path} differs in {'; '.join(changed)}. Use "
            "the old values, or another --run."
        )
    moved = [f"{k}: {record['data'].get(k)} -> {v}" for k, v in data.items() if record["data"].get(k) != v]
    if moved and not allow_data_change:
        raise CheckpointError(
            f"A run must go on with the images it was started with; the list changed ({'; '.join(moved)}). Restore the "
            "files, or say --allow-data-change to go on without exact repeatability."
        )


def _digest(pairs: PairDataset) -> dict[str, Any]:
    ids = hashlib.sha256("\n".join(pairs.image_ids).encode()).hexdigest()[:16]
    return {"images": len(pairs.image_ids), "ids": ids}


def _facts(config: TrainConfig, resolved: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    chosen_on = config.selection.data
    provenance = {
        "preset": config.preset,
        "method": config.method.name,
        "seed": config.seed,
        "pseudo_labels": config.pseudo_labels.source if config.pseudo_labels.source == "none" else config.pseudo_labels.criterion,
        "chosen_on": f"{chosen_on.dataset} {chosen_on.split}" if chosen_on else "last checkpoint",
        "chosen_on_target_labels": config.selection.allow_target_labels,
        "input_size": list(config.source.size),
        **_versions(),
    }
    return {"config_hash": config_hash(config), "data": data, "resolved": resolved, "provenance": provenance}


def _versions() -> dict[str, str]:
    return {"torch": version("torch"), "python": platform.python_version(), "commit": _commit()}


def _commit() -> str:
    where = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=where, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _is_first_process() -> bool:
    """Whether this is rank 0, asked before ranks have met: by what launchers put into the environment."""
    names = ("RANK", "SLURM_PROCID") if "RANK" in os.environ else ("LOCAL_RANK", "NODE_RANK", "SLURM_PROCID")
    return all(os.environ.get(name, "0") == "0" for name in names)


@contextmanager
def _failures_recorded(run: RunDirectory, is_first: bool) -> Iterator[None]:
    """A run that ends with an error says so in its status."""
    try:
        yield
    except BaseException as error:
        if is_first and run.exists:
            said = str(error) if isinstance(error, EslError) else f"{type(error).__name__}: {error}"
            _write_failure(run, said)
        raise


def _write_failure(run: RunDirectory, said: str) -> None:
    try:
        run.write_status(replace(run.status(), state="failed", message=said, phase=""))
    except EslError:
        pass  # a full disk cannot take the note either; the first error is the one to see
