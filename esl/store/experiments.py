"""Rows of an experiment: one JSON file for each finished (method, strategy, setting, seed).

Long experiments add up over days and machines: a row that exists is never computed again, and every number
in a report comes from rows that carry their command, commit, seed and hardware.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from esl.errors import DataError
from esl.files import read_json, write_json

STRATEGIES = ("none", "it", "ssl", "esl", "median", "cbst", "ssl+it", "esl+it", "median+it", "cbst+it")
"""Ways to choose pseudo-labels, in the order of the paper's tables; `+it` retrains on translated source images, `it` is that alone."""

_ADDED_LATER = {"merged"}
"""Fields that rows of earlier versions do not have."""
_LONGEST_SETTING = 200
"""File systems end a name at 255 bytes."""


@dataclass(frozen=True, kw_only=True)
class ExperimentRow:
    """One finished training and what it scored."""

    benchmark: str
    """Source and target, e.g. `gta5_cityscapes`, `demo`, `camvid_day_dusk`."""
    method: str
    """`source_only`, `minent`, `adaptsegnet`, `advent`, `bdl_step1`, ..."""
    strategy: str
    """One of `STRATEGIES`."""
    seed: int
    """Seed of the run; rows with the same seed are paired: only the labels differ."""
    setting: Mapping[str, float | str] = field(default_factory=dict)
    """What differs from the default of the strategy, e.g. `{"nu_star": 0.05}`."""
    class_set: str
    """Name of the class set behind `iou`."""
    split: str
    """Data set and split that the score is on."""
    protocol: str
    """How the score was made (order of interpolation, label size, checkpoint rule)."""
    iou: tuple[float | None, ...]
    """Per class in percent; None where the class is absent."""
    miou: float
    """Mean over the classes present, in percent."""
    steps: int
    """Updates of the run."""
    merged: Mapping[str, float | None] = field(default_factory=dict)
    """IoU in percent of the seven classes that those of Cityscapes merge into, where they were counted (Table 3's classes)."""
    pseudo_labels: Mapping[str, Any] = field(default_factory=dict)
    """Coverage and error rate of what it was trained on (`coverage`, `error_rate`, per class), where known."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Command; commit, versions and device of the run; hardware; wall seconds of what the trial did beside its baseline,
    where it was done in one go."""

    def __post_init__(self) -> None:
        if self.strategy not in STRATEGIES:
            raise DataError(f"Strategy of a row must be one of {', '.join(STRATEGIES)}; got {self.strategy!r}.")
        if not math.isfinite(self.miou):
            raise DataError(f"A row's mIoU must be finite; got {self.miou} for {self.key}.")

    @property
    def key(self) -> str:
        """File name without ending: unique per method, strategy, setting and seed."""
        return row_key(self.method, self.strategy, self.setting, self.seed)


def row_key(method: str, strategy: str, setting: Mapping[str, float | str], seed: int) -> str:
    """File name without ending of the row that a trial leaves; a setting too long for a file's name goes by its hash."""
    changed = "".join(f"-{name}={value}" for name, value in sorted(setting.items()))
    if len(changed) > _LONGEST_SETTING:
        changed = f"-setting={hashlib.sha256(changed.encode()).hexdigest()[:12]}"
    return re.sub(r"[^\w.=+-]", "_", f"{method}-{strategy}{changed}-seed{seed}")


def row_path(rows_dir: Path, row: ExperimentRow) -> Path:
    """Where a row lives below `rows_dir`."""
    return rows_dir / row.benchmark / f"{row.key}.json"


def write_row(rows_dir: Path, row: ExperimentRow) -> Path:
    """Save a finished row, whole or not at all, and say where."""
    path = row_path(rows_dir, row)
    write_json(path, asdict(row))
    return path


def read_rows(rows_dir: Path, benchmark: str | None = None) -> list[ExperimentRow]:
    """All rows below `rows_dir` (of one benchmark, if named), in a fixed order.

    Raises:
        DataError: a row file is damaged or from another version; the message names it.
    """
    pattern = f"{benchmark}/*.json" if benchmark else "*/*.json"
    return [read_row(path) for path in sorted(rows_dir.glob(pattern))]


def read_row(path: Path) -> ExperimentRow:
    """One row.

    Raises:
        DataError: the file is damaged or from another version; the message names it.
    """
    value = read_json(path)
    known = {f.name for f in fields(ExperimentRow)}
    missing, unknown = known - value.keys() - _ADDED_LATER, value.keys() - known
    if missing or unknown:
        raise DataError(
            f"A result row must have the fields of this version: {path} lacks {sorted(missing)}, has also {sorted(unknown)}."
        )
    return ExperimentRow(**{**value, "iou": tuple(value["iou"])})
