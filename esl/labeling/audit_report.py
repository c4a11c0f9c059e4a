"""An audit's answer as values, JSON and a table in the style of Table 4."""

import math
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from esl.labeling.text_table import aligned, percent_text
from esl.labeling.thresholds import Counts, ThresholdRule, Thresholds


@dataclass(frozen=True)
class Share:
    """Pixels by outcome (correct, wrong, unlabelled): an estimate between two bounds; all three equal where exact."""

    counts: NDArray[np.float64]
    lower: NDArray[np.int64]
    upper: NDArray[np.int64]

    @classmethod
    def exact(cls, counts: ArrayLike) -> "Share":
        """Counts without a doubt."""
        whole = np.asarray(counts, np.int64)
        return cls(whole.astype(np.float64), whole, whole)

    @property
    def num_pixels(self) -> int:
        """All pixels of the group, rounded."""
        return round(float(self.counts.sum()))

    @property
    def num_pixels_bounds(self) -> tuple[int, int]:
        """Least and most pixels that the group can hold."""
        return int(self.lower.sum()), int(self.upper.sum())

    @property
    def error_rate(self) -> float | None:
        """Wrong among correct and wrong, in [0, 1]; None without ground truth or without pixels."""
        return _ratio(float(self.counts[1]), float(self.counts[0] + self.counts[1]))

    @property
    def error_rate_bounds(self) -> tuple[float, float] | None:
        """Least and greatest error rate that the counts allow."""
        if self.error_rate is None:
            return None
        least = _ratio(float(self.lower[1]), float(self.lower[1] + self.upper[0]))
        most = _ratio(float(self.upper[1]), float(self.upper[1] + self.lower[0]))
        return (0.0 if least is None else least, 1.0 if most is None else most)

    def to_json(self, num_predicted: int) -> dict[str, Any]:
        """Numbers of this group; what needs ground truth is null without it."""
        labelled = bool(self.upper[:2].any())
        return {
            "num_pixels": self.num_pixels,
            "num_pixels_bounds": list(self.num_pixels_bounds),
            "coverage": _ratio(float(self.counts.sum()), num_predicted),
            "num_correct": round(float(self.counts[0])) if labelled else None,
            "num_wrong": round(float(self.counts[1])) if labelled else None,
            "error_rate": self.error_rate,
            "error_rate_bounds": None if self.error_rate_bounds is None else list(self.error_rate_bounds),
        }


@dataclass(frozen=True, kw_only=True)
class ClassBalancedShares:
    """CBST's labels of one class, or of all; exact. The class is that of the label, which need not be the predicted one."""

    kept: Share
    only: Share
    """Kept by neither SSL nor ESL."""
    relabelled: Share
    """Of another class than the prediction's: what re-weighting changed."""

    @classmethod
    def of(cls, counts: Counts) -> "ClassBalancedShares":
        """From counts (3, 3) by group and outcome."""
        kept, only, relabelled = (Share.exact(group) for group in counts)
        return cls(kept=kept, only=only, relabelled=relabelled)


