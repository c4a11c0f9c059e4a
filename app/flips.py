"""How many pixels change between two stores, image by image: what the Compare screen sorts by."""

import threading

import numpy as np
from numpy.typing import NDArray

from app.opened import OpenStore
from esl.classes import IGNORE
from esl.errors import EslError


class FlipCounts:
    """Counts of one pair of stores over the images that both have; counted in the background, kept while the server runs."""

    def __init__(self, a: OpenStore, b: OpenStore) -> None:
        """Args:
        a: one store.
        b: another, with maps of the same size.
        """
        self._a, self._b = a, b
        in_b = {image_id: i for i, image_id in enumerate(b.store.image_ids)}
        self._pairs = [(i, in_b[name]) for i, name in enumerate(a.store.image_ids) if name in in_b]
        self._counts: dict[int, list[int]] = {}
        self._damaged: set[int] = set()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def num_pairs(self) -> int:
        """Images that both stores know and that can be read, as far as that has been tried."""
        return len(self._pairs) - len(self._damaged)

    def counts(self) -> dict[int, list[int]]:
        """Image of A -> per class of A, pixels that have that class in one of the two alone; begins or goes on counting."""
        with self._lock:
            if self._thread is None and self._waiting():
                self._thread = threading.Thread(target=self._run, name="flips", daemon=True)
                self._thread.start()
            return dict(self._counts)

    def wait(self, timeout: float) -> None:
        """Wait until what both stores have is counted."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _waiting(self) -> list[tuple[int, int]]:
        tried = {*self._counts, *self._damaged}
        return [(i, j) for i, j in self._pairs if i not in tried and self._a.is_done(i) and self._b.is_done(j)]

    def _run(self) -> None:
        try:
            for i, j in self._waiting():
                try:
                    found = changed(self._a.derive_once(i).label, self._b.derive_once(j).label, self._a.num_classes)
                except EslError:
                    self._damaged.add(i)  # it says so where it is shown; the others are counted
                    continue
                with self._lock:
                    self._counts[i] = found.tolist()
        finally:
            with self._lock:
                self._thread = None


def changed(a: NDArray[np.uint8], b: NDArray[np.uint8], num_classes: int) -> NDArray[np.int64]:
    """(C,) pixels that have class c in `a` or in `b`, and another one in the other; padding (255) is left out."""
    differ = (a != b) & (a != IGNORE) & (b != IGNORE)
    both = np.bincount(a[differ], minlength=256) + np.bincount(b[differ], minlength=256)
    return both[:num_classes]
