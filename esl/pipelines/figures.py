"""The paper's figures from a prediction store: plates (Figures 1 and 2) as PNG, error and coverage curves as PNG, SVG and CSV."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE, ClassSet
from esl.errors import DataError
from esl.figures.plates import Box, PlateRow, plate_of_rows
from esl.figures.report_charts import render_error_bars, render_risk_curve, render_threshold_curves
from esl.figures.values import ErrorRates, RiskCurve, ThresholdCurve
from esl.files import safe_join, write_bytes
from esl.labeling.audit import AuditHistogram, audit
from esl.labeling.comparison import SSL_ONLY, compare
from esl.labeling.maps import PredictionMaps
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import ScoreHistogram, ThresholdRule, Thresholds, class_thresholds
from esl.pipelines.audit import audit_histogram
from esl.pipelines.targets import Targets
from esl.progress import Progress, ShouldStop, never_stop, no_progress
from esl.render import colourise, difference_map
from esl.store.predictions import PredictionStore

NUM_ROWS = 3
"""Images of Figure 2."""
_GRID = np.round(np.arange(0.01, 1.0, 0.01), 2)
_ZOOM_SHARE = 0.22
"""Width of a zoom box over that of the image."""


class Pictures(Protocol):
    """Photos and ground truth of a store's images; `Targets` is one."""

    def photo(self, image_id: str) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB at the store's `map_size`; DataError where there is none."""

    def label(self, image_id: str) -> NDArray[np.uint8]:
        """(H, W) uint8 train ids; DataError where there is none."""


def plate_row(
    maps: PredictionMaps, thresholds: Thresholds, classes: ClassSet, pictures: Pictures, image_id: str
) -> PlateRow:
    """One image as the paper shows it; zoom boxes lie where SSL minus ESL is densest.

    A store may outlive its photos: the photo is then black, and a missing ground truth says so.
    """
    palette = classes.palette()
    ssl = select_pseudo_label(maps, thresholds, "max_prob")
    esl = select_pseudo_label(maps, thresholds, "entropy")
    photo, truth = np.zeros((*maps.label.shape, 3), np.uint8), None
    try:
        photo = pictures.photo(image_id)
    except DataError:
        pass
    try:
        truth = colourise(pictures.label(image_id), palette)
    except DataError:
        pass
    return PlateRow(
        photo=photo,
        truth=truth,
        ssl=colourise(ssl, palette),
        esl=colourise(esl, palette),
        difference=difference_map(ssl, esl, palette),
        boxes=zoom_boxes((ssl != IGNORE) & (esl == IGNORE)),
    )


def zoom_boxes(difference: NDArray[np.bool_], count: int = 2) -> tuple[Box, ...]:
    """Up to `count` boxes of the image's shape, apart from each other, that hold most of a difference (H, W)."""
    height, width = difference.shape
    tall, wide = (max(1, round(side * _ZOOM_SHARE)) for side in (height, width))
    left = difference.astype(np.float32)
    boxes: list[Box] = []
    for _ in range(count):
        # Sums of all windows at once; the window's corner is where its sum stands.
        sums = cv2.boxFilter(
            left, cv2.CV_32F, (wide, tall), anchor=(0, 0), normalize=False, borderType=cv2.BORDER_CONSTANT
        )
        sums = sums[: height - tall + 1, : width - wide + 1]
        y, x = np.unravel_index(int(sums.argmax()), sums.shape)
        if sums[y, x] < 1:
            break
        boxes.append((int(x), int(y), int(x) + wide, int(y) + tall))
        left[y : y + tall, x : x + wide] = 0
        left[max(0, y - tall + 1) : y + tall, max(0, x - wide + 1) : x + wide] = 0
    return tuple(boxes)


def plate(
    store: PredictionStore, thresholds: Thresholds, image_ids: Sequence[str], pictures: Pictures | None = None
) -> bytes:
    """PNG of some images, one below the other, with a legend of the classes in them. Paper: Figures 1 and 2."""
    pictures = Targets.of(store.manifest) if pictures is None else pictures
    classes, rows = store.class_set, []
    for image_id in image_ids:
        rows.append(plate_row(store.maps(image_id), thresholds, classes, pictures, image_id))
    shown = _shown_classes(rows, classes)
    return plate_of_rows(rows, names=[classes.names[c] for c in shown], colors=[classes.colors[c] for c in shown])


def _shown_classes(rows: Sequence[PlateRow], classes: ClassSet) -> list[int]:
    """Train ids whose colour is in a map that is shown: ground truth and kept labels, not what was left out."""
    maps = [m for row in rows for m in (row.truth, row.ssl, row.esl) if m is not None]
    seen = {tuple(color) for m in maps for color in np.unique(m.reshape(-1, 3), axis=0).tolist()}
    return [c for c in range(classes.num_classes) if tuple(classes.colors[c]) in seen]


def most_different(
    store: PredictionStore, thresholds: Thresholds, count: int, *, progress: Progress = no_progress
) -> list[str]:
    """Images with most pixels that SSL keeps and ESL does not, most first; equal ones in the store's order."""
    ids = [i for i in store.image_ids if store.has(i)]
    pixels = []
    for done, image_id in enumerate(ids, start=1):
        pixels.append(int((compare(store.maps(image_id), thresholds) == SSL_ONLY).sum()))
        progress(done, len(ids))
    return [ids[k] for k in np.argsort(-np.asarray(pixels), kind="stable")[:count]]


