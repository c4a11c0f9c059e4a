"""A run is a directory that says everything about itself (decision 11).

    config.json      what the run was told, resolved
    status.json      state, step, rate, heartbeat: written by the run, read by anyone
    metrics.jsonl    one JSON object per line, appended
    log.txt          what it said
    pseudo_labels.json  coverage, and error rate where it is known, of what it learns from
    samples/         one image as it was predicted at each checkpoint
    checkpoints/     step_NNNNNN/, LATEST, BEST
    run.lock         held by the process that trains
    exit_code, slurm/   what the queue leaves of a job that it started here

The page and the shell read these files and need no process to be alive.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from esl.errors import CheckpointError, DataError
from esl.files import is_partial, read_json, safe_join, sweep_partial_files, write_json
from esl.store.processes import process_started

RunState = Literal["queued", "running", "stopping", "stopped", "done", "failed", "crashed"]
STATES: tuple[str, ...] = get_args(RunState)
EXPERIMENT_FILE = "experiment.json"
"""In the folder of several runs that are stages of one thing."""
STAGE_MARK = "~"
"""Between an experiment's name and that of its stage."""
EXIT_FILE = "exit_code"
"""Where the queue notes how a run's process ended."""
SLURM_DIR = "slurm"
"""Where the queue keeps the script and the logs of a run's SLURM job."""
_BEFORE_ITS_CONFIG = frozenset({"run.lock", "status.json", "log.txt", EXIT_FILE, SLURM_DIR})
"""What may lie in the folder of a run that has not begun, or whose first start failed."""
HEARTBEAT_SECONDS = 2.0
"""A living run writes its status at least this often, but for single steps that take longer."""
SILENT_SECONDS = 300.0
"""A run on another host that said nothing for so long is taken for dead."""


@dataclass(frozen=True, kw_only=True)
class RunStatus:
    """What a run last said of itself."""

    state: RunState = "queued"
    step: int = 0
    steps: int = 0
    phase: str = ""
    """What it is doing: `training`, `evaluating`, `saving`, ..."""
    message: str = ""
    """Last error or notice, in words."""
    rate: float = 0.0
    """Steps per second, recently."""
    eta_seconds: float = 0.0
    miou: float = -1.0
    """Last mIoU on the selection split in [0, 1]; -1 before there is one."""
    device: str = ""
    precision: str = ""
    host: str = ""
    pid: int = 0
    process_started: str = ""
    """Start time of the process by the kernel's clock: tells a process from a later one with its number."""
    started: float = 0.0
    """Unix time of the first start."""
    updated: float = 0.0
    """Unix time of this writing: the heartbeat."""


def require_own_folder(directory: Path) -> None:
    """Hold a new experiment to a folder of its own.

    Raises:
        DataError: something else is in it, or it cannot be read.
    """
    try:
        others = _others(directory) if directory.exists() else []
    except OSError as error:
        raise DataError(
            f"An experiment needs a folder: {directory} is none ({error.strerror}). Choose another."
        ) from error
    if others:
        raise DataError(
            f"A new experiment needs an empty folder: {directory} holds {', '.join(others[:3])}. Choose another."
        )


def _others(directory: Path) -> list[str]:
    """What lies in a folder beside that which the queue leaves there before a run begins."""
    return sorted(p.name for p in directory.iterdir() if p.name not in _BEFORE_ITS_CONFIG and not is_partial(p))


