"""Numbers of a whole set, counted in the background image by image and kept for the next start.

Holds the joint histogram that answers any thresholds without touching a pixel, and the sparse counts that rank images.
"""

import hashlib
import json
import logging
import threading
import time
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.opened import OpenStore
from esl.errors import DataError, EslError
from esl.files import read_json, write_json
from esl.labeling.audit import AuditHistogram, audit
from esl.labeling.audit_report import AuditReport
from esl.labeling.thresholds import ScoreHistogram, ThresholdRule
from esl.pipelines.audit import keep_counts
from esl.pipelines.ranking import ImageCounts, RankTable, count_image

_log = logging.getLogger(__name__)
POLL_SECONDS = 0.5
"""How long to wait for the next image while a store grows."""
JOIN_EVERY = 500
"""Images whose counts stand apart from the table before they are sorted into it: a table is half as large."""
LOOK_AGAIN_SECONDS = 1.0
"""How often labels that could not be read are looked at, at most."""


class SetNumbers:
    """Counts of one store; `start` begins or goes on, every reader sees what there is so far."""

    def __init__(self, opened: OpenStore, cache_dir: Path) -> None:
        self._opened = opened
        self._dir = cache_dir / "sets" / opened.sid
        self._lock = threading.Lock()
        self._audit = AuditHistogram(opened.num_classes)
        self._table = RankTable.of({}, opened.num_classes)
        self._fresh: dict[int, ImageCounts] = {}
        self._counted: set[int] = set()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._is_kept = False
        self.boundary_shares: dict[int, float] = {}
        """Image index -> share of its difference near a boundary, as of the last recomputation."""
        self.label_seal = ""
        """Stands for the label files as they were before the first of them was read; empty until then."""
        self.faults: dict[int, str] = {}
        """Image index -> why its ground truth, or all of it, was left out."""
        self._damaged: set[int] = set()
        self._unread: dict[int, tuple[int, int]] = {}
        self._looked = 0.0

    @property
    def num_counted(self) -> int:
        """Images counted so far."""
        return len(self._counted)

    @property
    def is_complete(self) -> bool:
        """Whether every image of the set is counted."""
        return self.num_counted == len(self._opened.store.image_ids)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to count: every image is counted, or cannot be read."""
        return self._thread is None and self._is_over()

    @property
    def num_damaged(self) -> int:
        """Images left out since their logits cannot be read."""
        return len(self._damaged)

    @property
    def damage(self) -> str:
        """Why the first of them cannot be read, and what to do; empty where none is damaged."""
        return self._first_fault(self._damaged)

    @property
    def num_unread(self) -> int:
        """Images that are counted without their ground truth, since its file cannot be read."""
        return len(self._unread)

    @property
    def unread(self) -> str:
        """Why the first of those label files cannot be read; empty where all can."""
        return self._first_fault(self._unread)

    def _first_fault(self, images: Collection[int]) -> str:
        return next((self.faults.get(i, "") for i in sorted(images)), "")

    def start(self) -> None:
        """Count in the background what is not counted yet, and all anew where a label can be read by now; cheap to call again."""
        with self._lock:
            if self._thread is None and self._is_mended():
                self._forget()
            if self._thread is None and not self._is_over():
                self._thread = threading.Thread(target=self._run, name=f"count-{self._opened.sid}", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Stop counting."""
        self._stop.set()

    def wait(self, timeout: float) -> bool:
        """Wait until all images that are done are counted; whether that happened in time."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)
        return self.num_counted >= self._opened.store.num_done

    def wait_for_scores(self, timeout: float) -> None:
        """Wait a little for the medians: until each image that is done is in the store's histogram."""
        end = time.monotonic() + timeout
        store = self._opened.store
        while store.num_counted < store.num_done and self._thread is not None and time.monotonic() < end:
            time.sleep(0.02)

    def report(self, rule: ThresholdRule, scores: ScoreHistogram | None = None) -> AuditReport:
        """Coverage and errors of both criteria over the images counted so far, without touching a pixel.

        Args:
            rule: mu*, nu*, mode and overrides.
            scores: where the medians come from; the whole set's by default.
        """
        scores = scores or self._opened.histogram()
        with self._lock:
            return audit(self._audit, scores, rule, self._opened.store.class_set.names)

    def joint(self) -> NDArray[np.uint32]:
        """[C, 3, 256, 256] uint32, saturating; see docs/api.md."""
        with self._lock:
            return np.minimum(self._audit.joint, np.iinfo(np.uint32).max).astype("<u4")

    def sparse_marginals(self) -> bytes:
        """The exact score histograms in the sparse form of docs/api.md."""
        with self._lock:
            counts = self._audit.marginals.reshape(-1).copy()
        bins = np.flatnonzero(counts)
        head = np.asarray([int.from_bytes(b"ESLM", "little"), 1, self._opened.num_classes, bins.size], "<u4").tobytes()
        keys = bins.astype("<u4").tobytes()
        return head + keys + b"\0" * (-len(keys) % 8) + counts[bins].astype("<f8").tobytes()

    def table(self) -> RankTable:
        """Sparse counts of the images counted so far."""
        with self._lock:
            if self._fresh:
                self._table, self._fresh = self._table.joined(self._fresh), {}
            return self._table

    def _run(self) -> None:
        try:
            self._load()
            while not self._stop.is_set() and not self._is_over():
                waiting = self._waiting()
                for i in waiting:
                    if self._stop.is_set():
                        return
                    self._count(i)
                if not waiting:
                    if not self._opened.job:  # nobody fills the store from here; the next question looks again
                        return
                    self._stop.wait(POLL_SECONDS)
            if self.is_complete and not self._is_kept:
                self._save()
        except EslError as error:
            _log.warning("Counting %s stopped: %s", self._opened.name, error)
        finally:
            with self._lock:
                self._thread = None

    def _is_over(self) -> bool:
        store = self._opened.store
        for i in tuple(self._damaged):  # requests and the counting both come here
            if not self._opened.is_done(i):  # it is predicted anew
                self._damaged.discard(i)
                self.faults.pop(i, None)
        if len(self._counted | self._damaged) < len(store.image_ids):
            return False
        damaged = {self._opened.image_id(i) for i in tuple(self._damaged)}
        return store.num_counted == len(store.image_ids) or damaged.issuperset(store.uncounted())

    def _is_mended(self) -> bool:
        """Whether a label that could not be read is another file by now."""
        now = time.monotonic()
        if not self._unread or now - self._looked < LOOK_AGAIN_SECONDS:
            return False
        self._looked = now
        return any(self._label_stamp(i) != stamp for i, stamp in self._unread.items())

    def _forget(self) -> None:
        # All images, as a restart would: what is added up cannot be taken apart by image.
        self._audit = AuditHistogram(self._opened.num_classes)
        self._table, self._fresh = RankTable.of({}, self._opened.num_classes), {}
        self._counted.clear()
        for i in self._unread:
            self.faults.pop(i, None)
        self._unread.clear()
        self.label_seal = ""

    def _label_stamp(self, i: int) -> tuple[int, int]:
        try:
            return self._opened.targets.label_stamp(self._opened.image_id(i))
        except OSError:
            return 0, 0  # it went while it was looked at

    def _waiting(self) -> list[int]:
        """Images that are done, and not counted here or not in the histogram that medians come from."""
        store = self._opened.store
        store.refresh()
        unscored = set(store.uncounted())
        return [
            i
            for i, image_id in enumerate(store.image_ids)
            if i not in self._damaged and (image_id in unscored or (i not in self._counted and store.has(image_id)))
        ]

    def _count(self, i: int) -> None:
        try:
            maps = self._opened.derive_once(i)
        except DataError as error:
            self.faults[i] = str(error)  # before others are told that there is one
            self._damaged.add(i)
            return
        self._opened.store.count(self._opened.image_id(i), maps)
        if i in self._counted:
            return
        stamp = self._label_stamp(i)
        try:
            truth = self._opened.truth(i)
        except EslError as error:
            self.faults[i] = str(error)
            self._unread[i] = stamp
            truth = None
        counts = count_image(maps, truth, self._opened.num_classes)
        with self._lock:
            self._audit.update(maps, truth)
            self._fresh[i] = counts
            self._counted.add(i)
        if len(self._fresh) >= JOIN_EVERY:
            self.table()

    def _seal(self) -> dict[str, Any]:
        """What the counts depend on: the logits and each label file's time and size."""
        return {"store": self._opened.store.store_hash, "labels": self.label_seal}

    def _seal_labels(self) -> str:
        # A label that came after the store was opened is not counted: the counts are not those of a set that has it.
        has = self._opened.has_labels
        return _seal_of([stamp if has[i] else (0, 0) for i, stamp in enumerate(self._label_stamps())])

    def _label_stamps(self) -> list[tuple[int, int]]:
        return [self._opened.targets.label_stamp(image_id) for image_id in self._opened.store.image_ids]

    def _load(self) -> None:
        self.label_seal = self.label_seal or self._seal_labels()
        try:
            if read_json(self._dir / "seal.json") != self._seal():
                return
            audit, table = AuditHistogram.load(self._dir / "audit.npz"), RankTable.load(self._dir / "ranks.npz")
        except EslError:
            return  # nothing kept, or damaged: count again
        with self._lock:
            self._audit, self._table, self._fresh = audit, table, {}
            self._counted = set(table.images.tolist())
            self._is_kept = True

    def _save(self) -> None:
        if self.faults or _seal_of(self._label_stamps()) != self.label_seal:
            return  # a file may be mended, or a label was while others were counted; look again next time
        try:
            self._audit.save(self._dir / "audit.npz")
            self.table().save(self._dir / "ranks.npz")
            write_json(self._dir / "seal.json", self._seal())
            self._is_kept = True
            keep_counts(self._opened.store, self._opened.targets, self._audit)
        except EslError as error:
            _log.warning("Counts of %s are not kept: %s", self._opened.name, error)


def _seal_of(stamps: list[tuple[int, int]]) -> str:
    return hashlib.sha256(json.dumps(stamps).encode()).hexdigest()
