"""Pictures of labels and scores: arrays in, (H, W, 3) uint8 RGB out.

Marks do not rest on hue alone: wrong pixels are hatched, and the colours that stand for the two criteria
(orange for SSL, blue for ESL) differ in lightness and for every common kind of colour blindness.
"""

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE, Color
from esl.errors import ShapeError

Image = NDArray[np.uint8]
"""(H, W, 3) RGB."""
LabelMap = NDArray[np.uint8]
"""(H, W) train ids, 255 where there is none."""

BACKGROUND: Color = (24, 26, 32)
"""Where a map has nothing to say."""
SSL_COLOR: Color = (230, 159, 0)
ESL_COLOR: Color = (86, 180, 233)
BOTH_COLOR: Color = (120, 126, 136)
CORRECT_COLOR: Color = (178, 204, 222)
WRONG_COLOR: Color = (213, 94, 0)
UNLABELLED_COLOR: Color = (78, 82, 92)

COMPARISON_COLORS: tuple[Color, ...] = (BACKGROUND, BOTH_COLOR, SSL_COLOR, ESL_COLOR)
"""By code of `esl.labeling.comparison`: kept by neither, by both, by SSL only, by ESL only."""

_HEAT_ANCHORS = (
    (15, 18, 52), (45, 32, 104), (60, 62, 142), (54, 98, 152), (42, 130, 152),
    (40, 162, 143), (84, 190, 116), (160, 213, 74), (246, 232, 60),
)  # fmt: skip
"""Dark blue over teal to yellow; lightness rises by near equal steps, so the map reads in grey too."""


def _make_heat_table() -> Image:
    anchors = np.array(_HEAT_ANCHORS, np.float64)
    at = np.linspace(0, len(anchors) - 1, 256)
    channels = [np.interp(at, np.arange(len(anchors)), anchors[:, k]) for k in range(3)]
    return np.stack(channels, -1).round().astype(np.uint8)


HEAT_TABLE: Image = _make_heat_table()
"""(256, 3) colours of a heat map from low to high."""


def colourise(label: LabelMap, palette: NDArray[np.uint8]) -> Image:
    """Class colours of a label map.

    Args:
        label: (H, W) uint8 train ids.
        palette: (256, 3) uint8 as `ClassSet.palette()` gives it.

    Raises:
        ShapeError: `label` is not (H, W) uint8 or `palette` not (256, 3).
    """
    _require_map(label, "A label map")
    if palette.shape != (256, 3):
        raise ShapeError(f"A palette must have a colour for each of 256 ids, (256, 3); got {palette.shape}.")
    return palette.astype(np.uint8, copy=False)[label]


def overlay(photo: Image, colors: Image, alpha: float, where: NDArray[np.bool_] | None = None) -> Image:
    """Lay colours over a photo.

    Args:
        photo: (H, W, 3) uint8 RGB.
        colors: Same shape.
        alpha: Opacity of the colours: 0 shows the photo alone, 1 the colours alone.
        where: (H, W) where to lay them; everywhere without it.

    Raises:
        ShapeError: the arrays differ in size.
    """
    _require_same_size(photo, colors)
    weight = float(np.clip(alpha, 0.0, 1.0))
    mixed = np.asarray(cv2.addWeighted(photo, 1.0 - weight, colors, weight, 0.0), np.uint8)
    if where is None:
        return mixed
    _require_same_size(photo, where)
    return np.where(where[..., None], mixed, photo)


