"""Work in threads beside the network's: what comes next is read, and what came before is counted, while it predicts.

    in_order(read, ids)  ->  predict, one after the other, in the caller's thread  ->  in_order(write, predictions)

The heavy parts (decoding, resizing, maps, compression) run outside Python's lock, so threads do.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from esl.cores import usable_cores

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_MAX_THREADS = 8


def helper_threads(device: str | None = None) -> int:
    """Threads for the work beside a network on `device` (`cpu` or `cuda`), or (None) beside none at all.

    On a CPU one: a forward pass takes longer than a read, more readers would only take cores from it, and an image
    that someone waits for would stand behind more that were read before. A GPU is done in a fraction of a read.
    """
    return 1 if device == "cpu" else min(_MAX_THREADS, usable_cores())


def in_order(
    work: Callable[[_Item], _Result], items: Iterable[_Item], *, threads: int = 1, ahead: int = 1
) -> Generator[_Result, None, None]:
    """Results of `work` on each item, in the items' order; made in threads while the caller is busy.

    Items are taken in the caller's own thread. Where taking one is work itself (a forward pass), it overlaps with the
    threads' work on the items before.

    Args:
        work: called in one of the threads.
        items: taken one by one, never more than `ahead` beyond the one whose result is handed out; memory is bounded.
        threads: how many work at the same time.
        ahead: items at work while the caller has a result in hand.

    Raises:
        Exception: whatever `work`, or taking an item, raised; at its turn, after the results of all items before.

    Close it (`contextlib.closing`) where it may be left early: what has not begun is dropped, what has is waited for,
    and no thread is left.
    """
    waiting: deque[Future[_Result]] = deque()
    source = iter(items)
    with ThreadPoolExecutor(threads, thread_name_prefix="esl-overlap") as pool:
        try:
            while True:
                try:
                    item = next(source)
                except StopIteration:
                    break
                except Exception:
                    # Others are still at work, and count: a prediction is not lost because the next image is damaged.
                    while waiting:
                        yield waiting.popleft().result()
                    raise
                waiting.append(pool.submit(work, item))
                if len(waiting) > ahead:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
