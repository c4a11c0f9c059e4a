"""The loop of a translation run: what happens in a step, and between two."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from esl.models.memory import memory_in_words
from esl.progress import Progress
from esl.store.runs import HEARTBEAT_SECONDS, RunDirectory, RunState, RunStatus
from esl.training.batches import StepBatches, iterate, to_device
from esl.training.checkpoint import write_checkpoint
from esl.training.guards import STEP_TOO_LARGE, StopRequest, check_finite, lost_processes_in_words
from esl.training.log import RunLog
from esl.training.loop import Position
from esl.training.step import Batch
from esl.training.translation_engine import GENERATORS, JUDGES, TranslationEngine


class TranslationLoop:
    """One run from where it is to its end."""

    def __init__(
        self, engine: TranslationEngine, batches: StepBatches, run: RunDirectory, position: Position, *,
        facts: Mapping[str, Any], log: RunLog, stop: StopRequest, progress: Progress,
    ) -> None:  # fmt: skip
        """`facts` go into each checkpoint's `state.json`; `stop` is asked and `progress` told after each step."""
        self.engine, self.batches, self.run, self.position = engine, batches, run, position
        self.facts, self.log, self.stop, self.progress = facts, log, stop, progress
        self.config = engine.config
        self.last_good = run.checkpoints_dir / "LATEST" if position.step else Path("none yet")
        self._saved_step = position.step or -1
        self._status, self._heartbeat = RunStatus(), 0.0
        self._since = (time.monotonic(), position.step)

    def __call__(self, status: RunStatus) -> RunStatus:
        """Train to the last step, or until a stop is asked for; the final status."""
        self._status = status
        config, position = self.config, self.position
        batches = iterate(self.batches, position.step, config.steps, config.num_workers, self.engine.fabric.device)
        with lost_processes_in_words(lambda: str(self.last_good)):
            while position.step < config.steps and not self.stop:
                with memory_in_words(STEP_TOO_LARGE):
                    self._one_step(next(batches))
                self._after_step()
        if self.stop:
            self._save()
            return self._beat("stopped", message="Stopped on request; the same command continues it.")
        return self._beat("done")

    def _one_step(self, batch: Batch) -> None:
        """Generators first, then discriminators on what the generators had made, as CycleGAN's code has it."""
        engine, position = self.engine, self.position
        torch.manual_seed(self.config.seed * 1_000_003 + position.step)
        engine.set_learning_rate(position.step)
        batch = to_device(batch, engine.fabric.device)
        losses, in_source, in_target = engine.generator_gradients(batch)
        losses["grad_norm_generators"] = engine.gradient_norm(GENERATORS)
        of_judges = engine.judge_gradients(batch, in_source, in_target, position.step)
        of_judges["grad_norm_judges"] = engine.gradient_norm(JUDGES)
        values = self._checked(losses | of_judges, batch)
        engine.generator_adam.step()
        engine.judge_adam.step()
        position.step += 1
        position.add(values)

    def _checked(self, values: Mapping[str, torch.Tensor], batch: Batch) -> dict[str, float]:
        numbers = torch.stack([v.float() for v in values.values()]).tolist()
        named = dict(zip(values, numbers, strict=True))
        check_finite(named, self.position.step, lambda: ", ".join(batch.names), str(self.last_good))
        return named

    def _after_step(self) -> None:
        position, config = self.position, self.config
        is_last = position.step == config.steps
        if position.step % config.log_every == 0 or is_last:
            self._log_means()
        if position.step % config.save_every == 0 or is_last:
            self._save()
        if time.monotonic() - self._heartbeat >= HEARTBEAT_SECONDS:
            self._beat("running")
        self.progress(position.step, config.steps)

    def _log_means(self) -> None:
        position = self.position
        means = {k: v / position.num_summed for k, v in position.sums.items()}
        rate = self.engine.generator_adam.param_groups[0]["lr"]
        self.log.metrics({"kind": "translation", "step": position.step, "lr": rate, **means, "rate": self._rate()})
        position.sums, position.num_summed = {}, 0

    def _save(self) -> None:
        if self._saved_step == self.position.step:  # a stop right after a checkpoint
            return
        self._beat("stopping" if self.stop else "running", phase="saving")
        self.last_good = write_checkpoint(
            self.run.checkpoints_dir,
            self.position.step,
            lambda folder: None,
            tensors=self.engine.tensors(),
            state={**asdict(self.position), **self.facts},
        )
        self._saved_step = self.position.step

    def _rate(self) -> float:
        began, step = self._since
        seconds = time.monotonic() - began
        return (self.position.step - step) / seconds if seconds > 0 else 0.0

    def _beat(self, state: RunState, *, phase: str = "training", **changes: Any) -> RunStatus:
        self._heartbeat = time.monotonic()
        rate, left = self._rate(), self.config.steps - self.position.step
        values = asdict(self._status) | {"state": state, "step": self.position.step, "phase": phase, "rate": rate}
        values |= {"eta_seconds": left / rate if rate > 0 else 0.0} | changes
        self._status = self.run.write_status(RunStatus(**values))
        return self._status
