"""The paper's Tables 1 to 5 from finished rows, beside the paper's own numbers.

Paper: Tables 1-3 (mIoU per class), Table 4 (wrong pixels in the pseudo-labels), Table 5 (influence of nu*).
"""

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from esl.classes import SUBSET_13, SUBSET_16, class_set
from esl.errors import DataError
from esl.files import read_json, write_text
from esl.pipelines.tables import Cell, Table, mark_best
from esl.store.experiments import STRATEGIES, ExperimentRow

PAPER_TABLES = Path(__file__).resolve().parents[2] / "assets" / "paper" / "tables.json"
"""The paper's own numbers, kept as data."""

METHODS = ("source_only", "minent", "adaptsegnet", "advent", "bdl_step1", "bdl_step2")
"""Order of methods in a table; others follow in alphabetical order."""

_NAMES = {
    "source_only": "Source only", "minent": "MinEnt", "adaptsegnet": "AdaptSegNet", "advent": "ADVENT",
    "bdl_step1": "BDL (step 1)", "bdl_step2": "BDL (step 2)",
}  # fmt: skip
_PAPER_TABLE_OF = {"gta5_cityscapes": "table1", "synthia_cityscapes": "table2", "synthia_mapillary": "table3"}
_SWEEP = ("0.05", "0.1", "0.15", "0.2", "0.3", "median")
_MIOU13_WITHIN_16 = tuple(SUBSET_16.index(i) for i in SUBSET_13)


def miou_table(rows: Sequence[ExperimentRow]) -> Table:
    """IoU per class and mIoU of every (method, strategy), mean ± s.d. over seeds, best of a method in bold.

    Paper: Tables 1, 2 and 3, by the rows' benchmark. With 16 classes the mean over 13 (mIoU*) is added.

    Raises:
        DataError: no rows, or rows of several benchmarks or class sets.
    """
    benchmark, classes = _one_benchmark(rows)
    has_star = len(classes) == 16
    default, changed = _of_one_setting(rows)
    body: list[tuple[Cell, ...]] = []
    for method in _methods(default):
        groups = [(s, g) for s in STRATEGIES if (g := [r for r in default if (r.method, r.strategy) == (method, s)])]
        means = [[*_mean_iou(g), *_mean_scores(g, has_star)] for _, g in groups]
        best = mark_best(list(zip(*means)))
        for i, (strategy, group) in enumerate(groups):
            cells = [Cell(text=_number(v), is_best=best[k][i]) for k, v in enumerate(means[i])]
            cells[len(classes)] = Cell(text=_with_deviation([r.miou for r in group]), is_best=best[len(classes)][i])
            body.append((Cell(text=_name(method)), Cell(text=_strategy(strategy)), *cells))
    star = ("mIoU*",) if has_star else ()
    return Table(
        title=f"{benchmark}: mIoU (%) on {default[0].split}" if default else benchmark,
        header=("Method", "Self-training", *classes, "mIoU", *star),
        rows=tuple(body),
        notes=(*(f"Setting: {name} = {value}." for name, value in changed.items()), *_provenance_notes(default)),
    )


def error_table(rows: Sequence[ExperimentRow], method: str) -> Table:
    """Wrong pixels (%) in the pseudo-labels that SSL and ESL rows were trained on, and the relative change; CBST's below.

    Paper: Table 4. The lowest is bold.

    Raises:
        DataError: the rows hold no audited pseudo-labels of both strategies.
    """
    _, classes = _one_benchmark(rows)
    errors = {strategy: _error_rates(rows, method, strategy) for strategy in ("ssl", "esl", "cbst")}
    missing = next((s for s in ("ssl", "esl") if not errors[s]), None)
    if missing:
        raise DataError(
            f"Table 4 needs audited pseudo-labels of SSL and ESL for {method}; the rows have none for {missing}. Run the experiment with ground truth for the audit."
        )
    shown = [strategy for strategy, values in errors.items() if values]
    best = mark_best(list(zip(*(errors[strategy] for strategy in shown))), lowest=True)
    lines = [
        (
            Cell(text=_strategy(name)),
            Cell(text=""),
            *(Cell(text=_number(v), is_best=best[k][i]) for k, v in enumerate(errors[name])),
        )
        for i, name in enumerate(shown)
    ]
    ssl, esl = errors["ssl"], errors["esl"]
    change = [None if not s or e is None else 100 * (e - s) / s for s, e in zip(ssl, esl)]
    signed = tuple(Cell(text="" if v is None else f"{v:+.1f}") for v in change)
    lines.insert(2, (Cell(text="Rel. change (%)"), Cell(text=""), *signed))  # of ESL against SSL, as the paper has it
    return Table(
        title=f"Incorrect predictions (%) selected in the pseudo-labels ({_name(method)})",
        header=("Method", "", *classes, "global"),
        rows=tuple(lines),
        notes=_provenance_notes([r for r in rows if r.method == method]),
    )


