"""The paper's Tables 1 to 5 from finished rows, beside the paper's own numbers.

Paper: Tables 1-3 (mIoU per class), Table 4 (wrong pixels in the pseudo-labels), Table 5 (influence of nu*).
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from esl.classes import CITYSCAPES_7, CITYSCAPES_16, CITYSCAPES_19, SUBSET_13, SUBSET_16, ClassSet, class_set
from esl.errors import DataError
from esl.files import write_text
from esl.labeling.thresholds import ThresholdRule
from esl.pipelines.method_names import method_name, methods_of
from esl.pipelines.paper_numbers import PAPER_NAMES, paper_table, strategy_name
from esl.pipelines.report_differences import differences_table
from esl.pipelines.tables import Cell, Table, mark_best, number, signed, with_deviation
from esl.store.experiments import STRATEGIES, ExperimentRow

_PAPER_TABLE_OF = {"gta5_cityscapes": "table1", "synthia_cityscapes": "table2", "synthia_mapillary": "table3"}
_SWEEPS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "nu_star": ("esl", "nu*", ("0.05", "0.1", "0.15", "0.2", "0.3", "median")),
    "mu_star": ("ssl", "mu*", ("0.5", "0.7", "0.8", "0.9", "0.95", "median")),
}
"""Threshold of a sweep -> strategy, how it is written, columns; the default is among them."""
_MIOU13_WITHIN_16 = tuple(SUBSET_16.index(i) for i in SUBSET_13)


def miou_table(rows: Sequence[ExperimentRow], classes: ClassSet | None = None) -> Table:
    """IoU per class and mIoU of every (method, strategy), mean ± s.d. over seeds, best of a method in bold.

    Paper: Tables 1, 2 and 3, by the rows' benchmark. With 16 classes the mean over 13 (mIoU*) is added.

    Args:
        rows: of one benchmark.
        classes: the rows' own, or fewer of the same predictions: 16 of 19, or the seven merged ones.

    Raises:
        DataError: no rows, or rows of several benchmarks or class sets.
    """
    benchmark, own = _one_benchmark(rows)
    shown = own if classes is None else classes
    default, changed = _of_one_setting(rows)
    body: list[tuple[Cell, ...]] = []
    for method in methods_of(default):
        groups = [(s, g) for s in STRATEGIES if (g := [r for r in default if (r.method, r.strategy) == (method, s)])]
        scores = [[_scores(row, own, shown) for row in group] for _, group in groups]
        means = [[_mean(column) for column in zip(*group)] for group in scores]
        best = mark_best(list(zip(*means)))
        for i, (strategy, _) in enumerate(groups):
            cells = [Cell(text=number(v), is_best=best[k][i]) for k, v in enumerate(means[i])]
            at = shown.num_classes
            cells[at] = Cell(text=with_deviation([row[at] for row in scores[i]]), is_best=best[at][i])
            body.append((Cell(text=method_name(method)), Cell(text=strategy_name(strategy)), *cells))
    merged = "classes merged from the" if shown.num_classes == 7 else "of the"
    which = (
        ""
        if shown == own
        else f", {shown.num_classes} {merged} {own.num_classes}{'' if shown.num_classes == 7 else ' classes'}"
    )
    return Table(
        title=f"{benchmark}: mIoU (%) on {rows[0].split}{which}",
        header=("Method", "Self-training", *shown.names, "mIoU", *(("mIoU*",) if shown.num_classes == 16 else ())),
        rows=tuple(body),
        notes=(
            *(f"Setting: {name} = {value}." for name, value in changed.items()),
            *_seeds_notes(_grouped(default, lambda r: f"{method_name(r.method)} {strategy_name(r.strategy)}")),
            *_provenance_notes(default),
        ),
    )


def _seeds_notes(groups: Mapping[str, Sequence[ExperimentRow]]) -> tuple[str, ...]:
    """Which groups of rows are of fewer seeds than the others, while an experiment is under way."""
    seeds = {name: {row.seed for row in group} for name, group in groups.items() if group}
    every = set().union(*seeds.values())
    few = [f"{name} ({', '.join(map(str, sorted(own)))})" for name, own in seeds.items() if own != every]
    return (f"Not of all seeds yet: {'; '.join(few)}.",) if few else ()


def _grouped(rows: Iterable[ExperimentRow], name: Callable[[ExperimentRow], str]) -> dict[str, list[ExperimentRow]]:
    groups: dict[str, list[ExperimentRow]] = {}
    for row in rows:
        groups.setdefault(name(row), []).append(row)
    return groups


def _scores(row: ExperimentRow, own: ClassSet, shown: ClassSet) -> list[float | None]:
    """IoU of each class that is shown, their mean and, of 16 classes, that over 13; percent."""
    if shown.num_classes == 7 and own.num_classes != 7:
        iou = [row.merged[name] for name in shown.names]
    else:
        iou = [row.iou[own.index(name)] for name in shown.names]
    mean = row.miou if shown == own else _mean(iou)
    star = [_mean(iou[i] for i in _MIOU13_WITHIN_16)] if shown.num_classes == 16 else []
    return [*iou, mean, *star]


def error_table(rows: Sequence[ExperimentRow], method: str) -> Table:
    """Wrong pixels (%) in the pseudo-labels that SSL and ESL rows were trained on, and the relative change; CBST's below.

    Paper: Table 4. The lowest is bold; means are over the seeds that both SSL and ESL have.

    Raises:
        DataError: the rows hold no audited pseudo-labels of both strategies, or none of the same seed.
    """
    benchmark, classes = _one_benchmark(rows)
    audited = _audited(rows, method)
    missing = next((s for s in ("ssl", "esl") if not any(r.strategy == s for r in audited)), None)
    if missing:
        raise DataError(
            f"Table 4 needs audited pseudo-labels of SSL and ESL for {method}; the rows have none for {missing}. Run the experiment with ground truth for the audit."
        )
    seeds = _compared_seeds(audited)
    mine = [r for r in audited if r.seed in seeds]
    if not mine:
        raise DataError(f"Table 4 needs SSL and ESL of the same seed; the rows of {method} have none. Run the others.")
    errors = {strategy: _error_rates(mine, strategy) for strategy in ("ssl", "esl", "cbst")}
    shown = [strategy for strategy, values in errors.items() if values]
    best = mark_best(list(zip(*(errors[strategy] for strategy in shown))), lowest=True)
    lines = [
        (
            Cell(text=strategy_name(name)),
            Cell(text=""),
            *(Cell(text=number(v), is_best=best[k][i]) for k, v in enumerate(errors[name])),
        )
        for i, name in enumerate(shown)
    ]
    ssl, esl = errors["ssl"], errors["esl"]
    change = [None if not s or e is None else 100 * (e - s) / s for s, e in zip(ssl, esl)]
    # Of ESL against SSL, as the paper has it.
    lines.insert(2, (Cell(text="Rel. change (%)"), Cell(text=""), *(Cell(text=signed(v)) for v in change)))
    return Table(
        title=f"Incorrect predictions (%) selected in the pseudo-labels ({method_name(method)}, {benchmark})",
        header=("Method", "", *classes.names, "global"),
        rows=tuple(lines),
        notes=(
            *_seeds_notes(_grouped(audited, lambda r: strategy_name(r.strategy))),
            *_audit_notes(mine, shown),
        ),
    )


def _audited(rows: Sequence[ExperimentRow], method: str) -> list[ExperimentRow]:
    """A method's rows of Table 4."""
    mine = [r for r in _of_one_setting(rows)[0] if r.method == method and r.pseudo_labels]
    return [r for r in mine if r.strategy in ("ssl", "esl", "cbst")]


