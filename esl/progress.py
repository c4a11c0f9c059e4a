"""How long jobs report and how they are asked to stop.

A pipeline calls `Progress` after each piece of work and asks `ShouldStop` before the next one; the terminal,
the page and the tests each bring their own.
"""

import sys
import time
from collections.abc import Callable
from typing import Protocol, TextIO

ShouldStop = Callable[[], bool]
"""Asked between two pieces of work; True ends the job in good order, and a later call continues it."""


class Progress(Protocol):
    """Receives how far a job is."""

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Take note that `done` of `total` pieces are finished."""


def no_progress(done: int, total: int, note: str = "") -> None:
    """A `Progress` that says nothing."""


def never_stop() -> bool:
    """A `ShouldStop` that lets the job run to its end."""
    return False


class ProgressLine:
    """A `Progress` for the terminal: count, rate and time left on one line that is drawn over.

    Where the stream is no terminal, a full line is written every ten seconds instead.
    """

    def __init__(self, job: str, stream: TextIO | None = None, *, now: Callable[[], float] = time.monotonic) -> None:
        """Name the job; `stream` defaults to stderr, so that stdout stays for results."""
        self._job, self._stream, self._now = job, stream or sys.stderr, now
        self._is_terminal = self._stream.isatty()
        self._first: tuple[float, int] | None = None
        self._last_drawn = float("-inf")
        self._width = 0

    def __call__(self, done: int, total: int, note: str = "") -> None:
        """Draw the line, at most ten times a second; the last piece is always drawn."""
        now = self._now()
        if self._first is None:
            # A resumed job must not count what an earlier process did as its own speed.
            self._first = (now, done)
        interval = 0.1 if self._is_terminal else 10.0
        if done < total and now - self._last_drawn < interval:
            return
        self._last_drawn = now
        self._draw(self._text(done, total, note, now), is_last=done >= total)

    def _text(self, done: int, total: int, note: str, now: float) -> str:
        assert self._first is not None
        seconds, pieces = now - self._first[0], done - self._first[1]
        text = f"{self._job}: {done}/{total}"
        if pieces > 0 and seconds > 0:
            rate = pieces / seconds
            text += f", {rate:.2f}/s" if rate < 10 else f", {rate:.0f}/s"
            text += f", {duration(seconds)} in all" if done >= total else f", {duration((total - done) / rate)} left"
        return f"{text}  {note}" if note else text

    def _draw(self, text: str, *, is_last: bool) -> None:
        if self._is_terminal:
            self._stream.write("\r" + text.ljust(self._width) + ("\n" if is_last else ""))
            self._width = len(text)
        else:
            self._stream.write(text + "\n")
        self._stream.flush()


def duration(seconds: float) -> str:
    """Seconds as people say them: `42 s`, `3 min 05 s`, `2 h 10 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
