"""A cache that holds a bounded number of bytes and forgets what was used longest ago."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class ByteCache(Generic[V]):
    """Values by key, at most `capacity` bytes of them; safe to share between threads.

    Two threads that miss the same key compute it once: the second waits for the first.
    """

    def __init__(self, capacity: int, size_of: Callable[[V], int]) -> None:
        self.capacity = capacity
        self.num_bytes = 0
        self._size_of = size_of
        self._held: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._making: dict[Hashable, threading.Event] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], V]) -> V:
        """The value of `key`, made now if it is not held; an error of `make` is raised to who asked and not kept."""
        while True:
            with self._lock:
                if key in self._held:
                    self._held.move_to_end(key)
                    return self._held[key][0]
                waiting = self._making.get(key)
                if waiting is None:
                    self._making[key] = threading.Event()
                    break
            waiting.wait()
        try:
            value = make()
            self._keep(key, value)
            return value
        finally:
            with self._lock:
                self._making.pop(key).set()

    def forget(self, belongs: Callable[[Hashable], bool]) -> None:
        """Drop the keys for which `belongs` holds."""
        with self._lock:
            for key in [k for k in self._held if belongs(k)]:
                self.num_bytes -= self._held.pop(key)[1]

    def _keep(self, key: Hashable, value: V) -> None:
        size = self._size_of(value)
        if size > self.capacity:
            return
        with self._lock:
            if key in self._held:
                self.num_bytes -= self._held.pop(key)[1]
            self._held[key] = (value, size)
            self.num_bytes += size
            while self.num_bytes > self.capacity:
                _, (_, freed) = self._held.popitem(last=False)
                self.num_bytes -= freed
