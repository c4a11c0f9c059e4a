"""What a method or a strategy changes, seed by seed: the claims of a study, with the error bars of paired runs.

Scores of two seeds differ by more than most of what is compared. Rows of one seed differ in the one thing compared alone,
so their difference says more than that of two means.
"""

from collections.abc import Iterator, Mapping, Sequence

from esl.pipelines.method_names import method_name, methods_of
from esl.pipelines.paper_numbers import strategy_name
from esl.pipelines.tables import Cell, Table, signed, with_deviation
from esl.store.experiments import STRATEGIES, ExperimentRow

_Scores = Mapping[int, float]
"""mIoU by seed."""


def differences_table(rows: Sequence[ExperimentRow], notes: Sequence[str] = ()) -> Table:
    """Differences of mIoU (points) between rows of the same seed, and their mean ± s.d.

    Each method is compared with source-only, each strategy with the same method without pseudo-labels, and ESL with SSL.

    Args:
        rows: of one benchmark and setting.
        notes: go below the table.
    """
    seeds = sorted({row.seed for row in rows})
    body = []
    for method, what, more, less in _comparisons(rows):
        by_seed = {seed: more[seed] - less[seed] for seed in more.keys() & less.keys()}
        if by_seed:
            cells = [Cell(text=signed(by_seed.get(seed))) for seed in seeds]
            body.append(
                (Cell(text=method), Cell(text=what), *cells, Cell(text=with_deviation(by_seed.values(), signed)))
            )
    return Table(
        title=f"{rows[0].benchmark}: paired differences of mIoU (points) on {rows[0].split}",
        header=("Method", "Difference", *(f"seed {seed}" for seed in seeds), "mean ± s.d."),
        rows=tuple(body),
        notes=tuple(notes),
    )


def _comparisons(rows: Sequence[ExperimentRow]) -> Iterator[tuple[str, str, _Scores, _Scores]]:
    """(method, what is compared, scores of the one, scores of the other)."""
    scores: dict[tuple[str, str], dict[int, float]] = {}
    for row in rows:
        scores.setdefault((row.method, row.strategy), {})[row.seed] = row.miou

    def of(method: str, strategy: str) -> _Scores:
        return scores.get((method, strategy), {})

    for method in methods_of(rows):
        name, plain = method_name(method), of(method, "none")
        if method != "source_only":
            yield name, f"{name} - {method_name('source_only')}", plain, of("source_only", "none")
        for strategy in STRATEGIES[1:]:
            yield name, f"{strategy_name(strategy)} - none", of(method, strategy), plain
        for one, other in (("esl", "ssl"), ("esl+it", "ssl+it")):
            yield name, f"{strategy_name(one)} - {strategy_name(other)}", of(method, one), of(method, other)
