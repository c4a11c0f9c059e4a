"""Time and memory of one piece of work, each contender in a process of its own, so that neither pays for the other."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What one contender took."""

    name: str
    seconds: float
    """Median over the repetitions, per image."""
    peak_mb: float
    """Highest resident memory of the whole process."""
    own_mb: float
    """What of that came after everything was imported and the network loaded."""
    note: str = ""


def resident_mb() -> float:
    """Resident memory now."""
    with open("/proc/self/statm") as stream:
        return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def peak_mb() -> float:
    """Highest resident memory of this process so far; `ru_maxrss` would begin with that of the one that started it."""
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def measure(
    name: str,
    work: Callable[[], object],
    *,
    repeats: int,
    images: int = 1,
    note: str = "",
    clock: Callable[[], float] = time.perf_counter,
    warm_ups: int = 1,
) -> Measurement:
    """Run `work` for warmth, then `repeats` times.

    Args:
        name: of the contender.
        work: does `images` images.
        repeats: how often it is timed; the median counts.
        images: what to divide by.
        note: goes into the table.
        clock: what is read before and after; `time.process_time` where other work shares the machine.
        warm_ups: how often it runs before; a GPU's libraries need several.
    """
    before = resident_mb()
    for _ in range(warm_ups):
        work()
    seconds = []
    for _ in range(repeats):
        start = clock()
        work()
        seconds.append(clock() - start)
    median = sorted(seconds)[len(seconds) // 2] / images
    return Measurement(name=name, seconds=median, peak_mb=peak_mb(), own_mb=max(0.0, peak_mb() - before), note=note)


def report(measurement: Measurement) -> None:
    """Hand a measurement to the parent process: the last line of stdout."""
    print(json.dumps(asdict(measurement)))


def in_process(module: str, arguments: Sequence[str], timeout: float = 1800.0) -> Measurement:
    """Run `python -m module arguments` and read the measurement it reports.

    Raises:
        RuntimeError: the process failed; its stderr is in the message.
    """
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command[1:])} ended with code {done.returncode}:\n{done.stderr[-2000:]}")
    return Measurement(**json.loads(done.stdout.strip().splitlines()[-1]))


def hardware() -> str:
    """Processor, cores, and the versions that matter, in one line."""
    import numpy
    import torch

    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.processor(),
    )
    flags = [
        name for name in ("amx_bf16", "avx512_bf16", "avx512f", "avx2") if name in Path("/proc/cpuinfo").read_text()
    ]
    cores = len(os.sched_getaffinity(0))
    gpu = ""
    if torch.cuda.is_available():
        cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
        gpu = f"{torch.cuda.get_device_name()} (CUDA {torch.version.cuda}, cuDNN {cudnn}), "
    return f"{gpu}{model}, {cores} cores ({', '.join(flags)}), torch {torch.__version__}, NumPy {numpy.__version__}"


def commit() -> str:
    """Short hash of the checkout, with `+` where files differ from it."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    return (
        subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    )
