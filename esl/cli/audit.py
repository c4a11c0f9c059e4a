"""`audit`: the table of coverage and error rates (Table 4)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import tyro

from esl.cli.terminal import parse, show
from esl.errors import ConfigError
from esl.progress import ProgressLine


def run(arguments: Sequence[str]) -> int:
    """Parse and do it."""
    return parse("audit", audit, arguments)


def audit(
    store: Path,
    mu_star: float = 0.9,
    nu_star: float = 0.1,
    mode: Literal["capped", "fixed", "median"] = "capped",
    override: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    mu_override: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    match_coverage: bool = False,
    boundary: bool = False,
    calibration: bool = False,
    by_truth: bool = False,
    data_root: Path = Path(),
    thresholds_from: Path = Path(),
    portion: float | None = None,
    sample_every: int = 1,
    spatial_prior: Path = Path(),
    json: bool = False,
) -> int:
    """Coverage and error rate of SSL's, ESL's and CBST's pseudo-labels, per class. The first call reads labels, later ones a cache.

    Args:
        store: a prediction store.
        mu_star: global threshold over max-prob, Eq. (6).
        nu_star: global threshold over entropy, Eq. (9).
        mode: capped is the paper's; fixed takes mu* and nu* alone, median the class medians alone.
        override: CLASS=VALUE sets ESL's nu of one class; may be repeated.
        mu_override: CLASS=VALUE sets SSL's mu of one class; may be repeated.
        match_coverage: choose nu* so that ESL keeps as many pixels as SSL.
        boundary: also count how near to borders the kept pixels lie; passes over all pixels.
        calibration: also say how sure and how right the network is, and which score tells wrong from right.
        by_truth: also say what is kept of each true class, and what it is taught as; passes over all pixels.
        data_root: where the data set is now, if it has moved; without it, data that are gone leave coverage alone.
        thresholds_from: another store whose medians to use, e.g. that of the training split.
        portion: also CBST's labels, of this share of each predicted class (CBST begins with 0.2); passes over all pixels.
        sample_every: CBST counts every n-th pixel; 1 is exact, the reference code takes 4.
        spatial_prior: CBST-SP: a file of `spatial-prior`, multiplied to P before the arg max.
        json: print the result as JSON.
    """
    if portion is None and (sample_every != 1 or spatial_prior != Path()):
        raise ConfigError("--sample-every and --spatial-prior are about CBST's labels: add --portion, e.g. 0.2.")
    from esl.cli.thresholds import rule_of
    from esl.labeling.audit import match_coverage as with_equal_coverage
    from esl.pipelines.audit import audit_histogram, audit_store
    from esl.pipelines.targets import Targets
    from esl.store.predictions import PredictionStore

    opened = PredictionStore.open(store)
    # Data that are gone leave coverage; data that are named must be there, or a slip looks like a set without labels.
    is_named = data_root != Path()
    labels = Targets.at(opened.manifest, data_root) if is_named else Targets.of(opened.manifest)
    scores = None if thresholds_from == Path() else PredictionStore.open(thresholds_from).histogram()
    rule = rule_of(mu_star, nu_star, mode, override, mu_override, opened.class_set.names)
    progress = ProgressLine("audit")
    if match_coverage:
        medians = opened.histogram() if scores is None else scores
        rule = with_equal_coverage(audit_histogram(opened, labels, progress=progress), medians, rule)
    result = audit_store(
        opened, rule, labels=labels, scores=scores, with_boundary=boundary,
        with_calibration=calibration, with_truth=by_truth, portion=portion, sample_every=sample_every,
        prior_path=spatial_prior, progress=progress,
    )  # fmt: skip
    show(result, as_json=json)
    return 0
