"""Figures 1 and 2 of the paper as PNG: photo, ground truth, SSL, ESL, SSL minus ESL, with zoomed details.

Panels keep their own pixels; nothing is resampled but the zoomed details, and those by whole pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from esl.errors import ShapeError

Image = NDArray[np.uint8]
Box = tuple[int, int, int, int]
"""(x0, y0, x1, y1) in pixels of the panel; x1 and y1 lie outside."""

HEADINGS = ("Image", "Ground truth", "SSL", "ESL", "SSL minus ESL")
BOX_COLORS = ("#e6194b", "#0077bb", "#ee7733")
_DPI, _GAP, _HEAD, _EDGE, _SWATCH = 100, 6, 26, 10, 132


@dataclass(frozen=True, kw_only=True)
class PlateRow:
    """The five pictures of one target image, (H, W, 3) uint8 RGB of one size.

    Raises:
        ShapeError: the pictures differ in size, or a box is empty or lies outside.
    """

    photo: Image
    truth: Image | None
    """None where there is no ground truth; its panel says so."""
    ssl: Image
    esl: Image
    difference: Image
    boxes: tuple[Box, ...] = ()
    """Up to three details to zoom in on."""

    def __post_init__(self) -> None:
        shapes = {panel.shape for panel in self.panels if panel is not None}
        if len(shapes) != 1:
            raise ShapeError(f"The pictures of one row must have one size; got {sorted(shapes)}.")
        height, width = self.size
        for x0, y0, x1, y1 in self.boxes:
            if not (0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height):
                raise ShapeError(f"A zoom box must lie inside {width}x{height} pixels; got {(x0, y0, x1, y1)}.")
        if len(self.boxes) > len(BOX_COLORS):
            raise ShapeError(f"A row has at most {len(BOX_COLORS)} zoom boxes; got {len(self.boxes)}.")

    @property
    def panels(self) -> tuple[Image | None, ...]:
        """In the order of `HEADINGS`."""
        return (self.photo, self.truth, self.ssl, self.esl, self.difference)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        return self.photo.shape[0], self.photo.shape[1]


def plate_of_one(row: PlateRow, *, names: Sequence[str] = (), colors: Sequence[tuple[int, int, int]] = ()) -> bytes:
    """PNG of one image: the five panels, and below each panel its zoomed details. Paper: Figure 1.

    Args:
        row: The pictures and up to three boxes.
        names: Classes for the legend; none without them.
        colors: Their RGB.
    """
    return plate_of_rows([row], names=names, colors=colors)


def plate_of_rows(
    rows: Sequence[PlateRow], *, names: Sequence[str] = (), colors: Sequence[tuple[int, int, int]] = ()
) -> bytes:
    """PNG of several images, one below the other, each with its zoomed details. Paper: Figure 2.

    Args:
        rows: At least one.
        names: Classes for the legend; none without them.
        colors: Their RGB.

    Raises:
        ShapeError: no rows, or not as many colours as names.
    """
    if not rows or len(names) != len(colors):
        raise ShapeError(
            f"A plate needs rows, and a colour for each name; got {len(rows)}, {len(names)} and {len(colors)}."
        )
    widest = max(row.size[1] for row in rows)
    width = 2 * _EDGE + len(HEADINGS) * widest + (len(HEADINGS) - 1) * _GAP
    per_line = max((width - 2 * _EDGE) // _SWATCH, 1)
    legend = 24 * -(-len(names) // per_line) + (8 if names else 0)
    heights = [row.size[0] + (_zoom_height(row) + _GAP if row.boxes else 0) for row in rows]
    height = 2 * _EDGE + _HEAD + sum(heights) + _GAP * (len(rows) - 1) + legend
    with mpl.rc_context({"font.family": "DejaVu Sans"}):
        sheet = _Sheet(width, height)
        for k, heading in enumerate(HEADINGS):
            sheet.text(
                _EDGE + k * (widest + _GAP) + widest / 2,
                _EDGE + _HEAD / 2,
                heading,
                size=min(12, widest / 13),
                align="center",
            )
        top = _EDGE + _HEAD
        for row, tall in zip(rows, heights):
            _place_row(sheet, row, top, widest)
            top += tall + _GAP
        for k, (name, color) in enumerate(zip(names, colors)):
            x, y = _EDGE + (k % per_line) * _SWATCH, top + 2 + 24 * (k // per_line)
            sheet.rectangle((x, y + 3, x + 22, y + 17), face=color)
            sheet.text(x + 28, y + 10, name, size=9.5, align="left")
        return sheet.png()


class _Sheet:
    """A page measured in pixels from the top left."""

    def __init__(self, width: int, height: int) -> None:
        self._width, self._height = width, height
        self._figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor="white")
        FigureCanvasAgg(self._figure)

    def image(self, pixels: Image, x: int, y: int) -> None:
        self._figure.figimage(pixels, x, self._height - y - pixels.shape[0], origin="upper")

    def text(self, x: float, y: float, words: str, *, size: float, align: str) -> None:
        self._figure.text(x / self._width, 1 - y / self._height, words, fontsize=size, ha=align, va="center", zorder=6)

    def rectangle(
        self, box: tuple[float, float, float, float], *, face: tuple[int, int, int] | None = None, edge: str = "none"
    ) -> None:
        x0, y0, x1, y1 = box
        corner = (x0 / self._width, 1 - y1 / self._height)
        fill = "none" if face is None else tuple(c / 255 for c in face)
        patch = Rectangle(
            corner,
            (x1 - x0) / self._width,
            (y1 - y0) / self._height,
            transform=self._figure.transFigure,
            facecolor=fill,
            edgecolor=edge,
            linewidth=1.6,
            zorder=1 if edge == "none" else 5,
        )
        self._figure.add_artist(patch)

    def png(self) -> bytes:
        stream = BytesIO()
        self._figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
        return stream.getvalue()


def _zoom_width(row: PlateRow) -> int:
    return (row.size[1] - _GAP * (len(row.boxes) - 1)) // len(row.boxes)


def _zoom_height(row: PlateRow) -> int:
    wide = _zoom_width(row)
    return max(min(wide * (y1 - y0) // (x1 - x0), row.size[0]) for x0, y0, x1, y1 in row.boxes)


def _zoom(panel: Image, box: Box, size: tuple[int, int]) -> Image:
    """The box enlarged to fill (height, width), by nearest neighbour; its surroundings fill what its shape leaves."""
    x0, y0, x1, y1 = box
    height, width = size
    scale = max((x1 - x0) / width, (y1 - y0) / height)
    ys = np.floor((y0 + y1) / 2 + (np.arange(height) + 0.5 - height / 2) * scale).astype(int)
    xs = np.floor((x0 + x1) / 2 + (np.arange(width) + 0.5 - width / 2) * scale).astype(int)
    picked: Image = panel[np.clip(ys, 0, panel.shape[0] - 1)[:, None], np.clip(xs, 0, panel.shape[1] - 1)]
    return picked


def _place_row(sheet: _Sheet, row: PlateRow, top: int, widest: int) -> None:
    height, width = row.size
    for k, panel in enumerate(row.panels):
        left = _EDGE + k * (widest + _GAP)
        if panel is None:
            sheet.rectangle((left, top, left + width, top + height), face=(236, 236, 236))
            sheet.text(left + width / 2, top + height / 2, "no ground truth", size=min(11, width / 13), align="center")
            continue
        sheet.image(panel, left, top)
        for index, box in enumerate(row.boxes):
            color, wide, tall = BOX_COLORS[index], _zoom_width(row), _zoom_height(row)
            sheet.rectangle((left + box[0], top + box[1], left + box[2], top + box[3]), edge=color)
            x, y = left + index * (wide + _GAP), top + height + _GAP
            sheet.image(_zoom(panel, box, (tall, wide)), x, y)
            sheet.rectangle((x + 1, y + 1, x + wide - 1, y + tall - 1), edge=color)
