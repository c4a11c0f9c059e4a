"""From scores to thresholds: histograms that add up, true medians, and the rules mu(c) and nu(c).

Paper: Eq. (6) and (9), Sec. 3.3.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from esl.errors import ConfigError, DataError, ShapeError
from esl.labeling.folds import NUM_BINS, fold_scores, load_counts, save_counts
from esl.labeling.maps import SCALE, PredictionMaps, quantise

Criterion: TypeAlias = Literal["max_prob", "entropy"]
"""`max_prob` is SSL's measure of confidence, `entropy` ESL's."""

Mode: TypeAlias = Literal["capped", "fixed", "median"]
"""`capped`: Eq. (6) and (9); `fixed`: mu* and nu* alone; `median`: each class's median alone (last row of Table 5)."""

CRITERIA: tuple[Criterion, ...] = get_args(Criterion)
"""In the order of a histogram's first axis."""

MODES: tuple[Mode, ...] = get_args(Mode)

Counts: TypeAlias = NDArray[np.int64]


class ScoreHistogram:
    """How often each score came up in each predicted class; label-free, exact, and mergeable by addition."""

    def __init__(self, num_classes: int) -> None:
        """Begin with no pixel.

        Raises:
            ConfigError: not 2 to 255 classes.
        """
        if not 2 <= num_classes <= 255:
            raise ConfigError(f"A histogram must have 2 to 255 classes; got {num_classes}.")
        self._counts: Counts = np.zeros((len(CRITERIA), num_classes, NUM_BINS), np.int64)
        self._cumulative: Counts | None = None

    @property
    def num_classes(self) -> int:
        """C."""
        return int(self._counts.shape[1])

    @property
    def counts(self) -> Counts:
        """(2, C, 65536) int64, read-only: pixels by criterion, predicted class and quantised score."""
        view = self._counts.view()
        view.flags.writeable = False
        return view

    @property
    def cumulative(self) -> Counts:
        """(2, C, 65536): pixels whose score is at most the bin; kept until the next update."""
        if self._cumulative is None:
            self._cumulative = np.cumsum(self._counts, axis=2)
        return self._cumulative

    @property
    def num_pixels(self) -> Counts:
        """(C,) pixels of each predicted class."""
        return np.asarray(self.cumulative[0, :, -1])

    def update(self, maps: PredictionMaps, *, every: int = 1) -> None:
        """Count one image's pixels; with `every` = n only each n-th of a class, in reading order (CBST's sampling).

        Raises:
            ShapeError: the maps name a class that the histogram does not have.
        """
        self._cumulative = None
        strangers = fold_scores(maps.label, maps.max_prob, maps.entropy, every, self._counts)
        if strangers:
            raise ShapeError(
                f"Maps must name classes 0 to {self.num_classes - 1} or 255; {strangers} pixels do not. "
                "Use a histogram of the network's class set."
            )

    def merge(self, other: "ScoreHistogram") -> None:
        """Add another histogram's pixels.

        Raises:
            ShapeError: the other has another number of classes.
        """
        if other.num_classes != self.num_classes:
            raise ShapeError(
                f"Histograms must have one class set; got {self.num_classes} and {other.num_classes} classes."
            )
        self._cumulative = None
        self._counts += other._counts

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the counts as a compressed .npz, whole or not at all; the same counts give the same bytes."""
        save_counts(path, {"scores": self._counts})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "ScoreHistogram":
        """Read what `save` wrote.

        Raises:
            DataError: the file is missing, damaged or of another kind.
        """
        (counts,) = load_counts(path, ("scores",))
        if counts.ndim != 3 or counts.shape[::2] != (len(CRITERIA), NUM_BINS) or not 2 <= counts.shape[1] <= 255:
            raise DataError(f"{os.fspath(path)} must hold scores of shape (2, C, 65536); it holds {counts.shape}.")
        return cls.from_counts(counts)

    @classmethod
    def from_counts(cls, counts: Counts) -> "ScoreHistogram":
        """Take over counts (2, C, 65536) that were folded elsewhere."""
        histogram = cls(counts.shape[1])
        histogram._counts = np.ascontiguousarray(counts, np.int64)
        return histogram

    def medians(self) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Medians (C,) of max-prob and of entropy on the integer scale; -1 for a class that was never predicted.

        The upper median of max-prob and the lower one of entropy: kept on ties, each keeps at least half of the class.
        """
        num_pixels = self.num_pixels
        return self.at_rank("max_prob", num_pixels // 2), self.at_rank("entropy", (num_pixels - 1) // 2)

    def at_rank(self, criterion: Criterion, ranks: Counts) -> NDArray[np.int32]:
        """The score (C,) at each class's rank in ascending order, from 0; -1 where the class has no such pixel."""
        cumulative = self.cumulative[CRITERIA.index(criterion)]
        values = [
            int(np.searchsorted(row, rank, side="right")) if 0 <= rank < row[-1] else -1
            for row, rank in zip(cumulative, ranks, strict=True)
        ]
        return np.asarray(values, np.int32)

    def num_kept(self, thresholds: "Thresholds", criterion: Criterion, *, keep_ties: bool = True) -> Counts:
        """(C,) pixels of each predicted class that the thresholds keep."""
        up_to = self.cumulative[CRITERIA.index(criterion)]
        mu, nu = thresholds.limits(keep_ties)
        last = nu if criterion == "entropy" else mu - 1
        low = np.where(last >= 0, up_to[np.arange(self.num_classes), np.maximum(last, 0)], 0)
        return np.asarray(low if criterion == "entropy" else up_to[:, -1] - low)

    def coverage(self, thresholds: "Thresholds", criterion: Criterion, *, keep_ties: bool = True) -> float:
        """Share of all pixels that the thresholds keep, in [0, 1]; 0 for no pixels."""
        num_kept = self.num_kept(thresholds, criterion, keep_ties=keep_ties)
        return float(num_kept.sum() / max(int(self.num_pixels.sum()), 1))


@dataclass(frozen=True, kw_only=True)
class ThresholdRule:
    """How thresholds follow from a histogram.

    Raises:
        ConfigError: one or more settings make no sense; all of them are named.
    """

    mu_star: float = 0.9
    """Global threshold over max-prob, mu* of Eq. (6)."""
    nu_star: float = 0.1
    """Global threshold over entropy, nu* of Eq. (9)."""
    mode: Mode = "capped"
    mu_overrides: Mapping[int, float] = field(default_factory=dict)
    """Class id -> mu(c), final: neither mu* nor the median matters for that class."""
    nu_overrides: Mapping[int, float] = field(default_factory=dict)
    """Class id -> nu(c), final."""

    def __post_init__(self) -> None:
        faults = _faults(self)
        if faults:
            raise ConfigError("A threshold rule must make sense: " + "; ".join(faults) + ".")
        for name in ("mu_overrides", "nu_overrides"):
            object.__setattr__(self, name, dict(sorted(getattr(self, name).items())))

    def __hash__(self) -> int:
        overrides = tuple(self.mu_overrides.items()), tuple(self.nu_overrides.items())
        return hash((self.mu_star, self.nu_star, self.mode, overrides))

    def to_json(self) -> dict[str, Any]:
        """A JSON object; class ids become strings, as JSON demands."""
        return {
            "mu_star": self.mu_star,
            "nu_star": self.nu_star,
            "mode": self.mode,
            "mu_overrides": {str(c): v for c, v in self.mu_overrides.items()},
            "nu_overrides": {str(c): v for c, v in self.nu_overrides.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ThresholdRule":
        """Read what `to_json` wrote; what is left out takes its default.

        Raises:
            ConfigError: an unknown entry, a class id that is no whole number, or a setting that makes no sense.
        """
        unknown = sorted(set(value) - set(cls.__dataclass_fields__))
        if unknown:
            raise ConfigError(
                f"A threshold rule must hold {', '.join(cls.__dataclass_fields__)}; got {', '.join(unknown)}."
            )
        settings = dict(value)
        for name in ("mu_overrides", "nu_overrides"):
            overrides = settings.get(name, {})
            try:
                settings[name] = {int(c): v for c, v in dict(overrides).items()}
            except (TypeError, ValueError) as error:
                raise ConfigError(f"{name} must map class ids to thresholds; got {overrides!r}.") from error
        return cls(**settings)


def _faults(rule: ThresholdRule) -> list[str]:
    settings: dict[str, object] = {"mu_star": rule.mu_star, "nu_star": rule.nu_star}
    faults = []
    for name, overrides in (("mu_overrides", rule.mu_overrides), ("nu_overrides", rule.nu_overrides)):
        settings |= {f"{name}[{c}]": value for c, value in overrides.items()}
        strange = [c for c in overrides if type(c) is not int or not 0 <= c <= 254]
        if strange:
            faults.append(f"{name} must name classes 0 to 254, got {strange}")
    for name, value in settings.items():
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
            or not 0 <= value <= 1
        ):
            faults.append(f"{name} must be a number from 0 to 1, got {value!r}")
    if rule.mode not in MODES:
        faults.append(f"mode must be one of {', '.join(MODES)}, got {rule.mode!r}")
    return faults


@dataclass(frozen=True)
class Thresholds:
    """One threshold per class and criterion, on the integer scale, and where each comes from; all (C,)."""

    mu: NDArray[np.uint16]
    """Kept by SSL: max-prob >= mu(c)."""
    nu: NDArray[np.uint16]
    """Kept by ESL: entropy <= nu(c)."""
    mu_median_binds: NDArray[np.bool_]
    """Where mu(c) is the class's median rather than mu*."""
    nu_median_binds: NDArray[np.bool_]
    absent: NDArray[np.bool_]
    """Classes never predicted; they take the global value."""

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.mu)

    def of(self, criterion: Criterion) -> NDArray[np.uint16]:
        """mu or nu."""
        return self.mu if criterion == "max_prob" else self.nu

    def limits(self, keep_ties: bool) -> tuple[Counts, Counts]:
        """The least max-prob and the greatest entropy (C,) that are kept; -1 and 65536 keep none.

        Without ties a limit is one step stricter, but at the end that no score fails.
        """
        mu, nu = self.mu.astype(np.int64), self.nu.astype(np.int64)
        return (mu, nu) if keep_ties else (np.where(mu > 0, mu + 1, 0), np.where(nu < SCALE, nu - 1, SCALE))


def class_thresholds(histogram: ScoreHistogram, rule: ThresholdRule) -> Thresholds:
    """Turn a rule into one integer threshold per class and criterion.

    Paper: Eq. (6) and (9), Sec. 3.3: mu(c) = min(mu*, median), nu(c) = max(nu*, median).

    Raises:
        ConfigError: an override names a class that the histogram does not have.
    """
    strangers = sorted({c for c in (*rule.mu_overrides, *rule.nu_overrides) if c >= histogram.num_classes})
    if strangers:
        raise ConfigError(f"Overrides must name classes 0 to {histogram.num_classes - 1}; got {strangers}.")
    mu_median, nu_median = histogram.medians()
    mu_star, nu_star = quantise(rule.mu_star), quantise(rule.nu_star)
    mu, mu_binds = _settle(mu_median, mu_star, rule, mu_median < mu_star, rule.mu_overrides)
    nu, nu_binds = _settle(nu_median, nu_star, rule, nu_median > nu_star, rule.nu_overrides)
    return Thresholds(mu, nu, mu_binds, nu_binds, mu_median < 0)


def _settle(
    median: NDArray[np.int32],
    star: int,
    rule: ThresholdRule,
    is_kinder: NDArray[np.bool_],
    overrides: Mapping[int, float],
) -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    """Choose between median and global value; `is_kinder` says where the median keeps more."""
    is_present = median >= 0
    binds = {"capped": is_present & is_kinder, "fixed": np.zeros_like(is_present), "median": is_present}[rule.mode]
    values = np.where(binds, median, star)
    for c, value in overrides.items():
        values[c], binds[c] = quantise(value), False
    return values.astype(np.uint16), binds
