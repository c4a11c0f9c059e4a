"""Commands as SLURM jobs that save and queue themselves again when their time is up or their node is wanted.

submitit (extra `slurm`) writes the job's script, catches SLURM's early signal and asks for the requeue; the command itself goes on
from its last checkpoint when it is started again, so that nothing but the command has to be remembered.
"""

import os
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from esl.errors import ConfigError
from esl.files import write_text
from esl.pipelines.ranks import SHARED_VERBS

SECONDS_TO_SAVE = 120
"""How long before its end a job is told to save."""
TORCHRUN_ENVIRONMENT = {"TORCH_ELASTIC_SHUTDOWN_TIMEOUT": str(SECONDS_TO_SAVE - 10)}
"""For every torchrun that we start: it kills its ranks so long after it told them to stop; its own 30 s are too few to save."""
MAX_REQUEUES = 1000
_SAVED = (143, 130)
"""Exit codes of a run that saved and stopped when asked to."""


@dataclass(frozen=True, kw_only=True)
class SlurmPlace:
    """What a job asks of the cluster."""

    gpus: int = 1
    """On one node; several are shared by torchrun."""
    cpus: int = 8
    hours: float = 24.0
    """After which the job saves and queues again."""
    partition: str = ""
    options: tuple[str, ...] = ()
    """Further `sbatch` options as `name=value`, e.g. `account=vision`, `constraint=a100`."""

    def __post_init__(self) -> None:
        odd = [option for option in self.options if not option.lstrip("-").partition("=")[0]]
        if self.gpus < 0 or self.cpus < 1 or self.hours <= 0 or odd:
            raise ConfigError(
                f"A SLURM job needs 0 or more GPUs, a CPU, some time, and options name=value; got {self}."
            )


class Resubmittable:
    """A command that is told to save when the job must end, and started again when it may go on."""

    def __init__(self, command: Sequence[str], exit_path: Path | None = None) -> None:
        """Args:
        command: with its arguments; ends with 143 after it was told to save (SIGTERM).
        exit_path: where to write the exit code once the command is over for good.
        """
        self.command, self.exit_path = list(command), exit_path
        self._pid, self._is_stopped = 0, False

    def __call__(self) -> int:
        """Run the command; its exit code, where that is 0 or says that it saved.

        SIGUSR1 (`scancel --signal=USR1`) tells it to save and end, for good: submitit turns SIGTERM away. After that any exit
        code is returned, since torchrun ends with 1 where its ranks have saved.

        Raises:
            RuntimeError: any other exit code, for submitit to record.
        """
        before = signal.signal(signal.SIGUSR1, lambda number, frame: self._stop())
        try:
            environment = {**TORCHRUN_ENVIRONMENT, **os.environ}
            process = subprocess.Popen(self.command, env=environment, preexec_fn=_leave_signals_to_the_job)
            self._pid = process.pid
            if self._is_stopped:  # while it was being started
                self._stop()
            self._wait()
            code = process.wait()
            self._pid = 0
        finally:
            signal.signal(signal.SIGUSR1, before)
        self._note(code)
        if code not in (0, *_SAVED) and not self._is_stopped:
            raise RuntimeError(f"{' '.join(self.command)} ended with exit code {code}; its log says why.")
        return code

    def checkpoint(self) -> Any:
        """Called by submitit when the job must end: let the command save, and hand over what to start again, if anything."""
        from submitit.helpers import DelayedSubmission

        if self._pid:
            os.kill(self._pid, signal.SIGTERM)
            code = self._wait()
            if self._is_stopped:
                self._note(code)
        if self._is_stopped:
            return None
        return DelayedSubmission(Resubmittable(self.command, self.exit_path))

    def _stop(self) -> None:
        self._is_stopped = True
        if self._pid:
            os.kill(self._pid, signal.SIGTERM)

    def _note(self, code: int) -> None:
        if self.exit_path is not None:
            write_text(self.exit_path, f"{code}\n")

    def _wait(self) -> int:
        # No method of Popen: `checkpoint` runs in a signal handler, above one that may hold Popen's lock.
        end = os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOWAIT)
        assert end is not None
        return end.si_status if end.si_code == os.CLD_EXITED else -end.si_status


def _leave_signals_to_the_job() -> None:
    """SLURM may signal every process of a job; only the outermost knows what USR1 and USR2 mean, and torchrun dies of them."""
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def submit(
    command: Sequence[str],
    folder: Path | str,
    place: SlurmPlace,
    *,
    name: str = "esl",
    exit_path: Path | None = None,
    cluster: Literal["slurm", "local", "debug"] = "slurm",
) -> Any:
    """Submit a command.

    Args:
        command: with its arguments.
        folder: for submitit's script, logs and pickles.
        place: what it needs.
        name: of the job.
        exit_path: where its exit code goes once it is over for good.
        cluster: `local` and `debug` run it here, to try things out.

    Returns:
        submitit's job; its `job_id` is SLURM's.

    Raises:
        ConfigError: the extra or SLURM is not installed, or SLURM refuses the job.
    """
    try:
        import submitit
    except ImportError as error:
        raise ConfigError(
            "SLURM jobs need a package that is not installed: say pip install 'submitit>=1.5'."
        ) from error
    try:
        executor = submitit.AutoExecutor(folder=str(folder), cluster=cluster, slurm_max_num_timeout=MAX_REQUEUES)
        executor.update_parameters(**_parameters(place, name))
        return executor.submit(Resubmittable(command, exit_path))
    except (RuntimeError, submitit.core.utils.FailedJobError) as error:
        raise ConfigError(f"SLURM must take the job: {error}. Check that sbatch and srun are on the PATH.") from error


def _parameters(place: SlurmPlace, name: str) -> dict[str, Any]:
    pairs = (option.lstrip("-").partition("=") for option in place.options)
    further = {key: value or True for key, _, value in pairs}
    parameters: dict[str, Any] = {
        "name": name, "timeout_min": max(1, round(60 * place.hours)), "nodes": 1, "tasks_per_node": 1,
        "cpus_per_task": place.cpus, "slurm_signal_delay_s": SECONDS_TO_SAVE,
        "slurm_additional_parameters": {"requeue": True, **further},
    }  # fmt: skip
    if place.gpus:
        parameters["gpus_per_node"] = place.gpus
    if place.partition:
        parameters["slurm_partition"] = place.partition
    return parameters


def shared_command(command: Sequence[str], gpus: int) -> list[str]:
    """A verb and its arguments as `gpus` processes start it: `train` is told of their number.

    Raises:
        ConfigError: several processes cannot share the verb, or it is told of another number.
    """
    words = list(command)
    if gpus < 2:
        return words
    if words[0] not in SHARED_VERBS:
        raise ConfigError(
            f"Several GPUs are shared by {', '.join(SHARED_VERBS)} alone; got {words[0]} with --gpus {gpus}. Say --gpus 1."
        )
    if words[0] != "train":
        return words
    told = [after or "".join(words[i + 1 : i + 2]) for i, (flag, _, after) in enumerate(w.partition("=") for w in words)
            if flag == "--devices"]  # fmt: skip
    if told and told[-1] != str(gpus):
        raise ConfigError(
            f"A training must have a rank for each GPU of its job: --gpus is {gpus}, --devices {told[-1]}. Leave --devices "
            "out, or say the same."
        )
    return words if told else [*words, "--devices", str(gpus)]


def several_gpus(python: str, module_command: Sequence[str], gpus: int) -> list[str]:
    """`-m esl VERB ...` under torchrun where there are several GPUs."""
    torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={gpus}"] if gpus > 1 else []
    return [python, *torchrun, *module_command]