@dataclass(frozen=True, kw_only=True)
class AuditRow:
    """One predicted class, or all of them."""

    name: str
    is_absent: bool
    """Never predicted."""
    num_pixels: int
    """Pixels predicted as this class."""
    num_labelled: int
    """Those of them that have ground truth."""
    ssl: Share
    """Kept by max-prob."""
    esl: Share
    """Kept by entropy."""
    both: Share
    ssl_only: Share
    esl_only: Share
    cbst: ClassBalancedShares | None = None
    """CBST's labels, where they were asked for."""

    @property
    def ssl_coverage(self) -> float | None:
        """Share of the predicted pixels that SSL keeps; None for an absent class."""
        return _ratio(self.ssl.num_pixels, self.num_pixels)

    @property
    def esl_coverage(self) -> float | None:
        """Share of the predicted pixels that ESL keeps."""
        return _ratio(self.esl.num_pixels, self.num_pixels)

    @property
    def cbst_coverage(self) -> float | None:
        """CBST's labels of this class over the pixels predicted as it: above 1 where re-weighting adds to the class."""
        return None if self.cbst is None else _ratio(self.cbst.kept.num_pixels, self.num_pixels)

    @property
    def relative_change(self) -> float | None:
        """(ESL's error rate - SSL's) / SSL's, as in Table 4; None where a rate is missing or SSL's is 0."""
        ssl, esl = self.ssl.error_rate, self.esl.error_rate
        return None if ssl is None or esl is None or ssl == 0 else (esl - ssl) / ssl

    def to_json(self) -> dict[str, Any]:
        """Nested numbers of this row."""
        groups = {group: getattr(self, group) for group in ("ssl", "esl", "both", "ssl_only", "esl_only")}
        if self.cbst is not None:
            groups |= {"cbst": self.cbst.kept, "cbst_only": self.cbst.only, "cbst_relabelled": self.cbst.relabelled}
        return {
            "name": self.name,
            "is_absent": self.is_absent,
            "num_pixels": self.num_pixels,
            "num_labelled": self.num_labelled,
            "relative_change": self.relative_change,
            **{name: share.to_json(self.num_pixels) for name, share in groups.items()},
        }

    def flat(self) -> dict[str, Any]:
        """The columns of the table, by name; None where there is nothing to say. CBST's are there where it was asked for."""
        columns = {
            "class": self.name,
            "is_absent": self.is_absent,
            "num_pixels": self.num_pixels,
            "ssl_coverage": self.ssl_coverage,
            "esl_coverage": self.esl_coverage,
            "ssl_error_rate": self.ssl.error_rate,
            "esl_error_rate": self.esl.error_rate,
            "relative_change": self.relative_change,
            "ssl_only_pixels": self.ssl_only.num_pixels,
            "ssl_only_error_rate": self.ssl_only.error_rate,
            "esl_only_pixels": self.esl_only.num_pixels,
            "esl_only_error_rate": self.esl_only.error_rate,
        }
        if self.cbst is None:
            return columns
        return columns | {
            "cbst_coverage": self.cbst_coverage,
            "cbst_error_rate": self.cbst.kept.error_rate,
            "cbst_only_pixels": self.cbst.only.num_pixels,
            "cbst_only_error_rate": self.cbst.only.error_rate,
            "cbst_relabelled_pixels": self.cbst.relabelled.num_pixels,
            "cbst_relabelled_error_rate": self.cbst.relabelled.error_rate,
        }


@dataclass(frozen=True, kw_only=True)
class ClassBalancedSetting:
    """CBST's portion, sampling and thresholds."""

    portion: float
    sample_every: int
    thresholds: NDArray[np.uint16] = field(repr=False)
    """(C,) over P, times 65535."""
    spatial_prior: str = ""
    """Digest of the spatial prior, if any."""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "portion": self.portion,
            "sample_every": self.sample_every,
            **({"spatial_prior": self.spatial_prior} if self.spatial_prior else {}),
            "thresholds": self.thresholds.tolist(),
        }


