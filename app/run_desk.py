"""The runs of one server: their folder, their queue, and the thread that keeps the queue going.

It holds no training state: everything is in the run directories and the queue's file, so several servers may share a
folder, and a restart loses nothing.
"""

import logging
import re
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from esl.errors import ConfigError, EslError
from esl.pipelines.launching import Launch, Plan, plan_launch, resume_launch
from esl.pipelines.queue import QueueConfig, QueueWorker
from esl.pipelines.run_table import RunTable
from esl.store.job_queue import ACTIVE, Job, JobState
from esl.store.runs import experiment_of

TICK_SECONDS = 1.0
_ENDED_EARLY: tuple[JobState, ...] = ("stopped", "failed", "crashed")
"""States of jobs that stand in the table without a run."""
_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class RunDesk:
    """Launch, watch, stop and compare."""

    runs_dir: Path
    stores_dir: Path
    roots: tuple[Path, ...]
    """Folders that paths typed into the form must lie in."""
    devices: tuple[str, ...] = ("cpu",)
    recipes_dir: Path | None = None
    """Where recipes are kept, so that a form may name one by its id."""
    _stopped: threading.Event = field(default_factory=threading.Event, repr=False)
    _thread: threading.Thread | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self.runs_dir.mkdir(parents=True, exist_ok=True)
        self.table = RunTable(self.runs_dir)
        self.worker = QueueWorker(QueueConfig(runs_dir=self.runs_dir, devices=self.devices))

    def start(self) -> None:
        """Keep the queue going in the background; a second call changes nothing."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep_going, name="run-queue", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop looking after the queue; runs go on."""
        self._stopped.set()

    def plan(self, launch: Launch) -> Plan:
        """What a launch comes to (see `plan_launch`)."""
        if self.recipes_dir is not None and re.fullmatch(r"[0-9a-f]{16}", launch.recipe):
            launch = replace(launch, recipe=str(self.recipes_dir / f"{launch.recipe}.json"))
        plan = plan_launch(
            launch, runs_dir=self.runs_dir, stores_dir=self.stores_dir, roots=self.roots, devices=self.devices
        )
        taken = launch.kind != "extract" and (self.runs_dir / launch.run / "config.json").exists()
        if taken and "run" not in plan.faults:
            return replace(
                plan, faults={**plan.faults, "run": "names a run that exists; choose another name, or resume that one"}
            )
        return plan

    def launch(self, launch: Launch) -> Job:
        """Queue what a form asks for; the same `job_id` again gives the same job.

        Raises:
            ConfigError: something in the form is wrong, or the run is active already.
        """
        known = [job for job in self.worker.queue.jobs() if job.job_id == launch.job_id]
        if known:
            return known[0]
        return self._queue(self.plan(launch).job(launch))

    def resume(self, name: str, job_id: str, user: str) -> Job:
        """Queue an ended run to go on from its last checkpoint; a stage with its whole experiment.

        A start that never became a run begins once more.

        Raises:
            DataError: no such run.
            ConfigError: it is active already, or needs devices that this server lacks.
        """
        last = self._last_job(name)
        if last is not None and not (self.runs_dir / last.run / "config.json").exists():
            return self._queue(self._again(name, job_id, user))
        run = self.table.run(name)
        if experiment_of(name) != name:
            job = self._again(experiment_of(name), job_id, user)
        else:
            job = resume_launch(run.path, job_id, devices=self.devices, last=last, user=user)
        return self._queue(job)

    def _queue(self, job: Job) -> Job:
        job = self.worker.submit(job)
        self.tick()
        return job

    def _again(self, experiment: str, job_id: str, user: str) -> Job:
        """The command of an experiment, or of a start that failed, once more: it skips what is done."""
        last = self._last_job(experiment)
        if last is None:
            raise ConfigError(f"{experiment} was begun in a shell; the same command there goes on with it.")
        return Job(
            job_id=job_id, run=experiment, argv=last.argv, device=last.device, launcher=last.launcher,
            num_devices=last.num_devices, user=user,
        )  # fmt: skip

    def _last_job(self, name: str) -> Job | None:
        before = [job for job in self.worker.queue.jobs() if job.run == name]
        return max(before, key=lambda job: job.created, default=None)

    def stop(self, name: str, *, is_kill: bool) -> Job:
        """Stop the active job of a run: saved first, or killed.

        Raises:
            DataError: none is active.
        """
        active = [job for job in self.worker.queue.jobs(ACTIVE) if job.run == experiment_of(name)]
        if not active:
            self.worker.queue.job(f"of {name}")  # raises, in words
        return self.worker.stop(active[0].job_id, is_kill=is_kill)

    def delete(self, name: str) -> None:
        """Move a run that nobody works on to the trash, a stage with its whole experiment; its jobs leave the table.

        Raises:
            DataError: no such run.
            ConfigError: it runs, or a job for it waits.
        """
        active = [job for job in self.worker.queue.jobs(ACTIVE) if job.run == experiment_of(name)]
        if active:
            raise ConfigError(
                f"A run must be out of the queue before it is deleted; {active[0].run} is {active[0].state}. Stop it first."
            )
        ended = [job for job in self.worker.queue.jobs(_ENDED_EARLY) if job.run == experiment_of(name)]
        if not ended or (self.runs_dir / ended[0].run).exists():  # a start without a folder left its job alone
            self.table.delete(name)
        for job in ended:
            self.worker.queue.set_state(job.job_id, "removed", "Its run was deleted.", only_from=_ENDED_EARLY)

    def rows(self) -> list[dict[str, Any]]:
        """The runs table, with runs that only wait in the queue so far."""
        rows = self.table.rows()
        # The newest of each run counts; places in the queue, which the jobs come by, begin anew whenever nobody waits.
        # One that was taken out of the queue changed nothing: the run stands as it did before.
        there = [job for job in self.worker.queue.jobs() if job.state != "removed"]
        jobs = {job.run: job for job in sorted(there, key=lambda job: job.created)}
        # An experiment has one job for all its stages: it stands with the one that began last.
        newest: dict[str, dict[str, Any]] = {}
        for row in sorted(rows, key=lambda row: row.get("started", 0.0)):
            newest[experiment_of(row["name"])] = row
        for row in rows:
            folder = experiment_of(row["name"])
            row["job"] = job_to_json(jobs[folder]) if folder in jobs and newest[folder] is row else None
        rows += [
            {"name": job.run, "state": job.state, "problem": "", "job": job_to_json(job), "message": job.message}
            for job in jobs.values()
            if job.run not in newest and job.state != "done"
        ]
        return rows

    def tick(self) -> None:
        """Let the queue take its next step now."""
        self.worker.tick()

    def _keep_going(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            try:
                if self.worker.queue.jobs(ACTIVE):
                    self.tick()
            except EslError as error:
                _log.warning("the run queue could not be read: %s", error)
            except Exception:  # noqa: BLE001  a thread's border: other jobs must go on
                _log.exception("the run queue could not take a step")


def job_to_json(job: Job) -> dict[str, Any]:
    """A job as the routes answer it."""
    return {
        "job": job.job_id, "run": job.run, "state": job.state, "device": job.device, "launcher": job.launcher,
        "num_devices": job.num_devices, "user": job.user, "created": job.created, "message": job.message,
        "command": " ".join(job.argv[1:]),
    }  # fmt: skip