def _error_rates(rows: Sequence[ExperimentRow], method: str, strategy: str) -> list[float | None]:
    """Mean over seeds per class and, last, over all pixels; empty where no row is audited."""
    audited = [
        r.pseudo_labels
        for r in rows
        if (r.method, r.strategy) == (method, strategy) and not r.setting and r.pseudo_labels
    ]
    return [_mean(c) for c in zip(*([*a["error_rates"], a["error_rate"]] for a in audited))]


def sweep_table(rows: Sequence[ExperimentRow], method: str) -> Table:
    """mIoU of ESL against nu*, with the baseline and the median-only limit. Paper: Table 5."""
    _one_benchmark(rows)
    mine = [r for r in rows if r.method == method]
    picks: list[tuple[str, Callable[[ExperimentRow], bool]]] = [("Baseline", lambda r: r.strategy == "none")]
    picks += [(value, _at_nu_star(value)) for value in _SWEEP]
    means = [_mean([r.miou for r in mine if pick(r)]) for _, pick in picks]
    flags = mark_best([means])[0]
    texts = [_with_deviation([r.miou for r in mine if pick(r)]) for _, pick in picks]
    cells = [Cell(text=text, is_best=flag) for text, flag in zip(texts, flags)]
    return Table(
        title=f"Influence of nu* in ESL ({_name(method)})",
        header=("Threshold", "", *(label for label, _ in picks)),
        rows=((Cell(text="mIoU"), Cell(text=""), *cells),),
        notes=_provenance_notes(mine),
    )


def paper_table(name: str) -> Table:
    """One of the paper's own tables, `table1` to `table5`, for print beside ours.

    Raises:
        DataError: there is no such table.
    """
    tables = read_json(PAPER_TABLES)
    if name not in tables or name == "source":
        raise DataError(f"The paper's tables are table1 to table5; got {name!r}.")
    table = tables[name]
    if name == "table5":
        cells = tuple(Cell(text=_number(v)) for v in table["miou"])
        return Table(
            title=f"Paper, {table['title']}",
            header=("Threshold", "", *table["columns"]),
            rows=((Cell(text="mIoU"), Cell(text=""), *cells),),
        )
    numbers = [
        [*(r.get("iou") or r["error"]), *[r[k] for k in ("miou", "miou13", "global_error") if k in r]]
        for r in table["rows"]
    ]
    last = {"table2": ("mIoU", "mIoU*"), "table4": ("global",)}.get(name, ("mIoU",))
    rows = []
    for row, values in zip(table["rows"], numbers):
        rows.append(
            (Cell(text=row["method"]), Cell(text=_strategy(row["strategy"])), *(Cell(text=_number(v)) for v in values))
        )
    if name == "table4":
        rows.append(
            (Cell(text="Rel. change (%)"), Cell(text=""), *(Cell(text=f"{v:+.1f}") for v in table["relative_change"]))
        )
    return Table(
        title=f"Paper, {table['title']}", header=("Method", "Self-training", *table["classes"], *last), rows=tuple(rows),
        notes=(table["note"],) if "note" in table else (),
    )  # fmt: skip


