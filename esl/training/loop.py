"""The loop: batches in, updates out, and what has to happen between two of them."""

import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from esl.classes import class_set
from esl.files import read_json
from esl.losses.segmentation import labelled_pixels, num_without_labels
from esl.models.memory import memory_in_words
from esl.progress import Progress
from esl.store.runs import HEARTBEAT_SECONDS, RunDirectory, RunStatus
from esl.training.agreement import culprits, gathered, largest
from esl.training.batches import StepBatches, iterate, to_device
from esl.training.checkpoint import save_checkpoint
from esl.training.engine import Engine
from esl.training.events import pictures_of
from esl.training.guards import STEP_TOO_LARGE, StopRequest, check_finite, lost_processes_in_words
from esl.training.log import RunLog
from esl.training.schedule import poly_factor, set_learning_rates
from esl.training.step import Batch

Scores = Mapping[str, Any]
"""What an evaluation says: `miou` and whatever else shall stand in metrics.jsonl."""


ADVERSARY_HAS_WON = 5.0
"""Mean of the fooling loss above which the log says, once, that the discriminator is too strong."""


@dataclass(kw_only=True)
class Position:
    """Where a run is: all of its state that is neither weights nor optimiser."""

    step: int = 0
    """Updates made."""
    sums: dict[str, float] = field(default_factory=dict)
    """Losses since the last line of the log, added up."""
    num_summed: int = 0
    num_without_labels: int = 0
    """Images so far that were ignored altogether and contributed nothing."""
    best_miou: float = -1.0
    best_step: int = -1
    is_evaluated: bool = True
    """Whether the evaluation that was due at `step` is done."""

    @staticmethod
    def of(folder: Path) -> "Position":
        """The position that a checkpoint was written at."""
        values = read_json(folder / "state.json")
        return Position(**{k: values[k] for k in asdict(Position())})

    def add(self, losses: Mapping[str, float]) -> None:
        """Count an update's losses. `sums` takes their order: those of a checkpoint come back sorted by name."""
        self.sums = {k: self.sums.get(k, 0.0) + losses.get(k, 0.0) for k in [*losses, *self.sums]}
        self.num_summed += 1


