"""What a lower precision costs: the share of pixels whose decision changes against float32.

    python -m benchmarks.precision --checkpoint C --images FOLDER [--size H W] [--limit N] [--precision bf16] [--device cuda]

Each precision gets thresholds of its own from its own histograms, as two extractions would; then the pseudo-labels
are compared pixel by pixel.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from esl.data.transforms import resize_image
from esl.images import read_image
from esl.labeling.maps import PredictionMaps, derive_maps
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import Criterion, ScoreHistogram, ThresholdRule, class_thresholds
from esl.models.device import PrecisionName
from esl.models.predictor import Predictor

CRITERIA: tuple[Criterion, ...] = ("max_prob", "entropy")


def decision_change_share(
    first: Sequence[PredictionMaps], second: Sequence[PredictionMaps], num_classes: int, rule: ThresholdRule
) -> dict[str, float]:
    """Share of pixels whose arg max, SSL label or ESL label differs between two sets of maps of the same images.

    Args:
        first: maps of each image, in float32.
        second: maps of the same images, in the other precision.
        num_classes: C.
        rule: gives each set its own thresholds.

    Returns:
        `arg_max`, `max_prob` (SSL) and `entropy` (ESL), each in [0, 1].
    """
    pixels = sum(maps.label.size for maps in first)
    changed = {"arg_max": sum(int((a.label != b.label).sum()) for a, b in zip(first, second, strict=True))}
    for criterion in CRITERIA:
        labels = [_pseudo_labels(maps, num_classes, rule, criterion) for maps in (first, second)]
        changed[criterion] = sum(int((a != b).sum()) for a, b in zip(*labels, strict=True))
    return {name: count / pixels for name, count in changed.items()}


def _pseudo_labels(
    maps: Sequence[PredictionMaps], num_classes: int, rule: ThresholdRule, criterion: Criterion
) -> list[NDArray[np.uint8]]:
    histogram = ScoreHistogram(num_classes)
    for one in maps:
        histogram.update(one)
    thresholds = class_thresholds(histogram, rule)
    return [select_pseudo_label(one, thresholds, criterion) for one in maps]


def maps_in(
    checkpoint: Path,
    paths: Sequence[Path],
    size: tuple[int, int],
    precision: PrecisionName,
    device: Literal["cpu", "cuda"] = "cpu",
) -> tuple[list[PredictionMaps], Predictor]:
    """Maps of each image at `size`, and the predictor that made them."""
    predictor = Predictor.load(checkpoint, device=device, precision=precision)
    images = (resize_image(read_image(path), size) for path in paths)
    return [derive_maps(predictor.predict(image[None])[0], size) for image in images], predictor


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True, help="folder that is searched for .png and .jpg")
    parser.add_argument("--size", type=int, nargs=2, default=(512, 1024), metavar=("H", "W"))
    parser.add_argument("--limit", type=int, default=20)
    parser.add_argument("--precision", choices=("auto", "bf16"), default="auto")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where both precisions predict")
    options = parser.parse_args(arguments)
    paths = sorted(p for p in options.images.rglob("*") if p.suffix in (".png", ".jpg"))[: options.limit]
    size = (options.size[0], options.size[1])
    full, _ = maps_in(options.checkpoint, paths, size, "fp32", options.device)
    other, predictor = maps_in(options.checkpoint, paths, size, options.precision, options.device)
    shares = decision_change_share(full, other, predictor.info.num_classes, ThresholdRule())
    about = {"precision": predictor.precision, "device": predictor.device, "images": len(paths), "size": size}
    print(json.dumps({**about, "changed": shares}, indent=1))


if __name__ == "__main__":
    main()
