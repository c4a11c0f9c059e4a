"""Read run directories for people: a table of many, one in detail, several side by side, and a trash.

Everything is read from the directories (decision 11), so runs that a shell or another machine started show too.
A run is read again only when its folder changed; a thousand finished runs cost a thousand `stat` calls.
"""

import json
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from esl.config.codec import flat_json
from esl.errors import ConfigError, DataError
from esl.files import PARTIAL_SUFFIX
from esl.pipelines.samples import PHOTO, sample_name, sample_steps
from esl.store.predictions import MANIFEST_NAME
from esl.store.runs import RunDirectory, experiment_of, find_folder, find_run, runs_in

TRASH = ".trash"
"""Folder below the runs folder that deleted runs move to."""
MIN_COMPARED, MAX_COMPARED = 2, 8
_TAIL_BYTES = 1 << 16
_SETTLED_NS = 2_000_000_000

Row = dict[str, Any]


class RunTable:
    """The runs of one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._known: dict[str, _Folder] = {}

    def rows(self) -> list[Row]:
        """One row a run: name, state, step, rate, scores, preset, method, pseudo-labels, host, device, seed, times."""
        try:
            with os.scandir(self.root) as entries:
                folders = sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: e.name)
        except FileNotFoundError:
            return []
        # Whole dictionaries are read and replaced: several requests may ask at once.
        known, found = self._known, dict[str, _Folder]()
        for folder in folders:
            try:
                stamp = folder.stat().st_mtime_ns
                before = known.get(folder.name)
                if before is None or before.stamp != stamp or not before.is_settled:
                    before = _read_folder(Path(folder.path), stamp)
            except OSError:
                continue  # a link that leads nowhere, or a folder that was deleted just now
            found[folder.name] = before
        self._known = found
        return [self._now(name, run, row) for one in found.values() for name, run, row in one.rows]

    def run(self, name: str) -> RunDirectory:
        """One run's directory.

        Raises:
            DataError: no run of that name below the folder.
        """
        return find_run(self.root, name)

    def detail(self, name: str) -> Row:
        """Everything about one run but its metrics: status, config, checkpoints, warnings, links.

        Raises:
            DataError: no such run, or its config is damaged.
        """
        run = self.run(name)
        record = json.loads(run.config_path.read_bytes())
        labels = record["config"].get("pseudo_labels", {"source": "none"})
        return {
            **self._row(name, run),
            "config": record["config"],
            "command": record.get("command", []),
            "resolved": record.get("resolved", {}),
            "commit": record.get("commit", ""),
            "torch": record.get("torch", ""),
            "data": record.get("data", {}),
            "checkpoints": _checkpoints(run),
            "warnings": _warnings(run),
            "pseudo_label_path": labels["path"] if labels["source"] != "none" else "",
            "stores": _stores(run),
            "samples": sample_steps(run.samples_dir),
            "rounds": self._rounds(name),
            "bytes": folder_bytes(self._whole(name)),
        }

    def metrics(self, name: str, after: int = 0, limit: int = 20_000) -> tuple[list[Mapping[str, Any]], int]:
        """Lines of metrics from the `after`-th on (at most `limit`), and where to go on.

        A resumed run cuts lines off its end; where fewer than `after` are left, everything is sent again from 0.
        """
        lines = list(self.run(name).metrics())
        first = after if after <= len(lines) else 0
        chosen = lines[first : first + limit]
        return chosen, first + len(chosen)

    def sample_path(self, name: str, which: str) -> Path:
        """The sample of a step (`"000100"`), or the photo it is of (`"photo"`).

        Raises:
            DataError: no such run, or no such sample.
        """
        folder = self.run(name).samples_dir
        path = folder / (PHOTO if which == "photo" else sample_name(int(which) if which.isdecimal() else -1))
        if not path.is_file():
            raise DataError(f"A sample must be of one of the run's checkpoints; {name} has none of {which!r}.")
        return path

    def log_tail(self, name: str, num_lines: int = 200) -> list[str]:
        """The last lines of a run's log; of a start that never became a run too: they say why."""
        return _tail(find_folder(self.root, name).log_path, num_lines)

    def delete(self, name: str) -> Path:
        """Move a run that is not active to the trash, a stage with its whole experiment, or what a start left that never
        became a run; nothing is lost before the trash is emptied.

        Raises:
            DataError: no such run.
            ConfigError: it runs.
        """
        folder = find_folder(self.root, name)
        whole = self._whole(name)
        for other, run in runs_in(whole) or [(name, folder)]:
            if run.status().state in ("running", "stopping"):
                raise ConfigError(f"A run must be stopped before it is deleted; {other} is running.")
        trash = self.root / TRASH
        trash.mkdir(exist_ok=True)
        target = trash / f"{whole.name}.{time.time_ns()}"
        os.replace(whole, target)
        return target

    def trash(self) -> list[Row]:
        """What the trash holds: `[{name, bytes}]`."""
        folder = self.root / TRASH
        found = sorted(folder.iterdir()) if folder.is_dir() else []
        return [{"name": p.name, "bytes": folder_bytes(p)} for p in found]

    def empty_trash(self) -> int:
        """Remove what the trash holds for good; returns how many runs that were."""
        entries = self.trash()
        shutil.rmtree(self.root / TRASH, ignore_errors=True)
        return len(entries)

    def compare(self, names: Sequence[str]) -> Row:
        """Config fields that differ, and the last scores, of 2 to 8 runs.

        Returns:
            `{"runs": [row...], "differences": {field: [value per run]}, "iou": [[per class] per run]}`.

        Raises:
            ConfigError: too few or too many runs.
        """
        if not MIN_COMPARED <= len(set(names)) <= MAX_COMPARED:
            raise ConfigError(
                f"{MIN_COMPARED} to {MAX_COMPARED} different runs can be compared; got {len(set(names))}."
            )
        runs = [self.run(name) for name in names]
        configs = [flat_json(json.loads(run.config_path.read_bytes())["config"]) for run in runs]
        fields = sorted(set().union(*configs))
        values = {field: [c.get(field) for c in configs] for field in fields}
        differences = {field: v for field, v in values.items() if len(set(map(repr, v))) > 1}
        scores = [_last_evaluation(run) for run in runs]
        return {
            "runs": [self._row(name, run) for name, run in zip(names, runs, strict=True)],
            "differences": differences,
            "iou": [s.get("iou", []) for s in scores],
            "split": [s.get("split", "") for s in scores],
        }

    def _rounds(self, name: str) -> list[Row]:
        """Stages of the experiment that a run is one of, with the step of each one's last sample: `[{name, step}]`."""
        if experiment_of(name) == name:
            return []
        steps = [(n, sample_steps(run.samples_dir)) for n, run in runs_in(self._whole(name))]
        return [{"name": n, "step": found[-1]} for n, found in steps if found]

    def _whole(self, name: str) -> Path:
        return self.root / experiment_of(name)

    def _row(self, name: str, run: RunDirectory) -> Row:
        return self._now(name, run, _read_row(name, run))

    def _now(self, name: str, run: RunDirectory, row: Row) -> Row:
        if row["state"] not in ("running", "stopping"):
            return dict(row)
        status = run.status()  # asks whether the process is alive, which no file tells
        return {**row, "state": status.state, "message": status.message}


