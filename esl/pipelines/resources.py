"""What a run will need and what there is, asked before it starts: disk for its checkpoints, memory of its device."""

import math
import re
import shutil
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from esl.config import TrainConfig
from esl.pipelines.devices import gpu_names

PARAMETERS = {
    "resnet101": 44_600_000, "resnet50": 25_600_000, "resnet34": 21_800_000, "resnet18": 11_700_000, "mobilenet_v2": 2_100_000,
}  # fmt: skip
"""Backbone -> about how many parameters DeepLab-V2 has on it."""
_DISCRIMINATOR_PARAMETERS = 2_760_000
"""At the published width of 64; they grow with its square."""
_ANSWER_SECONDS = 5.0
_SGD_BYTES, _ADAM_BYTES = 8, 12
"""Bytes of a float32 parameter with its momentum, or its two moments."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """All in bytes."""

    disk_needed: int
    """Checkpoints that stay, and the one that is being written."""
    disk_free: int
    """Where runs are kept."""
    memory_free: int | None
    """Of the device, the fullest of several; None where it cannot be asked."""

    @property
    def fault(self) -> str:
        """Why a run cannot be started, in words; empty where it can."""
        if self.disk_needed <= self.disk_free:
            return ""
        return (
            f"its checkpoints need about {self.disk_needed / 1e9:.1f} GB of disk and {self.disk_free / 1e9:.1f} GB are free: "
            "empty the trash, free space, or keep fewer checkpoints"
        )

    def to_json(self) -> dict[str, Any]:
        """As the routes answer it."""
        return asdict(self)


def resources_for(config: TrainConfig, runs_dir: Path, devices: tuple[str, ...], trainings: int = 1) -> Resources:
    """What `trainings` runs of a config need below `runs_dir`, and what is free there and on `devices` (`cpu`, `cuda:0`)."""
    return Resources(
        disk_needed=trainings * checkpoint_bytes(config) * (config.keep_checkpoints + 2),
        disk_free=disk_free(runs_dir),
        memory_free=_memory_free(devices),
    )


def checkpoint_bytes(config: TrainConfig) -> int:
    """About how many bytes one checkpoint of a run takes."""
    network = _SGD_BYTES * PARAMETERS[config.network.backbone]
    if not config.method.is_adversarial:
        return network
    heads = 2 if config.network.multi_level else 1
    width = config.method.discriminator_width / 64
    return network + round(heads * _ADAM_BYTES * _DISCRIMINATOR_PARAMETERS * width**2)


def disk_free(folder: Path) -> int:
    """Bytes that are free where a folder is or will be."""
    there = folder.absolute()
    return shutil.disk_usage(next(p for p in (there, *there.parents) if p.is_dir())).free


def _memory_free(devices: tuple[str, ...]) -> int | None:
    gpus = gpu_names(devices)
    return _gpu_memory(gpus) if gpus else _main_memory()


def _main_memory() -> int | None:
    try:
        found = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text())
    except OSError:
        return None
    return 1024 * int(found[1]) if found else None


_asked: dict[tuple[str, ...], tuple[float, int | None]] = {}
"""GPUs -> when they were asked (monotonic seconds), and their answer."""


def _gpu_memory(gpus: tuple[str, ...]) -> int | None:
    """Bytes free on the fullest of some GPUs; a form asks at each keystroke, so an answer holds for a few seconds."""
    when, free = _asked.get(gpus, (-math.inf, None))
    if time.monotonic() - when > _ANSWER_SECONDS:
        free = _ask_driver(gpus)
        _asked[gpus] = time.monotonic(), free
    return free


def _ask_driver(gpus: tuple[str, ...]) -> int | None:
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits", "-i", ",".join(gpus)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=True)
        return min(map(int, done.stdout.split())) << 20
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
