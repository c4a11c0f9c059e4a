"""Tables 4 and 5 of an exported rule as CSV, from counts that an audit kept: an export itself opens no label."""

from dataclasses import replace

from esl.labeling.audit import AuditHistogram, audit
from esl.labeling.thresholds import ScoreHistogram, ThresholdRule
from esl.pipelines.export_folder import csv_text
from esl.pipelines.study import NU_SWEEP

NU_STARS = tuple(sorted((ThresholdRule().nu_star, *NU_SWEEP)))
"""nu* of Table 5, beside the median's limit."""


def audit_tables(
    counts: AuditHistogram, scores: ScoreHistogram, rule: ThresholdRule, names: tuple[str, ...]
) -> dict[str, str]:
    """File name -> CSV: coverage and error rates by class and in all (Table 4), ESL's against nu* (Table 5); in [0, 1].

    Args:
        counts: of the whole set.
        scores: behind the medians.
        rule: what is exported.
        names: of the classes.
    """
    rows = audit(counts, scores, rule, names).rows()
    sweep = [(str(nu), replace(rule, nu_star=nu)) for nu in NU_STARS] + [("median", replace(rule, mode="median"))]
    total = [(name, audit(counts, scores, changed, names).rows()[-1]) for name, changed in sweep]
    return {
        "statistics/table4.csv": csv_text(tuple(rows[0]), (row.values() for row in rows)),
        "statistics/table5.csv": csv_text(
            ("nu_star", "esl_coverage", "esl_error_rate"),
            ((name, row["esl_coverage"], row["esl_error_rate"]) for name, row in total),
        ),
    }
