"""A small queue of runs in a folder: an SQLite file that outlives pages, servers and reboots.

A job is a command and the devices it wants; at most one job a device runs at a time. Claiming is one
transaction, so a double click, two browsers or two servers start a run once. The queue holds no training state:
that is in the run's own directory.
"""

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from esl.errors import ConfigError, DataError

JobState = Literal["queued", "running", "stopping", "done", "failed", "stopped", "crashed", "removed"]
"""`stopped`: ended on request, resumable. `failed`: ended with an error. `crashed`: vanished without a word."""

Launcher = Literal["local", "torchrun", "slurm"]
"""How a job's command is started; all three are the same to the queue."""

ACTIVE: tuple[JobState, ...] = ("queued", "running", "stopping")
MAX_QUEUED = 100
"""Jobs that may wait; more is a mistake."""

_BUSY_SECONDS = 30.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    job_id TEXT PRIMARY KEY,
    run TEXT NOT NULL,
    argv TEXT NOT NULL,
    device TEXT NOT NULL,
    launcher TEXT NOT NULL,
    num_devices INTEGER NOT NULL,
    user TEXT NOT NULL,
    state TEXT NOT NULL,
    position REAL NOT NULL,
    host TEXT NOT NULL DEFAULT '',
    pid INTEGER NOT NULL DEFAULT 0,
    process_started TEXT NOT NULL DEFAULT '',
    remote_id TEXT NOT NULL DEFAULT '',
    created REAL NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    claimed REAL NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX IF NOT EXISTS one_active_job_per_run ON jobs (run) WHERE state IN ('queued', 'running', 'stopping');
"""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One command that waits, runs or ended."""

    job_id: str
    """Made by whoever asks; asking again with it changes nothing."""
    run: str
    """Name of the run's directory below the runs folder."""
    argv: tuple[str, ...]
    """The command, as a shell would run it."""
    device: str = "cpu"
    """Where it runs: `cpu`, `cuda:0`, ...; the first of several. Jobs that share a device wait for each other."""
    launcher: Launcher = "local"
    num_devices: int = 1
    """Processes to start, each on a GPU of its own from `device` on (or all on the CPU), or GPUs to ask for (SLURM)."""
    user: str = ""
    state: JobState = "queued"
    position: float = 0.0
    """Order among those that wait; smaller is earlier."""
    host: str = ""
    pid: int = 0
    process_started: str = ""
    """Start time of `pid` by the kernel's clock: a reused pid has another."""
    remote_id: str = ""
    """Id that SLURM gave."""
    created: float = 0.0
    message: str = ""
    """Why it ended, in words."""
    claimed: float = 0.0
    """When `host` took it to start it."""

    def __post_init__(self) -> None:
        faults = []
        if not 0 < len(self.job_id) <= 100:
            faults.append("job_id must have 1 to 100 characters")
        if not self.argv:
            faults.append("argv must hold a command")
        if self.num_devices < 1:
            faults.append(f"devices must be at least 1, not {self.num_devices}")
        if self.launcher not in get_args(Launcher):
            faults.append(f"launcher must be one of {', '.join(get_args(Launcher))}, not {self.launcher!r}")
        if faults:
            raise ConfigError(f"A job must be complete: {'; '.join(faults)}.")

    @property
    def devices(self) -> tuple[str, ...]:
        """Every device of this host that it keeps busy; none where SLURM runs it elsewhere."""
        return () if self.launcher == "slurm" else devices_from(self.device, self.num_devices)


def devices_from(device: str, count: int) -> tuple[str, ...]:
    """`count` GPUs from `device` on, `("cuda:1", "cuda:2")`; the CPU is one, however many processes share it."""
    number = device.removeprefix("cuda:")
    if number == device or not (number.isascii() and number.isdecimal()):
        return (device,)
    return tuple(f"cuda:{int(number) + i}" for i in range(count))


_COLUMNS = "job_id, run, argv, device, launcher, num_devices, user, state, position, host, pid, process_started, remote_id, created, message, claimed"


