"""Processes that share one piece of work: who they are, by what torchrun or srun told them, and how they add up counts."""

import os
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Share = tuple[int, int]
"""(rank, ranks): this process does every `ranks`-th item from number `rank` on."""

_LAUNCHERS = (("RANK", "WORLD_SIZE", "LOCAL_RANK"), ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"))
"""torchrun's variables and srun's; a job script that starts no step has no SLURM_STEP_NUM_TASKS and shares with nobody."""


def launched_share(environment: Mapping[str, str] = os.environ) -> Share:
    """This process's share by its launcher, (0, 1) without one; on a machine with GPUs each rank also takes its own."""
    for rank, ranks, local in _LAUNCHERS:
        if rank in environment and int(environment.get(ranks, "1")) > 1:
            _take_gpu(int(environment.get(local, "0")))
            return int(environment[rank]), int(environment[ranks])
    return 0, 1


def _take_gpu(local_rank: int) -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.set_device(local_rank % torch.cuda.device_count())


def summed_over_ranks(counts: NDArray[np.int64], share: Share) -> NDArray[np.int64]:
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
