"""Trains in forked children and kills them: `python -m tests.integration.kill_program CONFIG.json RUN KILLS SEED`.

Libraries are loaded once, here, so that thirty lives cost little more than their steps. Prints, as JSON, how many were
killed and what the run said of itself after each.
"""

import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path

import torch

from esl.config import TrainConfig, config_from_json
from esl.pipelines.train import train
from esl.store.runs import RunDirectory


def main() -> int:
    config = config_from_json(json.loads(Path(sys.argv[1]).read_text()))
    run, kills, rng = Path(sys.argv[2]), int(sys.argv[3]), random.Random(int(sys.argv[4]))
    torch.set_num_threads(1)
    states: list[str] = []
    for _ in range(kills):
        if live_and_die(config, run, rng.uniform(0.0, 0.25)) == 0:
            break
        states.append(RunDirectory(run).status().state)
    else:
        live_and_die(config, run, 1e9)
    print(json.dumps({"states": states, "end": RunDirectory(run).status().state}))
    return 0


def live_and_die(config: TrainConfig, run: Path, seconds: float) -> int:
    """Train in a child for `seconds` after its first step; its exit status."""
    from_child, to_parent = os.pipe()
    child = os.fork()
    if child == 0:

        def tell(done: int, total: int, note: str = "") -> None:
            os.write(to_parent, b".")

        code = 1
        try:
            code = train(config, run, accelerator="cpu", progress=tell).exit_code
        finally:
            os._exit(code)
    os.close(to_parent)
    select.select([from_child], [], [])  # a first step, or the child's end
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            os.close(from_child)
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.003)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(from_child)
    return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main())