class RunDirectory:
    """One run's files."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.config_path = self.path / "config.json"
        self.status_path = self.path / "status.json"
        self.metrics_path = self.path / "metrics.jsonl"
        self.log_path = self.path / "log.txt"
        self.checkpoints_dir = self.path / "checkpoints"
        self.samples_dir = self.path / "samples"
        self.pseudo_labels_path = self.path / "pseudo_labels.json"

    @property
    def exists(self) -> bool:
        """Whether a run was ever started here."""
        return self.config_path.is_file()

    @property
    def is_unbegun(self) -> bool:
        """Whether there is only what a start leaves before its run begins, or an experiment without a stage."""
        if self.exists or not self.path.is_dir():
            return False
        others = _others(self.path)
        return not others or (EXPERIMENT_FILE in others and not _stages(self.path))

    def create(self) -> "RunDirectory":
        """Make the folder.

        Raises:
            DataError: it cannot be made, or something else is in it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            others = _others(self.path)
        except OSError as error:
            raise DataError(
                f"A run needs a folder that can be written: {self.path} ({error.strerror}). Choose another."
            ) from error
        if not self.exists and others:
            raise DataError(
                f"A new run needs an empty folder: {self.path} holds {', '.join(others[:3])}. Choose another."
            )
        return self

    def status(self) -> RunStatus:
        """What the run last said, or `crashed` where its process is gone. `queued` before the first start."""
        said = self._said()
        if said.state in ("running", "stopping") and not _is_alive(said):
            return replace(
                said, state="crashed", message=said.message or f"The process {said.pid} on {said.host} is gone."
            )
        return said

    def write_status(self, status: RunStatus) -> RunStatus:
        """Write `status` as this process's, with a new heartbeat."""
        status = replace(status, **_this_process(), updated=time.time())
        write_json(self.status_path, asdict(status))
        return status

    def _said(self) -> RunStatus:
        if not self.status_path.is_file():
            return RunStatus()
        values = read_json(self.status_path)
        known = {f.name for f in fields(RunStatus)}
        return RunStatus(**{k: v for k, v in values.items() if k in known})

    def metrics(self, after: int = 0) -> Iterator[Mapping[str, Any]]:
        """Lines of metrics.jsonl, from the `after`-th on; an unfinished last line is left for the next reading."""
        if not self.metrics_path.is_file():
            return
        with open(self.metrics_path, encoding="utf-8") as stream:
            for number, line in enumerate(stream):
                if number >= after and line.endswith("\n"):
                    yield json.loads(line)

    def sweep(self) -> None:
        """Remove what writers that were killed left behind; only the holder of the lock may."""
        for folder in (self.path, self.checkpoints_dir, self.samples_dir, self.path / "recipe"):
            sweep_partial_files(folder)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run: one process trains in a directory. A dead process's hold ends with it.

        Raises:
            CheckpointError: another process holds it, with its number and host.
        """
        said = self._said()
        elsewhere = said.state in ("running", "stopping") and said.host != socket.gethostname() and _is_alive(said)
        if elsewhere:
            raise CheckpointError(self._held_by(said))
        # POSIX record locks end with their process, are not inherited by forked workers, and work on NFS. Closing any
        # handle of the file gives them up, so a file that this process holds is not even opened.
        key = str(self.path.resolve())
        if key in _held_here:
            raise CheckpointError(self._held_by(self._said()))
        handle = os.open(self.path / "run.lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            os.close(handle)
            raise CheckpointError(self._held_by(self._said())) from error
        _held_here.add(key)
        try:
            yield
        finally:
            _held_here.discard(key)
            os.close(handle)

    def _held_by(self, said: RunStatus) -> str:
        return (
            f"A run directory must be used by one process at a time: {self.path} is held by process {said.pid} on "
            f"{said.host or 'this host'}. Wait for it, stop it, or choose another --run."
        )


_held_here: set[str] = set()


def list_runs(root: Path | str) -> list[tuple[str, RunDirectory]]:
    """Runs right below `root`, and those of the experiments there as `EXPERIMENT~STAGE`, by name."""
    root = Path(root)
    if not root.is_dir():
        return []
    folders = sorted(p for p in root.iterdir() if not p.name.startswith("."))
    return [found for folder in folders for found in runs_in(folder)]


def runs_in(folder: Path) -> list[tuple[str, RunDirectory]]:
    """The run that a folder is, or those of the experiment that it is; none where it is neither."""
    if (folder / "config.json").is_file():
        return [(folder.name, RunDirectory(folder))]
    return _stages(folder) if (folder / EXPERIMENT_FILE).is_file() else []


def find_run(root: Path | str, name: str) -> RunDirectory:
    """The run that `list_runs` calls `name`.

    Raises:
        DataError: there is none.
    """
    found = dict(_stages(Path(root) / experiment_of(name))) if STAGE_MARK in name else {}
    run = found.get(name) or RunDirectory(safe_join(root, name))
    if Path(name).name != name or name.startswith(".") or not run.exists:
        raise DataError(f"A run must be in {root}; there is none called {name!r}.")
    return run


def find_folder(root: Path | str, name: str) -> RunDirectory:
    """The run that `list_runs` calls `name`, or the folder below `root` of a start that never became a run.

    Raises:
        DataError: there is neither.
    """
    if name and Path(name).name == name and not name.startswith("."):
        folder = RunDirectory(safe_join(root, name))
        if folder.is_unbegun:
            return folder
    return find_run(root, name)


def experiment_of(name: str) -> str:
    """The folder below the runs folder that a run of `list_runs` lies in: its experiment's, or its own."""
    return name.partition(STAGE_MARK)[0]


def _stages(experiment: Path) -> list[tuple[str, RunDirectory]]:
    """`round_0/run` is called `~round_0`, `step_1/translation` `~step_1.translation`."""
    paths = sorted(p.parent for p in experiment.glob("*/*/config.json"))
    ends = ["" if p.name == "run" else f".{p.name}" for p in paths]
    return [(f"{experiment.name}{STAGE_MARK}{p.parent.name}{end}", RunDirectory(p)) for p, end in zip(paths, ends)]


def _this_process() -> dict[str, Any]:
    return {"host": socket.gethostname(), "pid": os.getpid(), "process_started": process_started(os.getpid())}


def _is_alive(said: RunStatus) -> bool:
    if said.host != socket.gethostname():
        return time.time() - said.updated < SILENT_SECONDS
    return bool(said.process_started) and process_started(said.pid) == said.process_started
