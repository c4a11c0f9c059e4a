"""Standard output and error whose reader may leave: `python -m esl audit ... | head -1`.

A training must not die, and no other work be lost, because nobody reads its progress any more. So what is written to a
closed pipe goes nowhere, without a word, and the exit code stays that of the work.
"""

import io
import os
import sys
from typing import Any, TextIO

from esl.errors import EslError


class OutputError(EslError):
    """Standard output cannot be written, for another reason than that nobody reads it."""


class _Outlet(io.FileIO):
    """A standard stream's file."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "wb", closefd=False)

    def write(self, data: Any) -> int:
        """Write; a closed pipe takes all.

        Raises:
            OutputError: standard output is on a full disk, or the like; standard error takes that for said.
        """
        try:
            return super().write(data) or 0
        except BlockingIOError:
            raise
        except BrokenPipeError:
            self._lead_nowhere()
        except OSError as error:
            if self.fileno() == 1:
                # What Python still holds would be tried, and fail, again at the process's end.
                self._lead_nowhere()
                raise OutputError(
                    f"Results must be writable to standard output; they were not ({error.strerror}). Free disk space or "
                    "send them elsewhere; what the command wrote to files stays."
                ) from error
        return memoryview(data).nbytes

    def _lead_nowhere(self) -> None:
        """For this process and those that it starts."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)


def open_streams() -> None:
    """Put such streams in the place of this process's own."""
    sys.stdout, sys.stderr = _outlet(1, sys.stdout), _outlet(2, sys.stderr)


def _outlet(number: int, before: TextIO | None) -> TextIO:
    if not isinstance(before, io.TextIOWrapper):  # closed by the caller (>&-)
        return open(os.devnull, "w", encoding="utf-8")
    return io.TextIOWrapper(
        io.BufferedWriter(_Outlet(number)),
        encoding=before.encoding,
        errors=before.errors,
        line_buffering=before.line_buffering or before.write_through,
    )
