"""The flags that say how thresholds are chosen, shared by `audit` and `export`."""

from collections.abc import Sequence

from esl.cli.terminal import class_values
from esl.labeling.thresholds import Mode, ThresholdRule


def rule_of(
    mu_star: float,
    nu_star: float,
    mode: Mode,
    override: Sequence[str],
    mu_override: Sequence[str],
    names: Sequence[str],
) -> ThresholdRule:
    """A rule from flags; `override` is nu(c), ESL's, as its threshold is what the tool is about.

    Raises:
        ConfigError: a value is out of range, or a class unknown.
    """
    return ThresholdRule(
        mu_star=mu_star,
        nu_star=nu_star,
        mode=mode,
        mu_overrides=class_values(mu_override, names, "--mu-override"),
        nu_overrides=class_values(override, names, "--override"),
    )
