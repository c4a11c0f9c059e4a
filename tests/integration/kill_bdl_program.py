"""Runs BDL in forked children and kills them: `python -m tests.integration.kill_bdl_program WORLD EXPERIMENT SEED`.

Each stage is killed twice: as it begins, and a moment after it first tells of progress. Libraries are loaded once, here.
Prints, as JSON, which of these moments a kill met, and how the last life ended.
"""

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from esl.pipelines.bdl import bdl
from esl.pipelines.bdl_config import BdlConfig
from esl.progress import Progress
from tests.integration.bdl_world import STAGES, settings

FOREVER = 1e9


def main() -> int:
    config, directory, rng = settings(Path(sys.argv[1])), Path(sys.argv[2]), random.Random(int(sys.argv[3]))
    torch.set_num_threads(1)
    killed = []
    for stage in STAGES:
        for moment, delay in ((f"begin {stage}", 0.0), (f"progress {stage}", rng.uniform(0.0, 0.15))):
            if live_and_die(config, directory, moment, delay) == -signal.SIGKILL:
                killed.append(moment)
    print(json.dumps({"killed": killed, "end": live_and_die(config, directory, "never", FOREVER)}))
    return 0


def live_and_die(config: BdlConfig, directory: Path, moment: str, seconds: float) -> int:
    """Go on with the experiment in a child until `seconds` after it tells of `moment`; its exit status."""
    from_child, to_parent = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(from_child)
        code = 1
        try:
            code = _live(config, directory, to_parent)
        finally:
            os._exit(code)
    os.close(to_parent)
    with os.fdopen(from_child) as told:
        for line in told:  # ends with the child, too
            if line.strip() == moment:
                time.sleep(seconds)
                os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _live(config: BdlConfig, directory: Path, to_parent: int) -> int:
    def tell(what: str) -> None:
        os.write(to_parent, f"{what}\n".encode())

    def progress_of(stage: str) -> Progress:
        return lambda done, total, note="": tell(f"progress {stage}")

    record = bdl(
        config, directory, accelerator="cpu", progress_of=progress_of,
        say=lambda text: tell(text.replace("BDL: ", "begin ")),
    )  # fmt: skip
    return int(record["exit_code"])


if __name__ == "__main__":
    sys.exit(main())
