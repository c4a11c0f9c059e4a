"""`submit -- VERB ...`: any other verb as a SLURM job that saves and queues itself again."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from esl.cli.terminal import parse, show
from esl.errors import ConfigError

_USAGE = "usage: python -m esl submit [--gpus N] [--hours H] [--partition P] [--options account=A ...] -- VERB ..."


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    given = list(arguments)
    own, command = (given[: given.index("--")], given[given.index("--") + 1 :]) if "--" in given else (given, [])

    def submit(
        gpus: int = 1,
        cpus: int = 8,
        hours: float = 24.0,
        partition: str = "",
        options: tuple[str, ...] = (),
        name: str = "",
        folder: Path = Path("slurm"),
        cluster: Literal["slurm", "local", "debug"] = "slurm",
    ) -> int:
        """Submit `python -m esl VERB ...`, given after `--`. When time is up or the node is wanted, it saves, queues again and goes on. Needs the extra `slurm`.

        Args:
            gpus: on one node; several are shared by torchrun, which train, extract and evaluate can be.
            cpus: cores of the job.
            hours: time limit of one stay in the queue's hands.
            partition: where to run.
            options: further sbatch options, name=value.
            name: of the job; by default the verb.
            folder: for the job's script and logs.
            cluster: local and debug run the job on this machine, to try things out.
        """
        from esl.pipelines.slurm import SlurmPlace, several_gpus, shared_command
        from esl.pipelines.slurm import submit as submit_job

        if not command:
            raise ConfigError(f"A job needs a command. {_USAGE}")
        place = SlurmPlace(gpus=gpus, cpus=cpus, hours=hours, partition=partition, options=options)
        words = several_gpus(sys.executable, ["-m", "esl", *shared_command(command, gpus)], gpus)
        job = submit_job(words, folder, place, name=name or f"esl-{command[0]}", cluster=cluster)
        show({"job": str(job.job_id), "command": " ".join(words), "log": str(job.paths.stdout)}, as_json=False)
        if cluster == "slurm":
            return 0
        return int(job.result())

    return parse("submit", submit, own)