def _compared_seeds(audited: Sequence[ExperimentRow]) -> set[int]:
    """Seeds that SSL and ESL both have."""
    return _common_seeds([[r for r in audited if r.strategy == strategy] for strategy in ("ssl", "esl")])


def _common_seeds(groups: Iterable[Sequence[ExperimentRow]]) -> set[int]:
    """Seeds that all groups have: means over other ones cannot be compared, as seeds differ by more than what is studied."""
    return set.intersection(*({row.seed for row in group} for group in groups))


def _error_rates(audited: Sequence[ExperimentRow], strategy: str) -> list[float | None]:
    """Mean over seeds per class and, last, over all pixels; empty where no row is audited."""
    labels = [r.pseudo_labels for r in audited if r.strategy == strategy]
    return [_mean(column) for column in zip(*([*a["error_rates"], a["error_rate"]] for a in labels))]


def _audit_notes(audited: Sequence[ExperimentRow], shown: Sequence[str]) -> tuple[str, ...]:
    """What the shares are of, how much each strategy keeps, and where the rows come from."""
    kept = {s: _mean(r.pseudo_labels.get("coverage") for r in audited if r.strategy == s) for s in shown}
    coverage = ", ".join(f"{strategy_name(s)} {number(v)} %" for s, v in kept.items() if v is not None)
    counted = "; ".join(sorted({str(r.pseudo_labels["protocol"]) for r in audited if "protocol" in r.pseudo_labels}))
    return (f"Kept: {coverage}. {f'Protocol: {counted}. ' if counted else ''}{_origin(audited)}",)