class Loop:
    """One run from where it is to its end."""

    def __init__(
        self,
        engine: Engine,
        batches: StepBatches,
        run: RunDirectory,
        position: Position,
        *,
        evaluate: Callable[[], Scores] | None,
        sample: Callable[[int], None] = lambda step: None,
        facts: Mapping[str, Any],
        log: RunLog,
        stop: StopRequest,
        progress: Progress,
    ) -> None:
        """Args:
        engine: networks and optimisers, at `position`.
        batches: this rank's micro-batches.
        run: where to write.
        position: where to start.
        evaluate: scores the network on the selection split; None where there is none.
        sample: shows the network as it is at a step, to people; called with each checkpoint, on the first rank.
        facts: what each checkpoint's `state.json` also says (digests, versions, the selection split).
        log: the record.
        stop: is asked after each step.
        progress: is told after each step.
        """
        self.engine, self.batches, self.run, self.position = engine, batches, run, position
        self.evaluate, self.sample, self.facts = evaluate, sample, facts
        self.log, self.stop, self.progress = log, stop, progress
        self.config, self.fabric = engine.config, engine.fabric
        self.status = RunStatus()
        self.last_good = run.checkpoints_dir / "LATEST" if position.step else Path("none yet")
        self._saved = (position.step, position.is_evaluated) if position.step else None
        self._heartbeat, self._rate_since = 0.0, (time.monotonic(), position.step)

    def __call__(self, status: RunStatus) -> RunStatus:
        """Train to the last step, or until a stop is asked for; the final status."""
        self.status = status
        self._rate_since = (time.monotonic(), self.position.step)
        self._beat("running", force=True)
        with lost_processes_in_words(lambda: str(self.last_good)):
            return self._to_its_end()

    def _to_its_end(self) -> RunStatus:
        self._agree_to_stop()
        if not self.position.is_evaluated and not self._is_stopping:
            self._evaluate_and_save()
        micro, position = self.config.accumulate, self.position
        batches = iterate(
            self.batches, position.step * micro, self.config.steps * micro, self.config.num_workers, self.fabric.device
        )
        while position.step < self.config.steps and not self._is_stopping:
            with memory_in_words(STEP_TOO_LARGE):
                self._one_step([next(batches) for _ in range(micro)])
            self._after_step()
        if self._is_stopping:
            self._save()
            return self._beat("stopped", force=True, message="Stopped on request; the same command continues it.")
        return self._beat("done", force=True)

    def _one_step(self, batches: list[Batch]) -> None:
        engine, position = self.engine, self.position
        # Should a network ever draw random numbers, they depend on the step alone.
        torch.manual_seed(self.config.seed * 1_000_003 + position.step)
        set_learning_rates(self.config, position.step, *engine.optimizers.values())
        engine.zero_grad()
        sums: dict[str, torch.Tensor] = {}
        for number, batch in enumerate(batches):
            on_device = to_device(batch, self.fabric.device)
            losses = engine.accumulate(on_device, is_last=number == len(batches) - 1)
            self._shown = on_device
            counts = {"images_without_labels": num_without_labels(on_device.source_labels).float()}
            if on_device.pseudo_labels is not None:
                counts["images_without_labels"] += num_without_labels(on_device.pseudo_labels)
                counts["sl_coverage"] = labelled_pixels(on_device.pseudo_labels).float().mean()
                counts["sl_coverage"] /= on_device.pseudo_labels[0].numel()
            for name, term in (losses | counts).items():
                sums[name] = sums.get(name, torch.zeros_like(term)) + term / len(batches)
        values = self._agree(sums | engine.gradient_norms(), batches)
        engine.update()
        position.step += 1
        position.num_without_labels += round(
            values.pop("images_without_labels") * len(batches) * self.fabric.world_size
        )
        position.add(values)

    @property
    def _is_stopping(self) -> bool:
        """Whether to stop here and now: ranks would wait for each other if one acted on what only it was told."""
        return self._has_agreed if self.fabric.world_size > 1 else bool(self.stop)

    def _agree_to_stop(self, exit_code: int | None = None) -> None:
        """Let all ranks know of a stop that one of them was asked for; `exit_code`: what they have told each other."""
        ranks = self.fabric.world_size
        agreed = largest(self.stop.exit_code, ranks, self.fabric.device) if exit_code is None else exit_code
        if agreed and ranks > 1:
            self._has_agreed = True
            self.stop.ask(agreed)

    def _agree(self, values: Mapping[str, torch.Tensor], batches: list[Batch]) -> dict[str, float]:
        """The means of all ranks, in one transfer; stops the run on every rank when one is not finite anywhere."""
        ranks = self.fabric.world_size
        mine = torch.stack([v.float() for v in values.values()])
        everyone = gathered(torch.cat([mine, mine.new_tensor([self.stop.exit_code])]), ranks)
        *means, exit_code = torch.cat([everyone[:, :-1].mean(0), everyone[:, -1:].amax(0)]).tolist()
        self._agree_to_stop(int(exit_code))
        named = dict(zip(values, means, strict=True))
        # A gradient's norm is the same on all ranks; whose images spoilt it the losses tell.
        losses = [value for name, value in values.items() if not name.startswith("grad_norm_")]
        check_finite(named, self.position.step, lambda: culprits(losses, batches, ranks), str(self.last_good))
        return named

    def _after_step(self) -> None:
        position, config = self.position, self.config
        is_last = position.step == config.steps
        if position.step % config.log_every == 0 or is_last:
            self._log_means()
        every = config.selection.every
        if self.evaluate is not None and (is_last or (every and position.step % every == 0)):
            position.is_evaluated = False
            self._evaluate_and_save()
        elif position.step % config.save_every == 0 or is_last:
            self._save()
        self._beat("running")
        self.progress(position.step, config.steps, self._note())

    def _log_means(self) -> None:
        position = self.position
        means = {k: v / position.num_summed for k, v in position.sums.items()}
        factor = poly_factor(
            position.step - 1, self.config.schedule_steps, self.config.poly_power, self.config.warmup_steps
        )
        line = {"kind": "train", "step": position.step, "lr": self.config.lr * factor, **means}
        self.log.metrics({**line, "images_without_labels": position.num_without_labels, "rate": self._rate()})
        self._last_means = means
        if not self._warned and means.get("adv_main", 0.0) > ADVERSARY_HAS_WON:
            self._warned = True
            self.log.say(
                f"Warning at step {position.step}: adv_main is {means['adv_main']:.1f}; above {ADVERSARY_HAS_WON:g} the "
                "discriminator has won and teaches little. See docs/training.md."
            )
        position.sums, position.num_summed = {}, 0

    _last_means: Mapping[str, float] = {}
    _shown: Batch | None = None
    _warned = False
    _has_agreed = False

    def _evaluate_and_save(self) -> None:
        """Score the network, remember the best, and write a checkpoint; a stop in between leaves the score for later."""
        assert self.evaluate is not None
        position = self.position
        self._beat("running", force=True, phase="evaluating")
        began = time.monotonic()
        scores = self.evaluate()
        self._agree_to_stop()
        if self._is_stopping:  # a rank that stopped midway has scored a part of its images
            return
        position.is_evaluated = True
        miou = float(scores["miou"])
        is_best = miou > position.best_miou
        if is_best:
            position.best_miou, position.best_step = miou, position.step
        self.log.metrics({"kind": "evaluation", "step": position.step, **scores, "seconds": time.monotonic() - began})
        self.log.say(f"Step {position.step}: mIoU {100 * miou:.2f} on {scores.get('split', 'the selection split')}.")
        self._beat("running", force=True, miou=miou)
        self._save(is_best=is_best)
        self._rate_since = (time.monotonic(), position.step)

    def _save(self, *, is_best: bool = False) -> None:
        position = self.position
        if self._saved == (position.step, position.is_evaluated):  # a stop right after a checkpoint
            return
        self._beat("stopping" if self.stop else "running", force=True, phase="saving")
        if self.fabric.is_global_zero:
            provenance = {"run": self.run.path.name, "step": position.step, **self.facts.get("provenance", {})}
            self.last_good = save_checkpoint(
                self.run.checkpoints_dir,
                position.step,
                network=self.engine.segmenter,
                info=self.engine.info(provenance),
                tensors=self.engine.tensors(),
                state={**asdict(position), **self.facts},
                is_best=is_best,
                keep=self.config.keep_checkpoints,
            )
            self._show()
            self.sample(position.step)
        self._saved = (position.step, position.is_evaluated)
        self.fabric.barrier()

    def _show(self) -> None:
        """Pictures of the last batch, for a run that writes events."""
        if self.log.events is not None and self._shown is not None:
            palette = class_set(self.config.class_set).palette()
            pictures = pictures_of(self._shown, self.engine.segmenter, palette)
            self.log.events.pictures(pictures, self.position.step)

    def _rate(self) -> float:
        began, step = self._rate_since
        seconds = time.monotonic() - began
        return (self.position.step - step) / seconds if seconds > 0 else 0.0

    def _note(self) -> str:
        shown = [
            f"{k} {v:.3f}" for k, v in self._last_means.items() if k in ("seg_main", "sl_main", "adv_main", "ent_main")
        ]
        if self.position.best_step >= 0:
            shown.append(f"best mIoU {100 * self.position.best_miou:.1f} at {self.position.best_step}")
        return ", ".join(shown)

    def _beat(self, state: Any, *, force: bool = False, phase: str = "training", **changes: Any) -> RunStatus:
        """Write the heartbeat, at most every `HEARTBEAT_SECONDS` unless forced."""
        now = time.monotonic()
        if not force and now - self._heartbeat < HEARTBEAT_SECONDS:
            return self.status
        self._heartbeat = now
        rate, left = self._rate(), self.config.steps - self.position.step
        values = asdict(self.status) | {"state": state, "step": self.position.step, "phase": phase, "rate": rate}
        values |= {"eta_seconds": left / rate if rate > 0 else 0.0} | changes
        self.status = RunStatus(**values)
        if self.fabric.is_global_zero:
            self.status = self.run.write_status(self.status)
        return self.status