@dataclass(frozen=True)
class _Folder:
    """What a folder below the runs folder held when it was last read."""

    stamp: int
    rows: Sequence[tuple[str, RunDirectory, Row]]
    is_settled: bool
    """Whether the folder's own time says all that can change: files of a run appear by renaming, which sets it."""


def _read_folder(path: Path, stamp: int) -> _Folder:
    found = [(name, run, _read_row(name, run)) for name, run in runs_in(path)]
    is_no_experiment = all(run.path == path for _, run, _ in found)
    # Clocks of file systems are coarse: what was written just now may be written again within the same tick.
    return _Folder(stamp, found, is_no_experiment and time.time_ns() - stamp > _SETTLED_NS)


def _read_row(name: str, run: RunDirectory) -> Row:
    row: Row = {"name": name, "experiment": experiment_of(name) if experiment_of(name) != name else "", "problem": ""}
    try:
        record = json.loads(run.config_path.read_bytes())
        config = record["config"]  # as plain JSON: building a thousand typed configs would take seconds
        is_training = "method" in config  # else it translates images: no network of classes, no preset of training
        labels = config["pseudo_labels"] if is_training else {"source": "none"}
        row |= {
            "preset": config.get("preset", "") if is_training else "",
            "method": config["method"]["name"] if is_training else "cyclegan",
            "seed": config["seed"], "class_set": config.get("class_set", ""),
            "pseudo_labels": labels["criterion"] if labels["source"] != "none" else "none",
            "source": _domain(config["source"]), "target": _domain(config["target"]),
        }  # fmt: skip
        row |= {k: v for k, v in asdict(run.status()).items() if k != "process_started"}
        row |= _pseudo_label_numbers(run)
    except (OSError, ValueError, KeyError, TypeError) as error:
        row |= {"state": "failed", "problem": f"Its files cannot be read: {error}"}
    return row


def _domain(data: Mapping[str, Any]) -> str:
    return f"{data['dataset']} {data['split']}".strip()


def _pseudo_label_numbers(run: RunDirectory) -> Row:
    """Coverage and error rate of what a self-trained run learns from, where they are known."""
    if not run.pseudo_labels_path.is_file():
        return {"coverage": None, "error_rate": None}
    values = json.loads(run.pseudo_labels_path.read_bytes())
    return {"coverage": values.get("coverage"), "error_rate": values.get("error_rate")}


def _last_evaluation(run: RunDirectory) -> Mapping[str, Any]:
    last: Mapping[str, Any] = {}
    for line in run.metrics():
        if line.get("kind") == "evaluation":
            last = line
    return last


def _stores(run: RunDirectory) -> list[Row]:
    """Prediction stores that an experiment made beside this run: `[{name, path}]`."""
    path = run.path.parent / "store"
    return [{"name": f"{path.parent.name}/store", "path": str(path)}] if (path / MANIFEST_NAME).is_file() else []


def _checkpoints(run: RunDirectory) -> list[Row]:
    if not run.checkpoints_dir.is_dir():
        return []
    marks = {name: _text(run.checkpoints_dir / name) for name in ("LATEST", "BEST")}
    found = run.checkpoints_dir.glob("step_*")
    folders = sorted(p for p in found if p.is_dir() and not p.name.endswith(PARTIAL_SUFFIX))
    return [
        {"name": p.name, "is_latest": marks["LATEST"] == p.name, "is_best": marks["BEST"] == p.name} for p in folders
    ]


def _warnings(run: RunDirectory) -> list[str]:
    return [line for line in _tail(run.log_path, 2000) if "warning" in line.lower()][-20:]


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _tail(path: Path, num_lines: int) -> list[str]:
    try:
        with open(path, "rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - _TAIL_BYTES))
            return stream.read().decode(errors="replace").splitlines()[-num_lines:]
    except OSError:
        return []


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file() and not p.is_symlink())
