"""Start queued runs in processes of their own, watch them, stop them.

The commands are those that a shell would run. A started process leads its own session, so it outlives the page; a small
shell around it writes the exit code into the run's directory, so that whoever looks later knows how it ended.
Any number of pages and servers may call `tick` on the same queue: claiming a job is one transaction.
"""

import contextlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from esl.errors import ConfigError, DataError
from esl.files import safe_join
from esl.pipelines.devices import gpu_names
from esl.pipelines.slurm import TORCHRUN_ENVIRONMENT, SlurmPlace, several_gpus, submit
from esl.store.job_queue import ACTIVE, Job, JobQueue
from esl.store.processes import process_started
from esl.store.runs import EXIT_FILE, SLURM_DIR, RunDirectory

QUEUE_FILE = ".queue/queue.sqlite"
"""Place of the queue below the runs folder."""
_HOME = Path(__file__).resolve().parents[2]
"""The folder that holds the package."""
_RESUMABLE_EXITS = (143, 130)
"""Exit codes of a run that saved and stopped when asked to."""
_START_SECONDS, _SUBMIT_SECONDS = 30.0, 300.0
"""How long a server may take to start a job that it claimed, and to hand one to SLURM, until it counts as gone."""


@dataclass(frozen=True, kw_only=True)
class QueueConfig:
    """Where runs live and what they may use."""

    runs_dir: Path
    devices: tuple[str, ...] = ("cpu",)
    """Devices of this host that may run one job each, e.g. `("cuda:0", "cuda:1", "cpu")`; a job may take several."""
    python: str = sys.executable
    slurm_options: tuple[str, ...] = field(default_factory=tuple)
    """Further `sbatch` options, e.g. `("partition=gpu",)`."""


