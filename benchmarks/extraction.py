"""Extraction, side by side: the way of the published scripts and ours; seconds and peak memory per image.

    python -m benchmarks.extraction [--images 3] [--repeats 3] [--part head|pipeline|all] [--device cpu|cuda]
                                     [--out FILE.md]

Head: 65x129 logits of 19 classes to label, max-prob and entropy at 1024x512 and 2048x1024. Pipeline: PNG files of
2048x1024 through ResNet-101 (random weights) at 1024x512 to thresholds. Each contender runs in a process of its own.
With `--device cuda` the networks, and the heads that are torch's, work on the GPU; all begin and end in main memory.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.measure import Measurement, commit, hardware, in_process, measure, report

MODULE = "benchmarks.extraction"
SIZE = (512, 1024)
HEAD_SIZES = ((512, 1024), (1024, 2048))
HEADS = ("eager_torch", "numpy", "ours", "ours_second", "ours_logits")
PIPELINES = ("reference", "ours_fp32", "ours_auto")
WHOLE_SET = 2975
"""Images of Cityscapes' training split, for what the float64 buffers of the reference come to."""


def write_images(folder: Path, count: int) -> None:
    """PNG files of 2048x1024 with the smoothness, and so the size (2 MB), of street scenes."""
    for index in range(count):
        rng = np.random.default_rng(index)
        coarse = cv2.resize(rng.integers(0, 256, (32, 64, 3), np.uint8), (2048, 1024), interpolation=cv2.INTER_CUBIC)
        noise = rng.integers(-3, 4, coarse.shape, np.int16)
        cv2.imwrite(str(folder / f"{index:03d}.png"), np.clip(coarse + noise, 0, 255).astype(np.uint8))


def run_head(name: str, size: tuple[int, int], repeats: int, device: str) -> Measurement:
    """One contender of the head."""
    logits = np.random.default_rng(0).normal(0, 3, (19, 65, 129)).astype(np.float32)
    return measure(name, head(name, logits, size, device), repeats=repeats)


def head(name: str, logits: NDArray[np.float32], size: tuple[int, int], device: str) -> Callable[[], object]:
    """The work of one contender: from logits (C, h, w) to maps, both in main memory."""
    if name.startswith("ours"):
        from esl.labeling.maps import derive_maps

        interpolate = "logits" if name == "ours_logits" else "probs"
        return lambda: derive_maps(logits, size, interpolate=interpolate, second=name == "ours_second")  # type: ignore[arg-type]
    import torch

    from benchmarks import reference_way

    way = reference_way.maps_of if name == "numpy" else reference_way.maps_in_torch
    # The copy back also waits for the GPU; on a CPU neither copies.
    return lambda: [torch.as_tensor(one).cpu() for one in way(torch.from_numpy(logits)[None].to(device), size)]


def run_pipeline(name: str, folder: Path, repeats: int, device: str) -> Measurement:
    """One contender of the whole pipeline."""
    from esl.models.deeplab_v2 import build_network
    from esl.models.weights import NetworkInfo

    paths = sorted(folder.glob("*.png"))
    info = NetworkInfo(num_classes=19, class_set="cityscapes19")
    network = build_network(info).eval()
    for block_end in (m for n, m in network.named_parameters() if n.endswith("bn3.weight")):
        block_end.data.fill_(0.2)  # random residual blocks would otherwise double the activations, 33 times over
    if name == "reference":
        from benchmarks import reference_way

        network.to(device)
        buffers = 2 * 8 * SIZE[0] * SIZE[1] * WHOLE_SET / 1e9
        note = f"fp32; its buffers for {WHOLE_SET} images: {buffers:.1f} GB more"
        return measure(
            name,
            lambda: reference_way.extract(paths, SIZE, network),
            repeats=repeats,
            images=len(paths),
            note=note,
        )
    from benchmarks import our_way
    from esl.models.device import resolve_precision
    from esl.models.predictor import Predictor

    precision = resolve_precision("fp32" if name == "ours_fp32" else "auto", device)
    predictor = Predictor(network, info, device=device, precision=precision)
    return measure(
        name,
        lambda: our_way.extract(paths, SIZE, predictor, folder / f"store_{name}"),
        repeats=repeats,
        images=len(paths),
        note=f"{precision}; memory does not grow with the images",
    )


def table(title: str, rows: Sequence[Measurement]) -> str:
    """Markdown: each row against the first."""
    first = rows[0]
    lines = [
        f"### {title}",
        "",
        "| | s / image | ratio | peak MB | of these after start | |",
        "|---|---|---|---|---|---|",
        *(
            f"| {r.name} | {r.seconds:.4f} | {r.seconds / first.seconds:.3f} | {r.peak_mb:.0f} | {r.own_mb:.0f} | {r.note} |"
            for r in rows
        ),
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line; without `--contender` it starts a process for each contender and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=3, help="how many images the pipeline reads")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--part", choices=("head", "pipeline", "all"), default="all")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the networks work")
    parser.add_argument("--out", type=Path, help="also write the tables here (.md), and the numbers beside it (.json)")
    parser.add_argument("--contender", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, default=Path("."), help=argparse.SUPPRESS)
    parser.add_argument("--size", type=int, nargs=2, default=SIZE, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.contender in HEADS:
        report(run_head(options.contender, (options.size[0], options.size[1]), options.repeats, options.device))
    elif options.contender in PIPELINES:
        report(run_pipeline(options.contender, options.folder, options.repeats, options.device))
    else:
        _compare(options.part, options.images, options.repeats, options.device, options.out)


def _compare(part: str, images: int, repeats: int, device: str, out: Path | None) -> None:
    extra: tuple[str, ...]
    results: dict[str, list[Measurement]] = {}
    if part != "pipeline":
        for height, width in HEAD_SIZES:
            extra = ("--size", str(height), str(width), "--repeats", str(10 * repeats), "--device", device)
            title = f"Head: 65x129 logits, 19 classes, to maps of {width}x{height}"
            results[title] = [in_process(MODULE, ("--contender", name, *extra)) for name in HEADS]
    if part != "head":
        with tempfile.TemporaryDirectory() as folder:
            write_images(Path(folder), images)
            extra = ("--folder", folder, "--repeats", str(repeats), "--device", device)
            title = f"Pipeline: {images} PNG of 2048x1024, ResNet-101 at {SIZE[1]}x{SIZE[0]}, to thresholds"
            results[title] = [in_process(MODULE, ("--contender", name, *extra)) for name in PIPELINES]
    where = f"{hardware()}; on {device}; commit {commit()}; median of {repeats} ({10 * repeats} for the head) after one warm run"
    text = "\n\n".join([where, *(table(title, rows) for title, rows in results.items())])
    print(text)
    if out is not None:
        numbers = {"where": where, "results": {title: [asdict(r) for r in rows] for title, rows in results.items()}}
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(f"# Extraction, side by side\n\n`python -m {MODULE}`: {text}\n")
        out.with_suffix(".json").write_text(json.dumps(numbers, indent=1) + "\n")


if __name__ == "__main__":
    main()
