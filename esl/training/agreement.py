"""What the ranks of a run tell each other between two steps. All of them call each function; one process talks to itself."""

from collections.abc import Iterable

import torch
import torch.distributed as dist
from torch import Tensor, nn

from esl.training.step import Batch


def gathered(mine: Tensor, ranks: int) -> Tensor:
    """(ranks, n) from each rank's (n,), which stays as it is."""
    if ranks == 1:
        return mine[None]
    rows = [torch.empty_like(mine) for _ in range(ranks)]
    dist.all_gather(rows, mine)
    return torch.stack(rows)


def largest(mine: int, ranks: int, device: torch.device) -> int:
    """The largest of the ranks' numbers."""
    if ranks == 1:
        return mine
    value = torch.tensor(mine, device=device)
    dist.all_reduce(value, op=dist.ReduceOp.MAX)
    return int(value)


def take_buffers_of_first(network: nn.Module, ranks: int) -> None:
    """Give each rank the first one's running statistics, which are those that a checkpoint keeps.

    A rank adds the statistics of its own images; they are evened out at the next update only.
    """
    for buffer in network.buffers() if ranks > 1 else ():
        dist.broadcast(buffer, src=0)


def culprits(losses: Iterable[Tensor], batches: Iterable[Batch], ranks: int) -> str:
    """The images of the ranks whose own losses are not finite; all images where none is (a gradient alone was not)."""
    names = ", ".join(name for batch in batches for name in batch.names)
    is_wrong = not all(bool(torch.isfinite(loss)) for loss in losses)
    found = [(is_wrong, names)] * ranks
    if ranks > 1:
        dist.all_gather_object(found, (is_wrong, names))
    return ", ".join(n for wrong, n in found if wrong) or ", ".join(n for _, n in found)
