"""How many cores a process may count on, for every default number of threads in this library."""

import os


def usable_cores() -> int:
    """Cores this process may run on, over the ranks that were started beside it on this node; at least 1.

    torchrun and `--devices N` let all ranks run on all cores and say how many there are in LOCAL_WORLD_SIZE; srun gives
    each task cores of its own, which is what is counted.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    ranks = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    return max(1, cores // max(1, ranks))