def write_report(rows: Sequence[ExperimentRow], out_dir: Path, *, sweep_method: str = "advent") -> list[Path]:
    """Write every table the rows allow as `.md`, `.csv` and `.tex`, each beside the paper's, and say which.

    Raises:
        DataError: there are no rows.
    """
    benchmark, _ = _one_benchmark(rows)
    tables = {_PAPER_TABLE_OF.get(benchmark, "table1"): miou_table(rows)}
    strategies = {r.strategy for r in rows if r.method == sweep_method and r.pseudo_labels}
    if {"ssl", "esl"} <= strategies:
        tables["table4"] = error_table(rows, sweep_method)
    if any(r.method == sweep_method and "nu_star" in r.setting for r in rows):
        tables["table5"] = sweep_table(rows, sweep_method)
    written = []
    for name, table in tables.items():
        stem = out_dir / f"{benchmark}_{name}"
        forms = {
            ".md": f"{table.to_markdown()}\n{paper_table(name).to_markdown()}",
            ".csv": table.to_csv(),
            ".tex": table.to_latex(),
        }
        for suffix, text in forms.items():
            write_text(stem.with_suffix(suffix), text)
            written.append(stem.with_suffix(suffix))
    return written


def _one_benchmark(rows: Sequence[ExperimentRow]) -> tuple[str, tuple[str, ...]]:
    found = {(r.benchmark, r.class_set) for r in rows}
    if len(found) != 1:
        raise DataError(f"A table needs rows of exactly one benchmark and class set; got {sorted(found) or 'none'}.")
    benchmark, classes = found.pop()
    return benchmark, class_set(classes).names


def _of_one_setting(rows: Sequence[ExperimentRow]) -> tuple[list[ExperimentRow], Mapping[str, float | str]]:
    """Rows of the preset as it is; where there are none, those of the setting with most rows, e.g. of a short trial."""
    settings = [dict(row.setting) for row in rows]
    chosen = {} if {} in settings else max(settings, key=lambda s: (settings.count(s), str(sorted(s.items()))))
    return [row for row in rows if dict(row.setting) == chosen], chosen


def _methods(rows: Iterable[ExperimentRow]) -> list[str]:
    found = {r.method for r in rows}
    return [m for m in METHODS if m in found] + sorted(found - set(METHODS))


def _name(method: str) -> str:
    return _NAMES.get(method, method)


def _strategy(strategy: str) -> str:
    name, plus, translated = strategy.partition("+")
    name = {"none": "-", "median": "Median"}.get(name, name.upper())
    return f"{name} + {translated.upper()}" if plus else name


def _at_nu_star(value: str) -> Callable[[ExperimentRow], bool]:
    if value == "median":
        return lambda r: r.strategy == "median" and not r.setting
    default = value == "0.1"
    return lambda r: r.strategy == "esl" and (r.setting.get("nu_star") == float(value) or (default and not r.setting))


def _mean(values: Iterable[float | None]) -> float | None:
    present = [v for v in values if v is not None]
    return statistics.fmean(present) if present else None


def _mean_iou(group: Sequence[ExperimentRow]) -> list[float | None]:
    return [_mean(column) for column in zip(*(r.iou for r in group))]


def _mean_scores(group: Sequence[ExperimentRow], has_star: bool) -> list[float | None]:
    star = [_mean(_mean(r.iou[i] for i in _MIOU13_WITHIN_16) for r in group)] if has_star else []
    return [_mean(r.miou for r in group), *star]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _with_deviation(values: Sequence[float]) -> str:
    if len(values) < 2:
        return _number(values[0]) if values else ""
    return f"{statistics.fmean(values):.1f} ± {statistics.stdev(values):.1f}"


def _provenance_notes(rows: Sequence[ExperimentRow]) -> tuple[str, ...]:
    if not rows:
        return ()

    def say(name: str) -> str:
        return ", ".join(sorted({str(r.provenance.get(name, "unknown")) for r in rows}))

    seeds = ", ".join(str(s) for s in sorted({r.seed for r in rows}))
    protocols = "; ".join(sorted({r.protocol for r in rows}))
    return (
        f"Protocol: {protocols}. Seeds {seeds}; {', '.join(str(s) for s in sorted({r.steps for r in rows}))} steps. Commit {say('commit')}; {say('hardware')}.",
    )
