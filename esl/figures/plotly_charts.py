"""The page's charts: Plotly figures in a light and a dark dress.

Plotly reads text as markup; class names and scopes may stem from files and are escaped.
"""

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from esl.figures.values import ESL_COLOR, ESL_NAME, SSL_COLOR, SSL_NAME, ErrorRates, Rates, RiskCurve, ThresholdCurve


def draw_error_bars(rates: ErrorRates, *, dark: bool = False) -> go.Figure:
    """Bars of wrong pixels by class, SSL beside ESL; a class without kept pixels shows a dash. Paper: Table 4."""
    figure = go.Figure()
    names = [escape(name) for name in rates.names]
    for which, name, color in (("ssl", SSL_NAME, SSL_COLOR), ("esl", ESL_NAME, ESL_COLOR)):
        percent = rates.percent(which)
        figure.add_bar(
            x=names,
            y=_plain(percent),
            name=name,
            marker={"color": color, "pattern": {"shape": "/" if which == "ssl" else "", "size": 5, "solidity": 0.25}},
            hovertemplate="%{x}: %{y:.2f} % wrong<extra>" + name + "</extra>",
        )
    for index in np.flatnonzero(np.isnan(rates.percent("ssl")) & np.isnan(rates.percent("esl"))):
        figure.add_annotation(x=int(index), y=0, text="–", showarrow=False, yshift=9, hovertext="nothing kept here")
    figure.update_xaxes(tickangle=-45, tickmode="array", tickvals=names, automargin=True)
    figure.update_yaxes(title_text="% wrong", rangemode="tozero", automargin=True)
    figure.update_layout(barmode="group", bargap=0.25, bargroupgap=0.05)
    return _dress(figure, rates.title, dark, height=380)


def draw_threshold_curves(curve: ThresholdCurve, *, dark: bool = False) -> go.Figure:
    """Error rate over coverage, both against the global threshold, with the one in use marked.

    Without any error rate (no ground truth) coverage stands alone.
    """
    parts = [("error", "% wrong"), ("coverage", "% kept")]
    if np.isnan(curve.percent("error")).all():
        parts = parts[1:]
    figure = make_subplots(rows=len(parts), cols=1, shared_xaxes=True, vertical_spacing=0.09)
    thresholds = [float(t) for t in curve.thresholds]
    for row, (which, words) in enumerate(parts, start=1):
        figure.add_scatter(
            x=thresholds,
            y=_plain(curve.percent(which)),
            name=words,
            mode="lines",
            line={"color": curve.color, "width": 2.5},
            hovertemplate=curve.symbol + " = %{x:.3f}: %{y:.2f} " + words + "<extra></extra>",
            showlegend=False,
            row=row,
            col=1,
        )
        figure.update_yaxes(title_text=words, rangemode="tozero", automargin=True, row=row, col=1)
    if curve.current is not None:
        figure.add_vline(x=curve.current, line={"color": _ink(dark), "width": 1, "dash": "dot"})
    figure.update_xaxes(title_text=f"{curve.symbol} (global threshold)", automargin=True, row=len(parts), col=1)
    return _dress(figure, f"{curve.name}, {curve.scope}", dark, height=420)


def draw_risk_curve(curves: Sequence[RiskCurve], *, scope: str = "whole target set", dark: bool = False) -> go.Figure:
    """Error rate against coverage, one line a criterion, with the thresholds in use as points."""
    figure = go.Figure()
    for curve in curves:
        figure.add_scatter(
            x=_plain(100 * np.asarray(curve.coverage, np.float64)),
            y=_plain(100 * np.asarray(curve.error, np.float64)),
            name=curve.name,
            mode="lines",
            line={"color": curve.color, "width": 2.5, "dash": "dash" if curve.is_dashed else "solid"},
            hovertemplate="%{x:.1f} % kept, %{y:.2f} % wrong<extra>" + curve.name + "</extra>",
        )
        if curve.current is not None:
            figure.add_scatter(
                x=[100 * curve.current[0]],
                y=[100 * curve.current[1]],
                mode="markers",
                name=f"{curve.name}, in use",
                marker={"color": curve.color, "size": 11, "line": {"color": _ink(dark), "width": 1.5}},
                hovertemplate="in use: %{x:.1f} % kept, %{y:.2f} % wrong<extra></extra>",
                showlegend=False,
            )
    figure.update_xaxes(title_text="% kept", automargin=True)
    figure.update_yaxes(title_text="% wrong among kept", rangemode="tozero", automargin=True)
    return _dress(figure, f"Error at equal coverage, {scope}", dark, height=380)


def _plain(values: Rates) -> list[float | None]:
    """JSON knows no NaN: absent values become gaps."""
    return [None if np.isnan(v) else round(float(v), 6) for v in values]


def _ink(dark: bool) -> str:
    return "#e6e8ec" if dark else "#1d2129"


def _dress(figure: go.Figure, title: str, dark: bool, *, height: int) -> go.Figure:
    grid = "rgba(255,255,255,0.12)" if dark else "rgba(0,0,0,0.10)"
    axis: dict[str, Any] = {"gridcolor": grid, "zerolinecolor": grid, "linecolor": grid}
    figure.update_layout(
        template="plotly_dark" if dark else "plotly_white",
        title={"text": escape(title), "font": {"size": 14}, "x": 0.01, "xanchor": "left", "y": 0.97, "yanchor": "top"},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"color": _ink(dark), "size": 12},
        legend={"orientation": "h", "x": 1, "xanchor": "right", "y": 1.0, "yanchor": "bottom"},
        margin={"l": 50, "r": 12, "t": 76, "b": 40},
        height=height,
        hovermode="closest",
    )
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    return figure
