"""One training iteration, side by side: a plain transcription of the published loop, and this engine.

    python -m benchmarks.training [--setting tiny|demo|paper] [--repeats 3] [--device cpu|cuda]
        [--clock wall|cpu] [--out FILE.md]

ADVENT on ResNet-101 with two heads and two discriminators, batch 1 + 1, images decoded from PNG files on the way; on a
GPU beforehand, since there both loops have other processes for that. The published loop runs in fp32 (on a GPU with
cuDNN's search and torch's own TF32, as it would today) with contiguous tensors and Pillow's loader, and passes each
backbone parameter to the optimiser three times, as that code does. Each contender runs in a process of its own. bf16 is
left out where the hardware does not multiply it. `--clock cpu` counts processor seconds: for a machine that is not idle,
with OMP_NUM_THREADS=1.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from benchmarks.measure import Measurement, commit, hardware, in_process, measure, report
from esl.config import DataConfig, TrainConfig
from esl.presets import preset

MODULE = "benchmarks.training"
CONTENDERS = ("reference", "ours_fp32", "ours_bf16")
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


@dataclass(frozen=True)
class Setting:
    """Sizes of one comparison, (height, width)."""

    files: tuple[int, int]
    """Of the PNG files."""
    source: tuple[int, int]
    target: tuple[int, int]
    backbone: str = "resnet101"


SETTINGS = {
    "tiny": Setting((64, 128), (64, 96), (48, 64), "resnet18"),
    "demo": Setting((512, 1024), (256, 512), (256, 512)),
    "paper": Setting((1024, 2048), (720, 1280), (512, 1024)),
}


def write_world(folder: Path, size: tuple[int, int], count: int = 2) -> None:
    """A folder data set of smooth images with labels, `source` and `target`."""
    for split in ("source", "target"):
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for index in range(count):
            rng = np.random.default_rng(index)
            coarse = cv2.resize(rng.integers(0, 256, (16, 32, 3), np.uint8), size[::-1], interpolation=cv2.INTER_CUBIC)
            image = np.clip(coarse + rng.integers(-3, 4, coarse.shape, np.int16), 0, 255).astype(np.uint8)
            label = cv2.resize(rng.integers(0, 19, (8, 16), np.uint8), size[::-1], interpolation=cv2.INTER_NEAREST)
            cv2.imwrite(str(folder / "images" / split / f"{index}.png"), image)
            cv2.imwrite(str(folder / "labels" / split / f"{index}.png"), label)


def config_of(setting: Setting, folder: Path) -> TrainConfig:
    """ADVENT's preset at the sizes of a setting."""
    config = preset("gta5_cityscapes_advent")
    return replace(
        config,
        source=DataConfig(dataset="folder", root=folder, split="source", size=setting.source),
        target=DataConfig(dataset="folder", root=folder, split="target", size=setting.target),
        network=replace(config.network, backbone=setting.backbone),  # type: ignore[arg-type]
        num_workers=0,
    )


def run(name: str, setting: Setting, folder: Path, device: str, repeats: int, clock: str = "wall") -> Measurement:
    """One contender."""
    import torch

    work = _reference(setting, folder, device) if name == "reference" else _ours(name, setting, folder, device)

    def step() -> None:
        work()
        if device == "cuda":
            torch.cuda.synchronize()

    measured = measure(name, step, repeats=repeats, clock=CLOCKS[clock], warm_ups=5 if device == "cuda" else 1)
    if device == "cuda":
        return replace(measured, peak_mb=torch.cuda.max_memory_allocated() / 1e6, own_mb=0.0, note="GPU memory")
    return measured


def _ours(name: str, setting: Setting, folder: Path, device: str) -> Callable[[], object]:
    import torch

    from esl.pipelines.train import batches_of, open_inputs
    from esl.training.batches import to_device
    from esl.training.engine import Engine, make_fabric
    from esl.training.schedule import set_learning_rates
    from esl.training.step import Batch

    config = config_of(setting, folder)
    fabric = make_fabric(accelerator=device, precision="bf16" if name == "ours_bf16" else "fp32")
    engine = Engine(fabric, config, print)
    batches = batches_of(config, open_inputs(config), fabric)

    def read() -> Batch:
        batch = batches[0]
        assert isinstance(batch, Batch), batch
        return batch

    ready = read().pin_memory() if device == "cuda" else None

    def step() -> None:
        batch = ready or read()
        set_learning_rates(config, 0, *engine.optimizers.values())
        engine.zero_grad()
        losses = engine.accumulate(to_device(batch, fabric.device), is_last=True)
        values = torch.stack([*losses.values(), *engine.gradient_norms().values()])
        assert bool(torch.isfinite(values).all())  # the guard that a run has
        engine.update()

    return step


def _reference(setting: Setting, folder: Path, device: str) -> Callable[[], object]:
    from benchmarks.reference_training import published_step

    return published_step(config_of(setting, folder), folder, device)


def table(rows: list[Measurement], setting: str, device: str, clock: str = "wall") -> str:
    """Markdown with ratios to the reference."""
    base = rows[0]
    lines = [
        f"### One ADVENT iteration, setting `{setting}`, {device}", "",
        f"{hardware()}; commit {commit()}; `{_threads()}python -m {MODULE} --setting {setting} --device {device} --clock {clock}`", "",
        f"| | {'processor ' if clock == 'cpu' else ''}seconds | times faster | peak memory (MB) | share of memory |", "|---|---:|---:|---:|---:|",
    ]  # fmt: skip
    for row in rows:
        speed, memory = base.seconds / row.seconds, row.peak_mb / base.peak_mb
        lines.append(f"| {row.name} | {row.seconds:.3f} | {speed:.2f} | {row.peak_mb:.0f} | {memory:.2f} |")
    return "\n".join(lines) + "\n"


def _threads() -> str:
    threads = os.environ.get("OMP_NUM_THREADS")
    return f"OMP_NUM_THREADS={threads} " if threads else ""


def _able(device: str) -> list[str]:
    from esl.models.device import has_native_bf16

    return [name for name in CONTENDERS if name != "ours_bf16" or has_native_bf16(device)]


def main() -> None:
    """Measure all contenders, or one of them as a child process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--setting", choices=SETTINGS, default="demo")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    parser.add_argument("--world", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    setting = SETTINGS[given.setting]
    if given.contender:
        report(run(given.contender, setting, given.world, given.device, given.repeats, given.clock))
        return
    with tempfile.TemporaryDirectory() as world:
        write_world(Path(world) / "w", setting.files)
        common = ["--setting", given.setting, "--repeats", str(given.repeats), "--device", given.device]
        common += ["--clock", given.clock, "--world", f"{world}/w"]
        rows = [in_process(MODULE, [*common, "--contender", name]) for name in _able(given.device)]
    text = table(rows, given.setting, given.device, given.clock)
    print(text)
    if given.out:
        given.out.write_text(text + "\n```json\n" + json.dumps([asdict(r) for r in rows], indent=1) + "\n```\n")


if __name__ == "__main__":
    main()
