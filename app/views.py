"""What the plain page shows, as plain values: a `Session` and a store in, pictures and numbers out; no browser needed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.library import Library
from app.opened import OpenStore
from app.session import Session
from esl.classes import IGNORE, ClassSet
from esl.errors import DataError
from esl.figures.values import ErrorRates
from esl.labeling.comparison import ESL_ONLY, SSL_ONLY, compare
from esl.labeling.maps import PredictionMaps
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import ScoreHistogram, Thresholds, class_thresholds
from esl.pipelines.ranking import truth_of
from esl.render import colourise, difference_map, overlay

Image = NDArray[np.uint8]

HEADERS = (
    "class",
    "SSL kept %",
    "ESL kept %",
    "SSL wrong %",
    "ESL wrong %",
    "change %",
    "only SSL px",
    "of them wrong %",
)


@dataclass(frozen=True)
class Panels:
    """The four pictures of one image, (H, W, 3) RGB at `map_size`."""

    truth: Image
    ssl: Image
    esl: Image
    difference: Image
    truth_note: str
    """Why there is no ground truth to see, or an empty string."""


@dataclass(frozen=True)
class Numbers:
    """A table and what it is of."""

    rows: tuple[tuple[Any, ...], ...]
    """In the order of `HEADERS`; None where there is nothing to say. The last row is all classes together."""
    num_images: int
    num_pixels: int
    has_truth: bool
    bound: int
    """Classes whose nu(c) is their median, so that the slider does not move them."""


def thresholds_for(opened: OpenStore, session: Session) -> Thresholds:
    """mu(c) and nu(c) of a session, medians from the whole set or from this image."""
    return class_thresholds(scores_for(opened, session), session.rule)


def scores_for(opened: OpenStore, session: Session) -> ScoreHistogram:
    """The histogram that a session's medians come from."""
    if session.source == "set":
        return opened.histogram()
    scores = ScoreHistogram(opened.num_classes)
    scores.update(opened.maps(session.image))
    return scores


def panels(opened: OpenStore, session: Session) -> Panels:
    """Ground truth, SSL, ESL and SSL minus ESL.

    Raises:
        NotDoneError: the network has not seen the image yet.
    """
    maps, thresholds = opened.maps(session.image), thresholds_for(opened, session)
    palette = opened.store.class_set.palette()
    truth, note = _truth(opened, session.image)
    ssl = select_pseudo_label(maps, thresholds, "max_prob")
    esl = select_pseudo_label(maps, thresholds, "entropy")
    pictures = [
        colourise(np.full_like(maps.label, IGNORE) if truth is None else truth, palette),
        colourise(ssl, palette),
        colourise(esl, palette),
        difference_map(ssl, esl, palette, (0, 0, 0)),
    ]
    if session.opacity > 0:
        photo = opened.photo(session.image)
        pictures = [overlay(photo, picture, 1.0 - session.opacity) for picture in pictures]
    return Panels(pictures[0], pictures[1], pictures[2], pictures[3], note)


def image_numbers(opened: OpenStore, session: Session) -> Numbers:
    """The table of one image, counted on its pixels."""
    maps, thresholds = opened.maps(session.image), thresholds_for(opened, session)
    truth, _ = _truth(opened, session.image)
    counts = _count(maps, thresholds, truth, opened.num_classes)
    rows = [_row(name, counts[c]) for c, name in enumerate(opened.store.class_set.names)]
    return Numbers(
        rows=(*rows, _row("all classes", counts.sum(axis=0))),
        num_images=1,
        num_pixels=int(counts.sum()),
        has_truth=truth is not None,
        bound=int(thresholds.nu_median_binds.sum()),
    )


def set_numbers(library: Library, opened: OpenStore, session: Session) -> Numbers:
    """The table of the whole set, from histograms: no pixel is touched, whatever the size of the set."""
    numbers = library.numbers(opened)
    scores = None if session.source == "set" else scores_for(opened, session)
    report = numbers.report(session.rule, scores)
    *by_class, total = report.rows()
    return Numbers(
        rows=(*(_cells(row["class"], row) for row in by_class), _cells("all classes", total)),
        num_images=numbers.num_counted,
        num_pixels=report.total.num_pixels,
        has_truth=report.has_truth,
        bound=int(report.thresholds.nu_median_binds.sum()),
    )