class QueueWorker:
    """The queue of one runs folder on this host."""

    def __init__(self, config: QueueConfig) -> None:
        self.config = config
        self.queue = JobQueue(config.runs_dir / QUEUE_FILE)
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def submit(self, job: Job) -> Job:
        """Queue a job after checking that its run's name stays inside the runs folder.

        Raises:
            ConfigError: the name is not a plain folder name, the device is not offered, or the run is active already.
        """
        if (
            not job.run
            or job.run.startswith(".")
            or Path(job.run).name != job.run
            or set(job.run) & set("<>:\"'`$&|;*?\\")
        ):
            raise ConfigError(f"A run's name must be a plain folder name (letters, digits, . _ -); got {job.run!r}.")
        try:
            safe_join(self.config.runs_dir, job.run)
        except DataError as error:
            raise ConfigError(str(error)) from error
        if not set(job.devices) <= set(self.config.devices):
            raise ConfigError(
                f"A job's devices must be of {', '.join(self.config.devices)}; got {', '.join(job.devices)}."
            )
        if job.launcher == "slurm" and shutil.which("sbatch") is None:
            raise ConfigError("SLURM must be installed for this launcher: sbatch is not on the PATH. Choose local.")
        return self.queue.add(job)

    def tick(self) -> None:
        """Note which jobs ended, and start the next one of each free device. Cheap; call it every second or so."""
        for job in self.queue.jobs(("running", "stopping")):
            self._settle(job)
        for device in self.config.devices:
            claimed = self.queue.claim(device, socket.gethostname(), self.config.devices)
            if claimed is not None:
                self._start(claimed)

    def stop(self, job_id: str, *, is_kill: bool = False) -> Job:
        """Ask a job to save and stop (SIGTERM to its process group), or kill it; a waiting one is removed.

        Raises:
            DataError: no such job.
            ConfigError: SLURM runs it, and cannot be told from here.
        """
        if self.queue.set_state(job_id, "removed", "Removed before it started.", only_from=("queued",)):
            return self.queue.job(job_id)
        job = self.queue.job(job_id)
        if job.state not in ACTIVE:
            return job
        self.queue.set_state(job_id, "stopping", only_from=("running",))
        if job.launcher == "slurm":
            # Only USR1 reaches the job's own process, which hands it on as TERM (`slurm.Resubmittable`).
            how = ["--full"] if is_kill else ["--signal=USR1"]
            try:
                told = subprocess.run(["scancel", *how, job.remote_id], check=False, stderr=subprocess.PIPE, text=True)
                is_told = told.returncode == 0 or _is_forgotten(told.stderr)  # `_settle` sees that it is over
                fault = "" if is_told else f"scancel answers: {told.stderr.strip() or told.returncode}"
            except OSError as error:
                fault = f"scancel cannot be run here ({error.strerror or error})"
            if fault:
                self.queue.set_state(job_id, job.state, only_from=("stopping",))
                raise ConfigError(
                    f"SLURM must be at hand to stop its job {job.remote_id}; {fault}. Stop it where the job was submitted."
                )
        elif job.pid and _is_alive(job):
            # The shell that wraps the run ignores SIGTERM (trap) and reports the run's own exit code.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL if is_kill else signal.SIGTERM)
        return self.queue.job(job_id)

    def _settle(self, job: Job) -> None:
        child = self._children.get(job.job_id)
        if child is not None:
            child.poll()  # reap, so that the process does not stay behind as a zombie
        if not job.pid and not job.remote_id:
            self._settle_unstarted(job)
            return
        if job.launcher == "slurm":
            if _has_left_slurm(job.remote_id):
                self._conclude(job, self._exit_code(job))
            return
        if job.host != socket.gethostname() or not job.pid or _is_alive(job):
            return
        self._children.pop(job.job_id, None)
        self._conclude(job, self._exit_code(job))

    def _conclude(self, job: Job, code: int | None) -> None:
        was_asked = self.queue.job(job.job_id).state == "stopping"
        if code == 0:
            state: Literal["done", "failed", "stopped", "crashed"] = "done"
            message = ""
        elif code in _RESUMABLE_EXITS or (was_asked and (code is None or self._has_saved_its_stop(job))):
            state, message = "stopped", "Stopped on request; start it again to go on."
        elif code is None:
            state, message = (
                "crashed",
                "The process vanished without a word; start it again to go on from its last checkpoint.",
            )
        else:
            state, message = "failed", self._last_words(job) or f"The command ended with exit code {code}."
        self.queue.set_state(job.job_id, state, message, only_from=("running", "stopping"))

    def _has_saved_its_stop(self, job: Job) -> bool:
        """What the run itself says: torchrun ends with 1 however well its ranks stopped."""
        return RunDirectory(safe_join(self.config.runs_dir, job.run)).status().state == "stopped"

    def _settle_unstarted(self, job: Job) -> None:
        """A job that was claimed and has no process: its server starts it right now, or was killed on the way."""
        allowed = _SUBMIT_SECONDS if job.launcher == "slurm" else _START_SECONDS
        if job.host == socket.gethostname() and time.time() > job.claimed + allowed:
            message = "The server ended before this had begun; start it again."
            if job.launcher == "slurm":
                message += " See first with squeue whether SLURM has it."
            self.queue.set_state(job.job_id, "crashed", message, only_from=("running", "stopping"))

    def _start(self, job: Job) -> None:
        run_dir = safe_join(self.config.runs_dir, job.run)
        try:
            run_dir.mkdir(parents=True, exist_ok=True)
            (run_dir / EXIT_FILE).unlink(missing_ok=True)
            if job.launcher == "slurm":
                self._start_remote(job, run_dir)
            else:
                self._start_process(job, run_dir)
        except OSError as error:
            self.queue.set_state(
                job.job_id, "failed", f"A run needs a folder that can be written: {run_dir} ({error})."
            )

    def _start_process(self, job: Job, run_dir: Path) -> None:
        command = self.command(job)
        script = f"trap '' TERM INT; ( trap - TERM INT; exec {shlex.join(command)} ); code=$?; echo $code > {shlex.quote(str(run_dir / EXIT_FILE))}; exit $code"
        with open(run_dir / "log.txt", "ab") as log:
            process = subprocess.Popen(
                ["/bin/sh", "-c", script],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env=self._environment(job),
            )
        self._children[job.job_id] = process
        self.queue.set_process(job.job_id, pid=process.pid, process_started=process_started(process.pid))

    def _start_remote(self, job: Job, run_dir: Path) -> None:
        place = SlurmPlace(gpus=job.num_devices, options=self.config.slurm_options)
        os.environ["PYTHONPATH"] = _python_path()  # SLURM hands the environment over to the job
        try:
            submitted = submit(
                self.command(job), run_dir / SLURM_DIR, place, name=job.run, exit_path=run_dir / EXIT_FILE
            )
        except ConfigError as error:
            self.queue.set_state(job.job_id, "failed", str(error))
            return
        self.queue.set_process(job.job_id, remote_id=submitted.job_id)

    def command(self, job: Job) -> list[str]:
        """The full command line of a job, as it is started."""
        if job.launcher == "torchrun" or (job.launcher == "slurm" and job.num_devices > 1):
            return several_gpus(self.config.python, _without_python(job.argv), job.num_devices)
        return list(job.argv)

    def _environment(self, job: Job) -> dict[str, str]:
        environment = {**TORCHRUN_ENVIRONMENT, **os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": _python_path()}
        if gpus := gpu_names(job.devices):
            # CUDA counts the fastest GPU first unless told otherwise; the driver and nvidia-smi count by bus.
            environment |= {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": ",".join(gpus)}
        return environment

    def _exit_code(self, job: Job) -> int | None:
        try:
            return int((safe_join(self.config.runs_dir, job.run) / EXIT_FILE).read_text())
        except (OSError, ValueError):
            return None

    def _last_words(self, job: Job) -> str:
        """Last line of the run's log: library errors are one sentence there."""
        try:
            with open(safe_join(self.config.runs_dir, job.run) / "log.txt", "rb") as log:
                log.seek(max(0, os.fstat(log.fileno()).st_size - 4096))
                lines = log.read().decode(errors="replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1][:500] if lines else ""


def _python_path() -> str:
    """`-m esl` is found wherever the server was started: the package need not be installed."""
    before = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return os.pathsep.join(dict.fromkeys([str(_HOME), *before]))


def _is_alive(job: Job) -> bool:
    # A process that ended before its start time could be read has none on record: it is over, not alive.
    return bool(job.process_started) and process_started(job.pid) == job.process_started


def _has_left_slurm(remote_id: str) -> bool:
    """Whether SLURM says so; a controller that does not answer, or a host without SLURM, knows nothing."""
    command = ["squeue", "--noheader", "--jobs", remote_id]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return False
    if asked.returncode == 0:
        return not asked.stdout.strip()
    return _is_forgotten(asked.stderr)


def _is_forgotten(complaint: str) -> bool:
    """Whether SLURM complains of a job that ended so long ago that it is forgotten."""
    return "invalid job id" in complaint.lower()


def _without_python(argv: Sequence[str]) -> Sequence[str]:
    """`python -m esl train ...` -> `-m esl train ...`, which torchrun starts itself."""
    return argv[1:] if argv and Path(argv[0]).name.startswith("python") else argv
