"""Two ranks of which one ends as told: `python -m tests.unit.training.ranks_program HOW FOLDER`."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from esl.training import local_ranks


def main() -> int:
    how, folder = sys.argv[1], Path(sys.argv[2])
    local_ranks.GRACE_SECONDS = 1.0
    if how == "torchrun is killed" and "LOCAL_RANK" not in os.environ:
        return torchrun(folder)
    with local_ranks.local_ranks(2, 1, on_loss=lambda said: print(said, flush=True)):
        rank = int(os.environ["LOCAL_RANK"])
        if how == "fine":
            assert os.environ["LOCAL_WORLD_SIZE"] == "2", "each rank would take all cores"
        (folder / f"half_{rank}").write_text(str(os.getpid()))
        (folder / f"half_{rank}").rename(folder / f"rank_{rank}")
        while not (folder / f"rank_{1 - rank}").exists():
            time.sleep(0.05)
        if how == "fine":
            return 0
        if how == "stopped":
            return 143
        if how == "first fails" and rank == 0:
            raise RuntimeError("the first one says why")
        if how == "another dies" and rank == 1:
            os._exit(3)
        if how == "first is killed" and rank == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        # As in a collective of NCCL: not even a signal gets through.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(300)
    return 0


def torchrun(folder: Path) -> int:
    told = {"LOCAL_RANK": "0", "TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": "2"}
    subprocess.Popen([sys.executable, *sys.orig_argv[1:]], env=os.environ | told, start_new_session=True)
    while not (folder / "rank_0").exists():
        time.sleep(0.05)
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


if __name__ == "__main__":
    code = main()
    assert "LOCAL_RANK" not in os.environ or local_ranks.is_started_here()
    sys.exit(code)
