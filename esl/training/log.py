"""The record of a run: metrics.jsonl, appended line by line, and log.txt.

A line is written whole and flushed; a line that a crash cut short, and lines beyond the step that a run resumes
from, are cut off before it goes on (decision 13). `seconds` and `rate` are wall times, outside any comparison of runs.
"""

import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from esl.errors import DataError
from esl.files import atomic_writer
from esl.training.events import EventLog


class RunLog:
    """Appends metrics and messages of one run; `enabled=False` makes a rank that writes nothing."""

    def __init__(self, metrics_path: Path, log_path: Path, *, enabled: bool = True) -> None:
        self.metrics_path = metrics_path
        self.log_path = log_path
        self.enabled = enabled
        self.events: EventLog | None = None
        """Takes the same numbers, and pictures, where a run wants TensorBoard events."""

    def metrics(self, values: Mapping[str, Any]) -> None:
        """Append one line; NaN is written as null.

        Raises:
            DataError: the line cannot be written.
        """
        if self.enabled:
            _append(self.metrics_path, json.dumps(_finite(values), allow_nan=False) + "\n")
            if self.events is not None:
                self.events.numbers(values)

    def say(self, message: str) -> None:
        """Append a sentence to log.txt, with the time."""
        if self.enabled:
            _append(self.log_path, f"{time.strftime('%Y-%m-%d %H:%M:%S')} {message}\n")

    def cut_after(self, step: int, *, is_evaluated: bool = True) -> None:
        """Remove lines beyond `step`, its evaluation where that is to be made again, and a line that was cut short."""
        if not self.enabled or not self.metrics_path.is_file():
            return
        lines = self.metrics_path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if _is_whole(line) and _is_before(json.loads(line), step, is_evaluated)]
        if kept != lines:
            with atomic_writer(self.metrics_path) as stream:
                stream.write("".join(kept).encode())


def _append(path: Path, text: str) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            data = text.encode()
            if os.write(handle, data) != len(data):
                raise OSError("written in part")
        finally:
            os.close(handle)
    except OSError as error:
        raise DataError(
            f"The run's record must be writable: {path} was not ({error}). Free disk space; the last checkpoint is whole."
        ) from error


def _is_before(values: Mapping[str, Any], step: int, is_evaluated: bool) -> bool:
    is_due = values.get("kind") == "evaluation" and not is_evaluated
    return bool(values["step"] < step or (values["step"] == step and not is_due))


def _is_whole(line: str) -> bool:
    if not line.endswith("\n"):
        return False
    try:
        return isinstance(json.loads(line).get("step"), int)
    except (ValueError, AttributeError):
        return False


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
