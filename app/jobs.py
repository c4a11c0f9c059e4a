"""Work in the background of the server: progress, time left, cancel. A job outlives the page that started it."""

import logging
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from esl.errors import EslError

State = Literal["queued", "running", "done", "failed", "cancelled"]
_KEPT = 200
_POLL_SECONDS = 0.1
_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class Job:
    """One piece of work; its fields are read by the routes while its thread writes them."""

    id: str
    kind: str
    state: State = "queued"
    done: int = 0
    total: int = 0
    note: str = ""
    error: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    started: float = 0.0
    first: int = 0
    """Items that were there before this job began; they do not count for the rate."""
    cancelled: threading.Event = field(default_factory=threading.Event, repr=False)

    def progress(self, done: int, total: int, note: str = "") -> None:
        """Say how far the work is (esl.progress.Progress)."""
        if not self.started:
            self.started, self.first = time.monotonic(), done
        self.done, self.total, self.note = done, total, note

    def should_stop(self) -> bool:
        """Whether the work was asked to stop."""
        return self.cancelled.is_set()

    def to_json(self) -> dict[str, Any]:
        """What `GET /jobs/{id}` answers."""
        seconds = time.monotonic() - self.started if self.started else 0.0
        rate = (self.done - self.first) / seconds if seconds > 0 else 0.0
        left = (self.total - self.done) / rate if rate > 0 and self.state == "running" else -1.0
        return {
            "job": self.id, "kind": self.kind, "state": self.state, "done": self.done, "total": self.total,
            "note": self.note, "rate": round(rate, 3), "eta_s": round(left, 1), "error": self.error, "report": self.report,
        }  # fmt: skip

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed", "cancelled")


class JobBook:
    """The jobs of one server. Jobs of the same `lane` run one after the other, others side by side."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lanes: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def start(self, kind: str, work: Callable[[Job], dict[str, Any] | None], *, lane: str = "") -> Job:
        """Run `work(job)` in a thread of its own; what it returns is the job's report."""
        job = Job(id=secrets.token_hex(6), kind=kind)
        with self._lock:
            self._jobs[job.id] = job
            over = [key for key, old in self._jobs.items() if old.is_over]
            for key in over[: max(0, len(self._jobs) - _KEPT)]:
                del self._jobs[key]
            gate = self._lanes.setdefault(lane, threading.Lock()) if lane else threading.Lock()
        threading.Thread(target=_run, args=(job, work, gate), name=f"job-{kind}", daemon=True).start()
        return job

    def get(self, job_id: str) -> Job | None:
        """The job called `job_id`, if there is one."""
        with self._lock:
            return self._jobs.get(job_id)

    def all(self) -> list[Job]:
        """All jobs, oldest first."""
        with self._lock:
            return list(self._jobs.values())

    def stop_all(self) -> None:
        """Ask every job to stop (the server goes down)."""
        for job in self.all():
            job.cancelled.set()


def _run(job: Job, work: Callable[[Job], dict[str, Any] | None], gate: threading.Lock) -> None:
    while not gate.acquire(timeout=_POLL_SECONDS):
        if job.should_stop():  # at once, not when its turn comes
            job.state = "cancelled"
            return
    try:
        _do(job, work)
    finally:
        gate.release()


def _do(job: Job, work: Callable[[Job], dict[str, Any] | None]) -> None:
    if job.should_stop():
        job.state = "cancelled"
        return
    job.state = "running"
    try:
        report = work(job)
    except EslError as error:
        job.error, job.state = str(error), "failed"
    except Exception:  # noqa: BLE001  a job's border: a traceback in the log, a plain sentence on the page
        _log.exception("job %s (%s) failed", job.id, job.kind)
        job.error, job.state = f"The {job.kind} failed; the server's log says why.", "failed"
    else:
        job.report = report or {}
        job.state = "cancelled" if job.should_stop() and job.done < job.total else "done"