def sweep_table(rows: Sequence[ExperimentRow], method: str, threshold: str = "nu_star") -> Table:
    """mIoU of ESL against nu*, or of SSL against mu*, with the baseline and the median-only limit. Paper: Table 5.

    Means are over the seeds that all columns have, where there are such.
    """
    strategy, written, values = _SWEEPS[threshold]
    benchmark, _ = _one_benchmark(rows)
    common = _of_one_setting(rows)[1]
    mine = [r for r in rows if r.method == method and _without_sweep(r) == common]
    picks: list[tuple[str, Callable[[ExperimentRow], bool]]] = [("Baseline", lambda r: r.strategy == "none")]
    picks += [(value, _at(threshold, value)) for value in values]
    found = [[r for r in mine if pick(r)] for _, pick in picks]
    seeds = _common_seeds(column for column in found if column)
    columns = [[r for r in column if r.seed in seeds or not seeds] for column in found]
    flags = mark_best([[_mean(r.miou for r in column) for column in columns]])[0]
    cells = [Cell(text=with_deviation([r.miou for r in c]), is_best=flag) for c, flag in zip(columns, flags)]
    return Table(
        title=f"Influence of {written} in {strategy_name(strategy)} ({method_name(method)}, {benchmark}), mIoU (%)",
        header=("Threshold", "", *(label for label, _ in picks)),
        rows=((Cell(text="mIoU"), Cell(text=""), *cells),),
        notes=(
            *_seeds_notes({label: column for (label, _), column in zip(picks, found)}),
            *_provenance_notes([r for column in columns for r in column]),
        ),
    )