@dataclass(frozen=True, kw_only=True)
class AuditReport:
    """Everything an audit says for one rule. Paper: Table 4."""

    rule: ThresholdRule
    thresholds: Thresholds = field(repr=False)
    rows_by_class: tuple[AuditRow, ...]
    total: AuditRow
    """All pixels together (`global`)."""
    class_balanced: ClassBalancedSetting | None = None
    """What CBST's columns are of, where they were asked for."""

    def with_class_balanced(self, setting: ClassBalancedSetting, counts: Counts) -> "AuditReport":
        """This report with CBST's columns, from counts (3, C, 3) by group, class of the label and outcome."""
        rows = [replace(row, cbst=ClassBalancedShares.of(counts[:, c])) for c, row in enumerate(self.rows_by_class)]
        total = replace(self.total, cbst=ClassBalancedShares.of(counts.sum(axis=1)))
        return replace(self, rows_by_class=tuple(rows), total=total, class_balanced=setting)

    @property
    def has_truth(self) -> bool:
        """Whether anything could be said about errors."""
        return self.total.num_labelled > 0

    def rows(self) -> list[dict[str, Any]]:
        """One flat dict per class, then the global one; rates in [0, 1]."""
        return [row.flat() for row in (*self.rows_by_class, self.total)]

    def to_json(self) -> dict[str, Any]:
        """A JSON object; thresholds are on the scale 0 to 65535."""
        class_balanced = {} if self.class_balanced is None else {"class_balanced": self.class_balanced.to_json()}
        return {
            "rule": self.rule.to_json(),
            **class_balanced,
            "has_truth": self.has_truth,
            "thresholds": {
                "mu": self.thresholds.mu.tolist(),
                "nu": self.thresholds.nu.tolist(),
                "mu_median_binds": self.thresholds.mu_median_binds.tolist(),
                "nu_median_binds": self.thresholds.nu_median_binds.tolist(),
                "absent": self.thresholds.absent.tolist(),
            },
            "classes": [row.to_json() for row in self.rows_by_class],
            "global": self.total.to_json(),
        }

    def to_text(self) -> str:
        """The table for a terminal: percentages, `-` where there is nothing to say."""
        header = _HEADER if self.class_balanced is None else _HEADER + _CLASS_BALANCED_HEADER
        blank = tuple("" for _ in header)
        rows = [_cells(row.flat()) for row in (*self.rows_by_class, self.total)]
        lines = [header, blank, *rows[:-1], blank, rows[-1]]
        rule = self.rule
        title = f"mu* = {rule.mu_star:g}, nu* = {rule.nu_star:g}, mode {rule.mode}"
        if self.class_balanced is not None:
            title += f"; CBST's portion {self.class_balanced.portion:g}, its rows by the label's own class"
        text = [title, "wrong: share of wrong labels among the kept ones that have ground truth", "", *aligned(lines)]
        (least, most), (fewest, greatest) = self.total.ssl_only.num_pixels_bounds, self.total.esl_only.num_pixels_bounds
        text += [
            "",
            f"only SSL: {least} to {most} pixels, only ESL: {fewest} to {greatest} (cells of 256 x 256 scores)",
        ]
        return "\n".join(text) + "\n"


_HEADER = (
    "class", "SSL kept %", "ESL kept %", "SSL wrong %", "ESL wrong %", "change %",
    "only SSL px", "wrong %", "only ESL px", "wrong %",
)  # fmt: skip
_CLASS_BALANCED_HEADER = ("CBST kept %", "CBST wrong %", "only CBST px", "wrong %", "relabelled px", "wrong %")


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    name = f"{row['class']} (absent)" if row["is_absent"] else str(row["class"])
    cells = (
        name,
        percent_text(row["ssl_coverage"]),
        percent_text(row["esl_coverage"]),
        percent_text(row["ssl_error_rate"]),
        percent_text(row["esl_error_rate"]),
        percent_text(row["relative_change"], sign="+"),
        str(row["ssl_only_pixels"]),
        percent_text(row["ssl_only_error_rate"]),
        str(row["esl_only_pixels"]),
        percent_text(row["esl_only_error_rate"]),
    )
    if "cbst_coverage" not in row:
        return cells
    return (
        *cells,
        percent_text(row["cbst_coverage"]),
        percent_text(row["cbst_error_rate"]),
        str(row["cbst_only_pixels"]),
        percent_text(row["cbst_only_error_rate"]),
        str(row["cbst_relabelled_pixels"]),
        percent_text(row["cbst_relabelled_error_rate"]),
    )


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 and math.isfinite(part) else None
