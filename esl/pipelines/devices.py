"""The GPUs of this host as jobs name them: `cuda:i` is the i-th one that this process may use.

Asked of the driver's files and of `CUDA_VISIBLE_DEVICES`, so that no CUDA context is made and torch is not needed.
"""

import os
import re
from pathlib import Path

_DRIVER = Path("/proc/driver/nvidia/gpus")
"""One folder for each GPU that the driver sees."""


def visible_devices() -> tuple[str, ...]:
    """Devices of this host that may run jobs: the GPUs in their order, then the CPU."""
    return (*(f"cuda:{i}" for i in range(len(_visible_gpus()))), "cpu")


def gpu_names(devices: tuple[str, ...]) -> tuple[str, ...]:
    """What the driver calls `cuda:i`: its number, or the `GPU-...` or `MIG-...` of this process's `CUDA_VISIBLE_DEVICES`.

    A GPU that is not visible keeps its number; other devices are left out.
    """
    visible = _visible_gpus()
    found = [re.fullmatch(r"cuda:([0-9]{1,4})", device) for device in devices]
    numbers = [int(match[1]) for match in found if match]
    return tuple(visible[i] if i < len(visible) else str(i) for i in numbers)


def _visible_gpus() -> tuple[str, ...]:
    there = len(list(_DRIVER.glob("*"))) if _DRIVER.is_dir() else 0
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is None or not there:
        return tuple(map(str, range(there)))
    visible: list[str] = []
    for name in map(str.strip, given.split(",")):
        # As CUDA reads it: the first entry that names no GPU hides itself and all after it.
        is_number = name.isdecimal() and int(name) < there
        if not (is_number or name.startswith(("GPU-", "MIG-"))) or name in visible:
            break
        visible.append(name)
    return tuple(visible)
