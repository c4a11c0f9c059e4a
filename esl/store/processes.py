"""Tell a process from a later one that was given its number."""

import os
from pathlib import Path


def process_started(pid: int) -> str:
    """The process's start time in clock ticks since boot; empty when there is none (or it is a zombie)."""
    try:
        fields_after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return _without_proc(pid)
    return "" if fields_after_name[0] in "ZX" else fields_after_name[19]


def _without_proc(pid: int) -> str:
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "unknown"
