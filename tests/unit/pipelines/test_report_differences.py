"""Paired differences: of rows with the same seed only, with the spread over seeds."""

from dataclasses import replace

import pytest

from esl.pipelines.report_differences import differences_table
from esl.store.experiments import ExperimentRow

BASE = ExperimentRow(
    benchmark="demo", method="advent", strategy="none", seed=1, class_set="cityscapes7", split="demo target_val",
    protocol="p", iou=(10.0,) * 7, miou=40.0, steps=10,
)  # fmt: skip


def row(method: str, strategy: str, seed: int, miou: float) -> ExperimentRow:
    return replace(BASE, method=method, strategy=strategy, seed=seed, miou=miou)


ROWS = [
    row("source_only", "none", 1, 30.0), row("source_only", "none", 2, 36.0),
    row("source_only", "ssl", 1, 31.0), row("source_only", "ssl", 2, 36.0),
    row("source_only", "esl", 2, 38.5),
    row("advent", "none", 2, 40.0), row("advent", "none", 3, 50.0),
    row("advent", "ssl", 3, 49.0), row("advent", "esl", 3, 49.0),
]  # fmt: skip


def test_only_rows_of_the_same_seed_are_compared() -> None:
    table = differences_table(ROWS, ("Of a test.",))
    assert table.header == ("Method", "Difference", "seed 1", "seed 2", "seed 3", "mean ± s.d.")
    assert [[cell.text for cell in line] for line in table.rows] == [
        ["Source only", "SSL - none", "+1.0", "+0.0", "", "+0.5 ± 0.7"],
        ["Source only", "ESL - none", "", "+2.5", "", "+2.5"],
        ["Source only", "ESL - SSL", "", "+2.5", "", "+2.5"],
        ["ADVENT", "ADVENT - Source only", "", "+4.0", "", "+4.0"],
        ["ADVENT", "SSL - none", "", "", "-1.0", "-1.0"],
        ["ADVENT", "ESL - none", "", "", "-1.0", "-1.0"],
        ["ADVENT", "ESL - SSL", "", "", "+0.0", "+0.0"],
    ]
    assert "Of a test." in table.to_markdown()
    assert r"$\pm$" in table.to_latex()


@pytest.mark.parametrize("rows", [ROWS[:2], [ROWS[0], ROWS[5]]])
def test_without_a_pair_there_is_no_line(rows: list[ExperimentRow]) -> None:
    assert not differences_table(rows).rows
