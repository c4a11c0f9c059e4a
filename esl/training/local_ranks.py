"""The ranks of this machine where no launcher started them: begun by the first, watched by it, ended with it.

A rank that waits for a lost one inside NCCL hears of nothing, not even of a signal. So the first looks after the others,
and each of the others looks whether the first is still there. torchrun's ranks look for torchrun: each has a session of its
own, and would train on after all that anybody could see of the run was killed.
"""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from esl.training.guards import STOP_SIGNALS

GRACE_SECONDS = 10.0
"""How long a rank may take to say by itself what happened, or to end when told to."""
_LOOK_SECONDS = 0.5
_LAUNCHER = "ESL_LAUNCHER"
"""Environment variable: the number of the first rank's process."""
_LOST_EXIT = 2


def is_started_here() -> bool:
    """Whether this is a rank that `local_ranks` started, or the first of them."""
    return _LAUNCHER in os.environ


@contextmanager
def local_ranks(
    devices: int, num_nodes: int, *, is_launched: bool = False, on_loss: Callable[[str], None]
) -> Iterator[None]:
    """Run this very command as `devices` ranks of this machine, this process being the first.

    When the first leaves with an error, or another one is lost, all of them end within seconds: those that still wait for
    somebody then are killed.

    Args:
        devices: ranks on this machine.
        num_nodes: machines, on each of which the command is started (with NODE_RANK, MASTER_ADDR and MASTER_PORT).
        is_launched: somebody else has started the ranks.
        on_loss: told in a sentence of a lost rank before this process ends, where its main thread hangs.
    """
    if launcher := _launcher():
        threading.Thread(target=_end_without, args=(launcher, on_loss), daemon=True).start()
    if launcher or is_launched or "LOCAL_RANK" in os.environ:
        yield
        return
    told = {
        "MASTER_ADDR": os.environ.get("MASTER_ADDR", "127.0.0.1"),
        "MASTER_PORT": os.environ.get("MASTER_PORT", str(_free_port())),
        "NODE_RANK": os.environ.get("NODE_RANK", "0"),
        "LOCAL_RANK": "0",
        "WORLD_SIZE": str(devices * num_nodes),
        "LOCAL_WORLD_SIZE": str(devices),  # by which each takes its share of the cores
        _LAUNCHER: str(os.getpid()),
    }
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    command = [sys.executable, *sys.orig_argv[1:]]
    ranks = [subprocess.Popen(command, env={**os.environ, "LOCAL_RANK": str(n)}) for n in range(1, devices)]
    is_over = threading.Event()
    threading.Thread(target=_watch, args=(ranks, is_over, on_loss), daemon=True).start()
    try:
        yield
        _wait(ranks)  # they do what this one did and are as good as done
    finally:
        is_over.set()
        _end(ranks)
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})


def _watch(ranks: Sequence[subprocess.Popen[bytes]], is_over: threading.Event, on_loss: Callable[[str], None]) -> None:
    """End this process when a rank is lost and the main thread does not notice."""
    while not is_over.wait(_LOOK_SECONDS):
        lost = [rank for rank in ranks if rank.poll() not in (None, 0, *STOP_SIGNALS.values())]
        if lost and not is_over.wait(GRACE_SECONDS):
            on_loss(_sentence(len(ranks) + 1, f"process {lost[0].pid} ended with code {lost[0].returncode}"))
            for rank in ranks:
                rank.kill()
            os._exit(_LOST_EXIT)


def _launcher() -> int:
    """The process that started this rank and should outlive it: the first rank or torchrun; 0 where there is none."""
    if is_started_here():
        return int(os.environ[_LAUNCHER])
    return os.getppid() if "TORCHELASTIC_RUN_ID" in os.environ else 0


def _end_without(launcher: int, on_loss: Callable[[str], None]) -> None:
    """End this rank when what started it is gone and the main thread does not notice."""
    while os.getppid() == launcher:
        time.sleep(_LOOK_SECONDS)
    time.sleep(GRACE_SECONDS)
    on_loss(_sentence(int(os.environ.get("WORLD_SIZE", "0")), f"process {launcher}, which started this one, is gone"))
    os._exit(_LOST_EXIT)


def _sentence(ranks: int, what: str) -> str:
    return (
        f"A run needs all of its {ranks} processes: {what}; what it said last tells why. The same command goes on from "
        "the last checkpoint."
    )


def _wait(ranks: Sequence[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + GRACE_SECONDS
    for rank in ranks:
        try:
            rank.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return


def _end(ranks: Sequence[subprocess.Popen[bytes]]) -> None:
    for rank in ranks:
        rank.terminate()
    _wait(ranks)
    for rank in ranks:
        rank.kill()
        rank.wait()


def _free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("", 0))
        return int(any_port.getsockname()[1])
