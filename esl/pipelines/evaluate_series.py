"""The scores of several checkpoints of one run, and their mean: single snapshots swing by points."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from esl.errors import ConfigError
from esl.models.checkpoint_paths import list_checkpoints
from esl.pipelines.evaluate import EvaluationReport


@dataclass(frozen=True, kw_only=True)
class EvaluationSeries:
    """Reports of one split, oldest checkpoint first."""

    reports: tuple[EvaluationReport, ...]
    num_last: int
    """How many of the last ones the mean is of."""

    @property
    def mious(self) -> tuple[float, ...]:
        """Of the last `num_last`, in [0, 1]."""
        return tuple(report.miou for report in self.reports[-self.num_last :])

    @property
    def mean(self) -> float:
        """Of `mious`."""
        return statistics.fmean(self.mious)

    @property
    def deviation(self) -> float | None:
        """Sample standard deviation of `mious` (n - 1); None for a single one."""
        return statistics.stdev(self.mious) if len(self.mious) > 1 else None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        summary = {"num_last": self.num_last, "miou_mean": self.mean, "miou_deviation": self.deviation}
        return {**summary, "checkpoints": [report.to_json() for report in self.reports]}

    def to_text(self) -> str:
        """A line a checkpoint, then the mean; mIoU in percent."""
        last = self.reports[-1]
        names = list(last.subsets)
        width = max(len(report.predictions) for report in self.reports)
        lines = [
            f"{last.dataset} {last.split}: {last.num_images} images",
            f"  {'':<{width}}   mIoU  {'  '.join(names)}",
        ]
        for report in self.reports:
            rest = "".join(f"  {100 * report.subsets[name]:{len(name)}.1f}" for name in names)
            lines.append(f"  {report.predictions:<{width}}  {100 * report.miou:5.1f}{rest}")
        spread = "" if self.deviation is None else f" +- {100 * self.deviation:.1f}"
        lines.append(f"Mean of the last {self.num_last}: {100 * self.mean:.1f}{spread} mIoU (s.d. over checkpoints)")
        lines.append(f"Protocol: {last.protocol}")
        if any(report.target_labels_chose for report in self.reports):
            lines.append("A checkpoint was chosen on target labels.")
        return "\n".join(lines)


def evaluate_all(
    folder: Path | str, evaluate: Callable[[Path], EvaluationReport], *, num_last: int = 0
) -> EvaluationSeries:
    """Score every checkpoint in a run or a folder.

    Args:
        folder: a run, its `checkpoints`, or a folder of `.safetensors` files.
        evaluate: scores one of them.
        num_last: how many of the last ones the mean is of; 0 for all.

    Raises:
        CheckpointError: there is none.
        ConfigError: there are fewer than `num_last`, or it is a single file.
    """
    if Path(folder).is_file():
        raise ConfigError(f"--all needs a run or a folder of checkpoints; {folder} is a single file: leave --all out.")
    found = list_checkpoints(folder)
    if not 0 <= num_last <= len(found):
        raise ConfigError(
            f"--last must be 0 (all) to {len(found)}, the number of checkpoints in {folder}; got {num_last}. A run keeps more "
            "of them with --keep-checkpoints."
        )
    return EvaluationSeries(reports=tuple(evaluate(path) for path in found), num_last=num_last or len(found))
