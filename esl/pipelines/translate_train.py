"""Train image translation: one run directory, from a config, resumable by doing the same again."""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning_fabric import Fabric

from esl.config import DataConfig
from esl.config.translation import TranslationConfig
from esl.data.dataset import PairDataset
from esl.data.opening import open_dataset
from esl.errors import CheckpointError, ConfigError
from esl.files import read_json, sha256_of, write_json
from esl.models.deeplab_v2 import DeepLabV2
from esl.models.weights import load_network
from esl.pipelines.precheck import require_all_sound
from esl.pipelines.run_record import Accelerator, digests_of, failures_recorded, refuse_changed_data, resolve, versions
from esl.progress import Progress, no_progress
from esl.store.runs import RunDirectory, RunStatus
from esl.training.batches import Domain, StepBatches
from esl.training.checkpoint import newest_checkpoint, point_at, sweep_partial
from esl.training.engine import make_fabric
from esl.training.guards import StopRequest, stop_on_signals
from esl.training.log import RunLog
from esl.training.loop import Position
from esl.training.translation_engine import TranslationEngine
from esl.training.translation_loop import TranslationLoop

KIND = "translation"
"""What `config.json` of such a run calls itself."""
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class TranslationResult:
    """How a run ended."""

    run_dir: Path
    state: str
    """`done`, or `stopped` on request."""
    step: int
    exit_code: int
    """0, or what a process that was told to stop ends with (143, 130)."""


def train_translation(
    config: TranslationConfig,
    run_dir: Path | str,
    *,
    accelerator: Accelerator = "auto",
    allow_data_change: bool = False,
    progress: Progress = no_progress,
    stop: StopRequest | None = None,
    say: Say = lambda message: None,
) -> TranslationResult:
    """Train `config` in `run_dir`, or go on with what is there; in one process.

    Args:
        config: what to train.
        run_dir: new or empty folder, or that of a run with the same config.
        accelerator: `auto` takes CUDA where there is one; a resume uses what was recorded.
        allow_data_change: go on although images were added or removed.
        progress: told after each step.
        stop: ask it to save and stop; signals do the same.
        say: gets notices.

    Raises:
        ConfigError: the config cannot be run here, or differs from that of the run.
        CheckpointError: the directory is in use, the perceptual network cannot be used or is another one than at the
            start, or no checkpoint is whole.
        DataError: data or disk cannot be used.
        EslError: a loss is not finite, or a step does not fit into memory.
    """
    run, stop = RunDirectory(run_dir).create(), StopRequest() if stop is None else stop
    with run.lock(), stop_on_signals(stop):
        resolved = resolve(config, run, accelerator, 1)
        log = RunLog(run.metrics_path, run.log_path)

        def tell(message: str) -> None:
            log.say(message)
            say(message)

        return _train(config, run, resolved, allow_data_change, log, tell, stop, progress)


def _train(
    config: TranslationConfig, run: RunDirectory, resolved: dict[str, Any], allow_data_change: bool,
    log: RunLog, tell: Say, stop: StopRequest, progress: Progress,
) -> TranslationResult:  # fmt: skip
    if run.exists:
        _refuse_changed_settings(config, run, resolved)
    source, target = (_open(data, config.class_set) for data in (config.source, config.target))
    observer, observed_by = _observer(config)
    digests = digests_of(source, target, None) | observed_by
    if run.exists and not allow_data_change:
        refuse_changed_data(run, digests)
    with failures_recorded(run, True):
        require_all_sound([(source, False), (target, False)], tell)
        _record_start(config, run, resolved, digests)
        fabric = make_fabric(accelerator=resolved["accelerator"], precision=resolved["precision"])
        engine = TranslationEngine(fabric, config, observer)
        folder = newest_checkpoint(run.checkpoints_dir, tell)
        position = Position() if folder is None else Position.of(folder)
        if folder is not None:
            engine.load(folder)
            point_at(folder, is_best=False)
            tell(f"Continuing from step {position.step}.")
        log.cut_after(position.step)
        facts = {"kind": KIND, "config": config.to_json(), "data": digests, "resolved": resolved, **versions()}
        loop = TranslationLoop(
            engine, _batches(config, source, target), run, position,
            facts=facts, log=log, stop=stop, progress=progress,
        )  # fmt: skip
        end = loop(_first_status(config, run, fabric, resolved, position))
    return TranslationResult(run_dir=run.path, state=end.state, step=position.step, exit_code=stop.exit_code)


def _first_status(
    config: TranslationConfig, run: RunDirectory, fabric: Fabric, resolved: dict[str, Any], position: Position
) -> RunStatus:
    return RunStatus(
        state="running", step=position.step, steps=config.steps, device=str(fabric.device),
        precision=resolved["precision"], started=run.status().started or time.time(),
    )  # fmt: skip


def _open(data: DataConfig, class_set_name: str) -> PairDataset:
    return open_dataset(data.dataset, data.root, data.split, class_set_name)


def _observer(config: TranslationConfig) -> tuple[DeepLabV2 | None, dict[str, Any]]:
    if config.perceptual == 0:
        return None, {}
    network, info = load_network(config.perceptual_network)
    return network, {"perceptual_network": info.sha256}


def _batches(config: TranslationConfig, source: PairDataset, target: PairDataset) -> StepBatches:
    return StepBatches(
        source=Domain(number=0, images=source, size=config.source.size, augment=config.source.augment),
        target=Domain(number=1, images=target, size=config.target.size, augment=config.target.augment),
        batch_size=config.batch_size,
        seed=config.seed,
    )


def _refuse_changed_settings(config: TranslationConfig, run: RunDirectory, resolved: dict[str, Any]) -> None:
    record = read_json(run.config_path)
    if record.get("kind") != KIND:
        raise ConfigError(f"A translation run must have a folder of its own; {run.path} holds another run.")
    changed = TranslationConfig.from_json(record["config"]).differences(config)
    changed += [f"{k}: {v} -> {resolved[k]}" for k, v in record["resolved"].items() if resolved.get(k) != v]
    if changed:
        raise ConfigError(
            f"A run must go on with the settings it was started with; {run.path} differs in {'; '.join(changed)}. Use "
            "the old values, or another --run."
        )


def _record_start(
    config: TranslationConfig, run: RunDirectory, resolved: dict[str, Any], digests: dict[str, Any]
) -> None:
    run.sweep()
    sweep_partial(run.checkpoints_dir)
    now = {"kind": KIND, "config": config.to_json(), "data": digests}
    if run.exists:
        write_json(run.config_path, read_json(run.config_path) | now)
    else:
        write_json(run.config_path, {**now, "resolved": resolved, "command": sys.argv, **versions()})


def translation_checkpoint(path: Path | str) -> Path:
    """The checkpoint folder that a run folder or a checkpoint folder stands for.

    Raises:
        CheckpointError: there is none, or it does not hold generators.
    """
    path = Path(path)
    folder: Path | None = path
    if (path / "checkpoints").is_dir():
        folder = newest_checkpoint(path / "checkpoints", lambda message: None)
    if folder is None or not (folder / "to_target.safetensors").is_file():
        raise CheckpointError(
            f"Translation needs a run of `esl translate train`, or one of its checkpoints: {path} has no generators."
        )
    return folder


def checkpoint_digest(folder: Path, generator: str) -> str:
    """sha256 of a generator's file."""
    return sha256_of(folder / f"{generator}.safetensors")