def write_report(rows: Sequence[ExperimentRow], out_dir: Path, *, sweep_method: str = "advent") -> list[Path]:
    """Write every table the rows allow as `.md`, `.csv` and `.tex`, with the paper's where it has one (`_paper.csv`).

    Beside the paper's tables stand the differences between rows of the same seed (`_differences`).

    A benchmark of the paper has one table of scores. Another one with the 19 classes stands in for all three: its
    predictions are also scored over the 16 classes of Table 2 and, merged, over the seven of Table 3.

    Raises:
        DataError: there are no rows.
    """
    benchmark, classes = _one_benchmark(rows)
    tables = {_PAPER_TABLE_OF.get(benchmark, "table1"): miou_table(rows)}
    if benchmark not in _PAPER_TABLE_OF and classes == CITYSCAPES_19:
        tables["table2"] = miou_table(rows, CITYSCAPES_16)
        if merged := [row for row in rows if row.merged]:
            tables["table3"] = miou_table(merged, CITYSCAPES_7)
    default = _of_one_setting(rows)[0]
    differences = differences_table(default, _provenance_notes(default))
    if differences.rows:
        tables["differences"] = differences
    if _compared_seeds(_audited(rows, sweep_method)):
        tables["table4"] = error_table(rows, sweep_method)
    if any(r.method == sweep_method and "nu_star" in r.setting for r in rows):
        tables["table5"] = sweep_table(rows, sweep_method)
    if any(r.method == sweep_method and "mu_star" in r.setting for r in rows):
        tables["mu_sweep"] = sweep_table(rows, sweep_method, "mu_star")
    written = []
    for name, table in tables.items():
        forms = {".md": table.to_markdown(), ".csv": table.to_csv(), ".tex": table.to_latex()}
        if name in PAPER_NAMES:
            paper = paper_table(name)
            forms[".md"] += f"\n{paper.to_markdown()}"
            forms[".tex"] += f"\n{paper.to_latex()}"
            forms["_paper.csv"] = paper.to_csv()
        for ending, text in forms.items():
            written.append(out_dir / f"{benchmark}_{name}{ending}")
            write_text(written[-1], text)
    return written


def _one_benchmark(rows: Sequence[ExperimentRow]) -> tuple[str, ClassSet]:
    found = {(r.benchmark, r.class_set) for r in rows}
    if len(found) != 1:
        raise DataError(f"A table needs rows of exactly one benchmark and class set; got {sorted(found) or 'none'}.")
    benchmark, classes = found.pop()
    return benchmark, class_set(classes)


def _of_one_setting(rows: Sequence[ExperimentRow]) -> tuple[list[ExperimentRow], Mapping[str, float | str]]:
    """Rows of the preset as it is; where there are none, those of the setting with most rows, e.g. of a short trial."""
    settings = [_without_sweep(row) for row in rows if not _SWEEPS.keys() & row.setting] or list(
        map(_without_sweep, rows)
    )
    chosen = {} if {} in settings else max(settings, key=lambda s: (settings.count(s), str(sorted(s.items()))))
    return [row for row in rows if dict(row.setting) == chosen], chosen


def _without_sweep(row: ExperimentRow) -> dict[str, float | str]:
    """The setting but for nu* and mu*, in which the rows of a sweep differ."""
    return {name: value for name, value in row.setting.items() if name not in _SWEEPS}


def _at(threshold: str, value: str) -> Callable[[ExperimentRow], bool]:
    if value == "median" and threshold == "nu_star":
        return lambda r: r.strategy == "median" and not _SWEEPS.keys() & r.setting
    # The default has no setting of its own, and a row of the other sweep is no row of this one. SSL's medians stand
    # alone at mu* = 1: strategy `median` is that of entropy.
    default, strategy = getattr(ThresholdRule(), threshold), _SWEEPS[threshold][0]
    wanted = 1.0 if value == "median" else float(value)
    return lambda r: (
        r.strategy == strategy
        and r.setting.get(threshold, default) == wanted
        and not r.setting.keys() & (_SWEEPS.keys() - {threshold})
    )


def _mean(values: Iterable[float | None]) -> float | None:
    present = [v for v in values if v is not None]
    return statistics.fmean(present) if present else None


def _provenance_notes(rows: Sequence[ExperimentRow]) -> tuple[str, ...]:
    if not rows:
        return ()
    return (f"Protocol: {'; '.join(sorted({r.protocol for r in rows}))}. {_origin(rows)}",)


def _origin(rows: Sequence[ExperimentRow]) -> str:
    """Seeds, steps, commit and hardware behind some rows."""

    def say(values: Iterable[object]) -> str:
        return ", ".join(str(value) for value in sorted(set(values), key=str))

    commits, machines = ([r.provenance.get(name, "unknown") for r in rows] for name in ("commit", "hardware"))
    return f"Seeds {say(r.seed for r in rows)}; {say(r.steps for r in rows)} steps. Commit {say(commits)}; {say(machines)}."
