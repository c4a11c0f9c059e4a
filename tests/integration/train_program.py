"""Trains a config in a process of its own: `python -m tests.integration.train_program CONFIG.json RUN [DEVICES]`.

Prints `ready` once the first step is done, so that a test knows when to interfere.
"""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from esl.config import config_from_json
from esl.errors import EslError
from esl.pipelines.train import train


def main() -> int:
    config = config_from_json(json.loads(Path(sys.argv[1]).read_text()))
    devices = int(sys.argv[3]) if len(sys.argv) > 3 else 1

    def progress(done: int, total: int, note: str = "") -> None:
        print(f"step {done}", flush=True)
        poison = os.environ.get("POISON_RANK")
        if poison is not None and poison == os.environ.get("LOCAL_RANK", "0"):
            _poison()
        if done == 2 and os.environ.get("DIE_RANK") == os.environ.get("LOCAL_RANK", "0"):
            os.kill(os.getpid(), signal.SIGKILL)

        if done == 2:
            _stop_at("step")

    _stop_where_told()
    try:
        result = train(config, sys.argv[2], accelerator="cpu", devices=devices, progress=progress)
    except EslError as error:
        print(error, file=sys.stderr, flush=True)
        return 2
    return result.exit_code


def _stop_at(moment: str) -> None:
    """SIGTERM for this process alone, where STOP_AT=RANK:MOMENT says so."""
    if os.environ.get("STOP_AT") == f"{os.environ.get('LOCAL_RANK', '0')}:{moment}":
        os.kill(os.getpid(), signal.SIGTERM)


def _stop_where_told() -> None:
    """Let a stop come right before the first step, or while the selection split is scored."""
    import esl.pipelines.selection_score as selection_score
    import esl.pipelines.train as pipeline

    def before(function: Any, moment: str) -> Any:
        def both(*args: Any, **options: Any) -> Any:
            _stop_at(moment)
            return function(*args, **options)

        return both

    pipeline.newest_checkpoint = before(pipeline.newest_checkpoint, "start")  # type: ignore[attr-defined]
    selection_score.score = before(selection_score.score, "evaluation")  # type: ignore[attr-defined]


def _poison() -> None:
    """From now on this process's source loss is not a number."""
    import torch

    import esl.training.step as step

    def spoilt(log_probs: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return log_probs.mean() * float("nan")

    step.segmentation_loss = spoilt  # type: ignore[assignment]


if __name__ == "__main__":
    sys.exit(main())