def write_plates(
    store: PredictionStore,
    thresholds: Thresholds,
    image_ids: Sequence[str],
    folder: Path,
    *,
    pictures: Pictures | None = None,
    progress: Progress = no_progress,
    should_stop: ShouldStop = never_stop,
) -> tuple[int, int]:
    """Write one plate per image under its own path; what is there already stays.

    Returns:
        Number of files and their bytes.
    """
    pictures = Targets.of(store.manifest) if pictures is None else pictures
    files, num_bytes = 0, 0
    for image_id in image_ids:
        if should_stop():
            break
        path = safe_join(folder, str(PurePosixPath(image_id).with_suffix("")) + ".png")
        if not path.is_file():
            write_bytes(path, plate(store, thresholds, [image_id], pictures))
        files, num_bytes = files + 1, num_bytes + path.stat().st_size
        progress(files, len(image_ids))
    return files, num_bytes


def write_figures(
    store: PredictionStore,
    rule: ThresholdRule,
    out_dir: Path,
    *,
    image_ids: Sequence[str] = (),
    progress: Progress = no_progress,
) -> list[Path]:
    """Write Figures 1 and 2 and, with ground truth, the error and coverage curves; say which files.

    Args:
        store: complete.
        rule: thresholds of SSL and ESL.
        out_dir: gets `figure1.png`, `figure2.png`, `error_rates`, `nu_star`, `mu_star` and `risk` as .svg and .png, and
            `curves.csv`.
        image_ids: images of Figure 2, the first of which is Figure 1; by default those with most SSL minus ESL.
        progress: told of each image that is read.

    Raises:
        DataError: the store is not complete, or lacks a named image.
    """
    if not store.is_complete:
        raise DataError(
            f"Figures need a complete store; {store.directory} has {store.num_done} images. Let extract finish."
        )
    missing = [i for i in image_ids if not store.has(i)]
    if missing:
        raise DataError(f"A figure's images must be in the store; {missing[0]} is not in {store.directory}.")
    scores = store.histogram()
    thresholds = class_thresholds(scores, rule)
    chosen = list(image_ids) or most_different(store, thresholds, NUM_ROWS, progress=progress)
    files = {"figure1.png": plate(store, thresholds, chosen[:1]), "figure2.png": plate(store, thresholds, chosen)}
    labels = Targets.of(store.manifest)
    if any(labels.has_label(i) for i in store.image_ids):
        counts, height_width = audit_histogram(store, labels, progress=progress), "x".join(map(str, store.map_size))
        scope = f"{store.num_done} images of {store.manifest.dataset} {store.manifest.split}, maps {height_width}"
        files |= _charts(counts, scores, rule, store.class_set.names, scope)
    for name, content in files.items():
        write_bytes(out_dir / name, content)
    return [out_dir / name for name in files]


def _charts(
    counts: AuditHistogram, scores: ScoreHistogram, rule: ThresholdRule, names: tuple[str, ...], scope: str
) -> dict[str, bytes]:
    report = audit(counts, scores, rule, names)
    nan, total = float("nan"), report.total
    rate = [(r.ssl.error_rate, r.esl.error_rate) for r in report.rows_by_class]
    bars = ErrorRates(
        names=[r.name for r in report.rows_by_class],
        ssl=[nan if s is None else s for s, _ in rate],
        esl=[nan if e is None else e for _, e in rate],
        overall=(total.ssl.error_rate or 0.0, total.esl.error_rate or 0.0),
        scope=scope,
    )
    nu = [audit(counts, scores, replace(rule, nu_star=float(v)), names).total for v in _GRID]
    mu = [audit(counts, scores, replace(rule, mu_star=float(v)), names).total for v in _GRID]
    esl = [(r.esl_coverage or 0.0, nan if r.esl.error_rate is None else r.esl.error_rate) for r in nu]
    ssl = [(r.ssl_coverage or 0.0, nan if r.ssl.error_rate is None else r.ssl.error_rate) for r in mu]
    curves = {
        "nu_star": ThresholdCurve(
            criterion="entropy", thresholds=_GRID, coverage=[c for c, _ in esl], error=[e for _, e in esl], current=rule.nu_star,
            scope=scope,
        ),
        "mu_star": ThresholdCurve(
            criterion="max_prob", thresholds=_GRID, coverage=[c for c, _ in ssl], error=[e for _, e in ssl], current=rule.mu_star,
            scope=scope,
        ),
    }  # fmt: skip
    risk = [
        RiskCurve(
            criterion="max_prob", coverage=[c for c, _ in ssl], error=[e for _, e in ssl],
            current=(total.ssl_coverage or 0.0, total.ssl.error_rate or 0.0),
        ),
        RiskCurve(
            criterion="entropy", coverage=[c for c, _ in esl], error=[e for _, e in esl],
            current=(total.esl_coverage or 0.0, total.esl.error_rate or 0.0),
        ),
    ]  # fmt: skip
    files: dict[str, bytes] = {}
    for kind in ("svg", "png"):
        files[f"error_rates.{kind}"] = render_error_bars(bars, kind)
        files[f"risk.{kind}"] = render_risk_curve(risk, kind, scope=scope)
        for name, curve in curves.items():
            files[f"{name}.{kind}"] = render_threshold_curves(curve, kind)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["criterion", "threshold", "coverage", "error_rate", "counted_on"])
    for name, points in (("max_prob", ssl), ("entropy", esl)):
        table.writerows([name, t, c, e, scope] for t, (c, e) in zip(_GRID.tolist(), points, strict=True))
    return {**files, "curves.csv": text.getvalue().encode()}
