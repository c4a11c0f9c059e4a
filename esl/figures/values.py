"""What charts are drawn from, and the colours and words that both kinds of chart share."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from esl.errors import ShapeError

SSL_COLOR = "#d98c00"
ESL_COLOR = "#2f86c5"
"""Orange and blue: apart for each common kind of colour blindness, and of unlike lightness."""
SSL_NAME = "SSL (max-prob)"
ESL_NAME = "ESL (entropy)"

Rates = NDArray[np.float64]


def _as_rates(values: Sequence[float] | NDArray[np.floating]) -> Rates:
    return np.asarray(values, np.float64)


def _require_equal_lengths(**columns: int) -> None:
    if len(set(columns.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in columns.items())
        raise ShapeError(f"The columns of one chart must be equally long; got {listed}.")


@dataclass(frozen=True, kw_only=True)
class ErrorRates:
    """Per-class error rates of both criteria, as in Table 4. Shares 0..1; NaN where a class has no kept, labelled pixel.

    Raises:
        ShapeError: the columns differ in length.
    """

    names: Sequence[str]
    ssl: Rates | Sequence[float]
    esl: Rates | Sequence[float]
    overall: tuple[float, float] | None = None
    """(SSL, ESL) over all classes."""
    scope: str = "whole target set"
    """Which pixels were counted."""

    def __post_init__(self) -> None:
        _require_equal_lengths(names=len(self.names), ssl=len(self.ssl), esl=len(self.esl))

    def percent(self, which: str) -> Rates:
        """(C,) per cent of `ssl` or `esl`."""
        return 100 * _as_rates(self.ssl if which == "ssl" else self.esl)

    @property
    def title(self) -> str:
        """Heading with scope and overall rates."""
        title = f"Wrong among kept pixels, {self.scope}"
        if self.overall is None:
            return title
        return f"{title}: SSL {percent_text(self.overall[0])}, ESL {percent_text(self.overall[1])}"


@dataclass(frozen=True, kw_only=True)
class ThresholdCurve:
    """Error rate and coverage of one criterion against its global threshold. Shares 0..1, NaN where unknown.

    Raises:
        ShapeError: the columns differ in length.
    """

    criterion: str
    """`entropy` or `max_prob`."""
    thresholds: Rates | Sequence[float]
    error: Rates | Sequence[float]
    coverage: Rates | Sequence[float]
    current: float | None = None
    """The threshold in use, marked in the chart."""
    scope: str = "whole target set"

    def __post_init__(self) -> None:
        _require_equal_lengths(thresholds=len(self.thresholds), error=len(self.error), coverage=len(self.coverage))

    @property
    def name(self) -> str:
        """The criterion, as it is called in charts."""
        return ESL_NAME if self.criterion == "entropy" else SSL_NAME

    @property
    def symbol(self) -> str:
        """`ν*` or `μ*`."""
        return "ν*" if self.criterion == "entropy" else "μ*"

    @property
    def color(self) -> str:
        """Line colour of the criterion."""
        return ESL_COLOR if self.criterion == "entropy" else SSL_COLOR

    def percent(self, which: str) -> Rates:
        """(K,) per cent of `error` or `coverage`."""
        return 100 * _as_rates(self.error if which == "error" else self.coverage)


@dataclass(frozen=True, kw_only=True)
class RiskCurve:
    """Error rate against coverage for one criterion: what is comparable between criteria. Shares 0..1.

    Raises:
        ShapeError: the columns differ in length.
    """

    criterion: str
    coverage: Rates | Sequence[float]
    error: Rates | Sequence[float]
    current: tuple[float, float] | None = None
    """(coverage, error) of the thresholds in use."""

    def __post_init__(self) -> None:
        _require_equal_lengths(coverage=len(self.coverage), error=len(self.error))

    @property
    def name(self) -> str:
        """The criterion, as it is called in charts."""
        return ESL_NAME if self.criterion == "entropy" else SSL_NAME

    @property
    def color(self) -> str:
        """Line colour of the criterion."""
        return ESL_COLOR if self.criterion == "entropy" else SSL_COLOR

    @property
    def is_dashed(self) -> bool:
        """SSL is dashed, so that the lines differ in print too."""
        return self.criterion != "entropy"


def percent_text(share: float) -> str:
    """`7.4 %`, or `–` where there is none."""
    return "–" if np.isnan(share) else f"{100 * share:.1f} %"
