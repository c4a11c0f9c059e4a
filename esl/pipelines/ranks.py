"""Processes that share one piece of work: who they are, by what torchrun or srun told them, and how they add up counts."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from esl.errors import ConfigError

if TYPE_CHECKING:  # every command asks here at its start, and most of them, or their --help, need no arrays
    import numpy as np
    from numpy.typing import NDArray

Share = tuple[int, int]
"""(rank, ranks): this process does every `ranks`-th item from number `rank` on."""

SHARED_VERBS = ("train", "extract", "evaluate")
"""Commands that several processes do together."""
_LAUNCHERS = (("RANK", "WORLD_SIZE", "LOCAL_RANK"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"))
"""torchrun's variables and srun's; a job script that starts no step has no SLURM_STEP_NUM_TASKS and shares with nobody."""


def launched_share(environment: Mapping[str, str] = os.environ, *, device: str = "auto") -> Share:
    """This process's share by its launcher, (0, 1) without one; where GPUs may compute, each rank also takes its own."""
    share, local = _told(environment)
    if share[1] > 1 and device != "cpu":
        _take_gpu(local)
    return share


def is_launched(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether torchrun or srun started this process as one of its ranks."""
    return "RANK" in environment or _told(environment)[0][1] > 1


def num_launched(environment: Mapping[str, str] = os.environ) -> int:
    """How many processes torchrun or srun started for this command; 1 without them."""
    return _told(environment)[0][1]


def require_ranks(devices: int, num_nodes: int) -> int:
    """How many processes a training has, by what its command says.

    Raises:
        ConfigError: a number is not at least 1, or torchrun or srun started another number of processes.
    """
    if devices < 1 or num_nodes < 1:
        raise ConfigError(
            f"A training needs at least one process on one machine: --devices and --num-nodes must be 1 or more; got {devices} "
            f"and {num_nodes}."
        )
    require_launched(devices * num_nodes)
    return devices * num_nodes


def require_launched(ranks: int, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse a training that was started as another number of processes than it is told to have.

    Args:
        ranks: its --devices times --num-nodes.
        environment: of the process.

    Raises:
        ConfigError: torchrun or srun started more than one process (torchrun: any number), and not `ranks`.
    """
    launched = num_launched(environment)
    if launched != ranks and is_launched(environment):
        raise ConfigError(
            f"A training must be started as many times as it has ranks: torchrun or srun started {launched}, and --devices "
            f"times --num-nodes is {ranks}. Say --devices with the number of processes on each machine, or start it alone."
        )


def require_one_process(verb: str, environment: Mapping[str, str] = os.environ) -> None:
    """Refuse to do the same work several times in one folder.

    Raises:
        ConfigError: torchrun or srun started more than one process.
    """
    launched = num_launched(environment)
    if launched > 1:
        raise ConfigError(
            f"{verb} must be started as one process: torchrun or srun started {launched}, which would all do the same. "
            f"Start it alone; {', '.join(SHARED_VERBS)} can be shared."
        )


def _told(environment: Mapping[str, str]) -> tuple[Share, int]:
    for rank, ranks, local in _LAUNCHERS:
        if rank in environment and int(environment.get(ranks, "1")) > 1:
            return (int(environment[rank]), int(environment[ranks])), int(environment.get(local, "0"))
    return (0, 1), 0


def _take_gpu(local_rank: int) -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank % torch.cuda.device_count())


def summed_over_ranks(counts: "NDArray[np.int64]", share: Share) -> "NDArray[np.int64]":
    """The ranks' counts, added up: every rank gets the sum. All must call it.

    Args:
        counts: int64, of one shape on all ranks.
        share: as of `launched_share`.
    """
    rank, ranks = share
    if ranks == 1:
        return counts
    import torch
    import torch.distributed as dist

    if not dist.is_initialized():
        dist.init_process_group("gloo", init_method=_meeting_point(), rank=rank, world_size=ranks)
    total = torch.from_numpy(counts.copy())
    dist.all_reduce(total)
    return total.numpy()


def _meeting_point() -> str:
    if "MASTER_ADDR" in os.environ:
        return "env://"
    from lightning_fabric.plugins.environments.slurm import SLURMEnvironment

    slurm = SLURMEnvironment()
    return f"tcp://{slurm.main_address}:{slurm.main_port}"
