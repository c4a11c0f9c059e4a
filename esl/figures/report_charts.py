"""The same charts for reports: SVG or PNG bytes from Matplotlib, no browser and no display needed.

Equal inputs give equal bytes: no date, no random ids, letters as outlines.
"""

from collections.abc import Sequence
from io import BytesIO
from typing import Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from esl.figures.values import ESL_COLOR, ESL_NAME, SSL_COLOR, SSL_NAME, ErrorRates, RiskCurve, ThresholdCurve

Format = Literal["svg", "png"]

_STYLE: Any = {
    "svg.hashsalt": "esl",
    "svg.fonttype": "path",
    "hatch.linewidth": 0.6,
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.7,
}


def render_error_bars(rates: ErrorRates, kind: Format = "svg") -> bytes:
    """Bars of wrong pixels by class, SSL beside ESL; a class without kept pixels shows a dash. Paper: Table 4."""
    with mpl.rc_context(_STYLE):
        figure, (axes,) = _canvas(max(5.0, 1.6 + 0.46 * len(rates.names)), 3.8, 1)
        at = np.arange(len(rates.names))
        ssl, esl = rates.percent("ssl"), rates.percent("esl")
        axes.bar(
            at - 0.2,
            np.nan_to_num(ssl),
            0.38,
            color=SSL_COLOR,
            hatch="//",
            edgecolor="white",
            linewidth=0,
            label=SSL_NAME,
        )
        axes.bar(at + 0.2, np.nan_to_num(esl), 0.38, color=ESL_COLOR, label=ESL_NAME)
        for index in np.flatnonzero(np.isnan(ssl) & np.isnan(esl)):
            axes.annotate("–", (float(index), 0.0), ha="center", va="bottom")
        axes.set_xticks(at, list(rates.names), rotation=45, ha="right", rotation_mode="anchor")
        axes.set_xlim(-0.7, len(rates.names) - 0.3)
        axes.grid(visible=False, axis="x")
        axes.set_ylabel("% wrong")
        axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
        figure.suptitle(rates.title, x=0.01, ha="left", fontsize=11)
        return _bytes(figure, kind)


def render_threshold_curves(curve: ThresholdCurve, kind: Format = "svg") -> bytes:
    """Error rate over coverage, both against the global threshold, with the one in use marked."""
    with mpl.rc_context(_STYLE):
        figure, rows = _canvas(6.0, 4.6, 2)
        thresholds = np.asarray(curve.thresholds, np.float64)
        for axes, which, words in zip(rows, ("error", "coverage"), ("% wrong", "% kept")):
            axes.plot(thresholds, curve.percent(which), color=curve.color, linewidth=2)
            axes.set_ylim(bottom=0)
            axes.set_ylabel(words)
            if curve.current is not None:
                axes.axvline(curve.current, color="#444444", linewidth=1, linestyle=":")
        rows[-1].set_xlabel(f"{curve.symbol} (global threshold)")
        figure.suptitle(f"{curve.name}, {curve.scope}", x=0.01, ha="left", fontsize=9.5)
        return _bytes(figure, kind)


def render_risk_curve(curves: Sequence[RiskCurve], kind: Format = "svg", *, scope: str = "whole target set") -> bytes:
    """Error rate against coverage, one line a criterion, with the thresholds in use as points."""
    with mpl.rc_context(_STYLE):
        figure, (axes,) = _canvas(6.0, 3.8, 1)
        for curve in curves:
            coverage, error = (100 * np.asarray(v, np.float64) for v in (curve.coverage, curve.error))
            axes.plot(
                coverage,
                error,
                color=curve.color,
                linewidth=2,
                linestyle="--" if curve.is_dashed else "-",
                label=curve.name,
            )
            if curve.current is not None:
                axes.plot(
                    100 * curve.current[0], 100 * curve.current[1], "o", color=curve.color, markeredgecolor="#222222"
                )
        axes.set_ylim(bottom=0)
        axes.set_xlabel("% kept")
        axes.set_ylabel("% wrong among kept")
        axes.legend(frameon=False)
        figure.suptitle(f"Error at equal coverage, {scope}", x=0.01, ha="left", fontsize=9.5)
        return _bytes(figure, kind)


def _canvas(width: float, height: float, rows: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, 1, sharex=True, squeeze=False)[:, 0])


def _bytes(figure: Figure, kind: Format) -> bytes:
    stream = BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(stream, format=kind, dpi=150, metadata=metadata)
    return stream.getvalue()