class JobQueue:
    """The jobs of one runs folder; every call is one transaction of its own."""

    def __init__(self, path: Path) -> None:
        """Open or make the file.

        Raises:
            DataError: it cannot be opened or is no queue.
        """
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._transaction() as connection:
            connection.executescript(_SCHEMA)
        with self._transaction() as connection:
            # A file from before jobs had this column.
            if "claimed" not in {row[1] for row in connection.execute("PRAGMA table_info(jobs)")}:
                connection.execute("ALTER TABLE jobs ADD COLUMN claimed REAL NOT NULL DEFAULT 0")

    def add(self, job: Job) -> Job:
        """Append a job and return it as stored; a known `job_id` gives the stored one back.

        Raises:
            ConfigError: its run is queued or running already, or the queue is full.
        """
        with self._transaction() as connection:
            known = _one(connection, job.job_id)
            if known is not None:
                return known
            waiting = connection.execute(
                "SELECT count(*), coalesce(max(position), 0) FROM jobs WHERE state = 'queued'"
            ).fetchone()
            if waiting[0] >= MAX_QUEUED:
                raise ConfigError(
                    f"At most {MAX_QUEUED} runs may wait; {self.path} holds {waiting[0]}. Remove some first."
                )
            taken = connection.execute(
                f"SELECT job_id FROM jobs WHERE run = ? AND state IN ({_marks(ACTIVE)})", (job.run, *ACTIVE)
            ).fetchone()
            if taken:
                raise ConfigError(
                    f"A run may be started once: {job.run} is queued or running already (job {taken[0]})."
                )
            values = (
                job.job_id, job.run, json.dumps(job.argv), job.device, job.launcher, job.num_devices, job.user, "queued",
                waiting[1] + 1, "", 0, "", "", time.time(), "", 0.0,
            )  # fmt: skip
            connection.execute(f"INSERT INTO jobs ({_COLUMNS}) VALUES ({_marks(values)})", values)
            stored = _one(connection, job.job_id)
        assert stored is not None
        return stored

    def jobs(self, states: Sequence[JobState] = ()) -> list[Job]:
        """Jobs in the order in which they run, of the named states or of all."""
        with self._transaction() as connection:
            return _select(connection, f"state IN ({_marks(states)})" if states else "1", *states)

    def job(self, job_id: str) -> Job:
        """One job.

        Raises:
            DataError: there is none of that id.
        """
        with self._transaction() as connection:
            found = _one(connection, job_id)
        if found is None:
            raise DataError(f"A job must be in the queue; {self.path} has none called {job_id!r}.")
        return found

    def claim(self, device: str, host: str, offered: Sequence[str] = ()) -> Job | None:
        """Mark the next job that begins at a device as running.

        A device is kept free for the first waiting job that needs it, so that one that needs several gets its turn.

        Args:
            device: the job's own, the first of those it needs.
            host: this one; devices are counted for each host.
            offered: all devices of this host; jobs that need others are left to hosts that have them.

        Returns:
            The job; None where none waits, or a device of the next one is busy.
        """
        with self._transaction() as connection:
            busy = set()
            for job in _select(connection, "state IN ('running', 'stopping') AND host = ?", host):
                busy |= set(job.devices)
            for job in _select(connection, "state = 'queued'"):
                if not set(job.devices) <= {device, *offered} or device not in (job.device, *job.devices):
                    continue
                if device != job.device or busy & set(job.devices):
                    return None
                connection.execute(
                    "UPDATE jobs SET state = 'running', host = ?, claimed = ? WHERE job_id = ?",
                    (host, time.time(), job.job_id),
                )
                return _one(connection, job.job_id)
        return None

    def set_process(self, job_id: str, *, pid: int = 0, process_started: str = "", remote_id: str = "") -> None:
        """Note which process (or SLURM job) a running job is."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE jobs SET pid = ?, process_started = ?, remote_id = ? WHERE job_id = ?",
                (pid, process_started, remote_id, job_id),
            )

    def set_state(self, job_id: str, state: JobState, message: str = "", *, only_from: Sequence[JobState] = ()) -> bool:
        """Move a job to a state; False where it was not in one of `only_from`."""
        where = f" AND state IN ({_marks(only_from)})" if only_from else ""
        with self._transaction() as connection:
            cursor = connection.execute(
                f"UPDATE jobs SET state = ?, message = ? WHERE job_id = ?{where}", (state, message, job_id, *only_from)
            )
            return cursor.rowcount == 1

    def move(self, job_id: str, before: str) -> None:
        """Put a waiting job before another one, or at the end where `before` is empty.

        Raises:
            DataError: either does not wait any more.
        """
        waiting = [j for j in self.jobs(("queued",)) if j.job_id != job_id]
        names = [j.job_id for j in waiting]
        if self.job(job_id).state != "queued" or (before and before not in names):
            raise DataError(f"Only waiting jobs can change their order; {job_id} or {before!r} waits no more.")
        place = names.index(before) if before else len(names)
        names.insert(place, job_id)
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE jobs SET position = ? WHERE job_id = ? AND state = 'queued'",
                [(i + 1, n) for i, n in enumerate(names)],
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                if connection.in_transaction:
                    connection.execute("COMMIT")
            finally:
                connection.close()  # an open transaction is rolled back
        except sqlite3.Error as error:
            raise DataError(f"The queue must be a working SQLite file; {self.path} is not ({error}).") from error


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))


def _select(connection: sqlite3.Connection, where: str, *values: str) -> list[Job]:
    rows = connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE {where} ORDER BY position, created", values)
    return [_job(row) for row in rows.fetchall()]


def _one(connection: sqlite3.Connection, job_id: str) -> Job | None:
    row = connection.execute(f"SELECT {_COLUMNS} FROM jobs WHERE job_id = ?", (job_id,)).fetchone()
    return None if row is None else _job(row)


def _job(row: Sequence[Any]) -> Job:
    values = dict(zip(_COLUMNS.split(", "), row))
    return Job(**{**values, "argv": tuple(json.loads(values["argv"]))})
