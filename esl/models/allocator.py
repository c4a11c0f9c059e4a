"""How a process on the CPU gets memory for activations."""

import ctypes
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_KEPT_BYTES = 512 * 1024 * 1024


@cache
def reuse_freed_memory() -> bool:
    """Let this process use freed buffers again instead of asking the kernel for each one.

    glibc maps every buffer above 32 MB anew, and the kernel clears it page by page: a tenth of a ResNet-101's forward
    pass at 1024x512. Afterwards at most 512 MB of freed memory stay with the process.

    Returns:
        Whether the C library took it; one without `mallopt` (musl, macOS) works as before.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES))
