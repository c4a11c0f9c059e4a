"""The page's charts as Plotly figures: numbers in, the figure that the library draws of them out.

The browser holds the counts of what it shows (an image, the filtered images, the set), so it sends shares; how a chart
looks stands once, in `esl.figures`.
"""

from math import nan
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from esl.figures.plotly_charts import draw_error_bars, draw_threshold_curves
from esl.figures.values import ErrorRates, ThresholdCurve
from esl.labeling.thresholds import Criterion

router = APIRouter(prefix="/figures")

Share = Annotated[float, Field(ge=0, le=1)]
Shares = Annotated[list[Share | None], Field(max_length=2001)]
"""0..1, null where there is nothing to say."""


class BarsBody(BaseModel):
    """Body of `POST /figures/error-bars`."""

    names: list[Annotated[str, Field(max_length=200)]] = Field(max_length=256)
    ssl: Shares
    esl: Shares
    overall: tuple[Share, Share] | None = None
    scope: str = Field("whole target set", max_length=300)
    dark: bool = False


class CurveBody(BaseModel):
    """Body of `POST /figures/threshold-curves`."""

    criterion: Criterion
    thresholds: list[Share] = Field(max_length=2001)
    error: Shares
    coverage: Shares
    current: Share | None = None
    scope: str = Field("whole target set", max_length=300)
    dark: bool = False


@router.post("/error-bars")
def error_bars(body: BarsBody) -> Response:
    """Error rate of each class, SSL beside ESL. Paper: Table 4."""
    rates = ErrorRates(
        names=body.names, ssl=_gaps(body.ssl), esl=_gaps(body.esl), overall=body.overall, scope=body.scope
    )
    return _figure(draw_error_bars(rates, dark=body.dark).to_json())


@router.post("/threshold-curves")
def threshold_curves(body: CurveBody) -> Response:
    """Error rate and coverage of one criterion against its global threshold."""
    curve = ThresholdCurve(
        criterion=body.criterion,
        thresholds=body.thresholds,
        error=_gaps(body.error),
        coverage=_gaps(body.coverage),
        current=body.current,
        scope=body.scope,
    )
    return _figure(draw_threshold_curves(curve, dark=body.dark).to_json())


def _gaps(shares: list[float | None]) -> list[float]:
    return [nan if share is None else share for share in shares]


def _figure(text: str) -> Response:
    return Response(text, media_type="application/json")