def heat_map(values: NDArray[Any], table: Image = HEAT_TABLE, valid: NDArray[np.bool_] | None = None) -> Image:
    """Colours of a score: entropy, confidence.

    Args:
        values: (H, W); uint16 and uint8 use their whole range, floats are read as 0..1 and clipped.
        table: (256, 3) colours from low to high.
        valid: (H, W); pixels outside get the background.

    Raises:
        ShapeError: the arrays differ in size, or `values` is not (H, W).
    """
    if values.ndim != 2:
        raise ShapeError(f"A score map must be (H, W); got {values.shape}.")
    if values.dtype == np.uint16:
        index = (values >> 8).astype(np.uint8)
    elif values.dtype == np.uint8:
        index = values
    else:
        index = (np.clip(np.nan_to_num(values), 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    picture = table[index]
    if valid is not None:
        _require_same_size(picture, valid)
        picture[~valid] = BACKGROUND
    return picture


def difference_map(
    kept: LabelMap, other: LabelMap, palette: NDArray[np.uint8], background: Color = (255, 255, 255)
) -> Image:
    """Class colours of the pixels that `kept` has and `other` has not: "SSL minus ESL" in Figures 1 and 2.

    Args:
        kept: (H, W) pseudo-label, 255 where nothing is kept.
        other: (H, W) the pseudo-label to take away.
        palette: (256, 3) uint8.
        background: Colour of all other pixels.

    Raises:
        ShapeError: the maps differ in size.
    """
    _require_same_size(kept, other)
    picture = colourise(kept, palette)
    picture[(kept == IGNORE) | (other != IGNORE)] = background
    return picture


def comparison_map(codes: NDArray[np.uint8]) -> Image:
    """Colours of who keeps a pixel, by the codes of `esl.labeling.comparison`.

    Raises:
        ShapeError: not (H, W) uint8, or a code above 3.
    """
    _require_map(codes, "A comparison map")
    if codes.size and int(codes.max()) >= len(COMPARISON_COLORS):
        raise ShapeError(f"A comparison map must hold the codes 0 to 3; got {int(codes.max())}.")
    return np.array(COMPARISON_COLORS, np.uint8)[codes]


def error_map(pseudo_label: LabelMap, truth: LabelMap) -> Image:
    """Right and wrong among the kept pixels; wrong ones are hatched, so that hue is not all that tells.

    Args:
        pseudo_label: (H, W), 255 where nothing is kept.
        truth: (H, W), 255 where there is no ground truth.

    Raises:
        ShapeError: the maps differ in size.
    """
    _require_same_size(pseudo_label, truth)
    kept = pseudo_label != IGNORE
    picture = np.empty((*pseudo_label.shape, 3), np.uint8)
    picture[:] = BACKGROUND
    picture[kept] = CORRECT_COLOR
    picture[kept & (truth == IGNORE)] = UNLABELLED_COLOR
    wrong = kept & (truth != IGNORE) & (pseudo_label != truth)
    picture[wrong] = WRONG_COLOR
    rows, columns = np.indices(wrong.shape, sparse=True)
    picture[wrong & ((rows + columns) % 6 == 0)] = (255, 255, 255)
    return picture


def legend_strip(
    names: Sequence[str],
    colors: Sequence[Color],
    width: int,
    *,
    background: Color = (255, 255, 255),
    text_height: int = 12,
) -> Image:
    """Swatches with their names, in as many rows as `width` asks for; no name is cut.

    Args:
        names: What each colour means; ASCII.
        colors: As many RGB values.
        width: Of the strip, in pixels; widened where a single name needs more.
        background: Behind the text, which turns dark or light to suit it.
        text_height: Of a capital letter, in pixels.

    Raises:
        ShapeError: not as many names as colours.
    """
    if len(names) != len(colors):
        raise ShapeError(f"Each name needs a colour; got {len(names)} names and {len(colors)} colours.")
    font, scale = cv2.FONT_HERSHEY_SIMPLEX, text_height / 22.0
    widths = [cv2.getTextSize(name, font, scale, 1)[0][0] for name in names]
    swatch, gap, line = 2 * text_height, text_height, 2 * text_height + 4
    width = max([width, *(swatch + gap // 2 + w + 2 * gap for w in widths)])
    places, x, row = [], gap, 0
    for text_width in widths:
        item = swatch + gap // 2 + text_width + gap
        if x + item > width and x > gap:
            x, row = gap, row + 1
        places.append((x, row * line))
        x += item
    strip = np.empty(((row + 1) * line, width, 3), np.uint8)
    strip[:] = background
    ink = (20, 20, 20) if sum(background) > 382 else (236, 236, 236)
    for (left, top), name, color in zip(places, names, colors):
        strip[top + 3 : top + line - 3, left : left + swatch] = color
        origin = (left + swatch + gap // 2, top + line // 2 + text_height // 2)
        cv2.putText(strip, name, origin, font, scale, ink, 1, cv2.LINE_AA)
    return strip


def _require_map(values: NDArray[np.uint8], what: str) -> None:
    if values.ndim != 2 or values.dtype != np.uint8:
        raise ShapeError(f"{what} must be (H, W) uint8; got {values.shape} {values.dtype}.")


def _require_same_size(first: NDArray[Any], second: NDArray[Any]) -> None:
    if first.shape[:2] != second.shape[:2]:
        raise ShapeError(
            f"Maps of one picture must have one size: got {first.shape[:2]} and {second.shape[:2]}. "
            "Bring both to the store's map_size first."
        )