def summary(scope: str, numbers: Numbers) -> str:
    """One line about a table, plain text."""
    _, ssl_kept, esl_kept, ssl_wrong, esl_wrong, change, *_ = numbers.rows[-1]
    text = (
        f"{scope} ({numbers.num_images:,} image{'s' if numbers.num_images != 1 else ''}, {numbers.num_pixels:,} px): "
    )
    text += f"SSL keeps {_shown(ssl_kept)}, ESL keeps {_shown(esl_kept)}"
    if not numbers.has_truth:
        return text + "; no ground truth, so nothing is said about errors"
    text += f"; wrong among kept: SSL {_shown(ssl_wrong)}, ESL {_shown(esl_wrong)}"
    return text + (f" ({change:+.1f} %)" if change is not None else "")


def error_rates(rows: Sequence[tuple[Any, ...]], scope: str) -> ErrorRates:
    """What the per-class plot is drawn from, out of a table's rows."""
    *by_class, total = [(row[0], *(math.nan if v is None else v / 100 for v in row[3:5])) for row in rows]
    overall = None if math.isnan(total[1]) or math.isnan(total[2]) else (total[1], total[2])
    return ErrorRates(
        names=[row[0] for row in by_class],
        ssl=[row[1] for row in by_class],
        esl=[row[2] for row in by_class],
        overall=overall,
        scope=scope,
    )


def legend(class_set: ClassSet) -> list[tuple[str, str]]:
    """Class names and CSS colours."""
    return [
        (name, "#{:02x}{:02x}{:02x}".format(*color))
        for name, color in zip(class_set.names, class_set.colors, strict=True)
    ]


def _truth(opened: OpenStore, i: int) -> tuple[NDArray[np.uint8] | None, str]:
    try:
        truth = opened.truth(i)
    except DataError as error:
        return None, str(error)
    return truth, "" if truth is not None else "This image has no ground truth: the panel is empty, the rest works."


def _count(
    maps: PredictionMaps, thresholds: Thresholds, truth: NDArray[np.uint8] | None, num_classes: int
) -> NDArray[np.int64]:
    """(C, 3, 4): class, truth, comparison group."""
    inside = maps.label != IGNORE
    cell = maps.label[inside].astype(np.int64) * 3 + truth_of(maps.label, truth)[inside]
    groups = compare(maps, thresholds)[inside]
    return np.bincount(cell * 4 + groups, minlength=num_classes * 12).reshape(num_classes, 3, 4)


def _row(name: str, counts: NDArray[np.int64]) -> tuple[Any, ...]:
    both = counts[:, 1]
    ssl, esl, only = both + counts[:, SSL_ONLY], both + counts[:, ESL_ONLY], counts[:, SSL_ONLY]
    total = int(counts.sum())
    wrong = [_ratio(int(k[1]), int(k[0] + k[1])) for k in (ssl, esl, only)]
    change = None if wrong[0] is None or wrong[1] is None or wrong[0] == 0 else (wrong[1] - wrong[0]) / wrong[0]
    return _cells(
        name,
        {
            "ssl_coverage": _ratio(int(ssl.sum()), total),
            "esl_coverage": _ratio(int(esl.sum()), total),
            "ssl_error_rate": wrong[0],
            "esl_error_rate": wrong[1],
            "relative_change": change,
            "ssl_only_pixels": int(only.sum()),
            "ssl_only_error_rate": wrong[2],
        },
    )


def _cells(name: str, row: dict[str, Any]) -> tuple[Any, ...]:
    shares = ("ssl_coverage", "esl_coverage", "ssl_error_rate", "esl_error_rate", "relative_change")
    percent = [None if row[key] is None else round(100 * row[key], 2) for key in (*shares, "ssl_only_error_rate")]
    return (name, *percent[:5], row["ssl_only_pixels"], percent[5])


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _shown(percent: float | None) -> str:
    return "nothing" if percent is None else f"{percent:.1f} %"
