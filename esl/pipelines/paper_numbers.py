"""The paper's own numbers, kept as data, as tables to print beside ours."""

from pathlib import Path

from esl.errors import DataError
from esl.files import read_json
from esl.pipelines.tables import Cell, Table, number, signed

PAPER_TABLES = Path(__file__).resolve().parents[2] / "assets" / "paper" / "tables.json"
"""Tables 1 to 5 as printed."""
PAPER_NAMES = ("table1", "table2", "table3", "table4", "table5")
_MEANS = {"table2": ("mIoU", "mIoU*"), "table4": ("global",)}
"""Last columns of a table, where they are not mIoU alone."""


def paper_table(name: str) -> Table:
    """One of the paper's own tables, `table1` to `table5`.

    Raises:
        DataError: there is no such table.
    """
    if name not in PAPER_NAMES:
        raise DataError(f"The paper's tables are table1 to table5; got {name!r}.")
    table = read_json(PAPER_TABLES)[name]
    title = f"Paper, {table['title']}"
    if name == "table5":
        header = ("Threshold", "", *table["columns"])
        return Table(title=title, header=header, rows=(_row("mIoU", "", table["miou"]),))
    rows = [_row(row["method"], strategy_name(row["strategy"]), _numbers(row)) for row in table["rows"]]
    if name == "table4":
        change = tuple(Cell(text=signed(v)) for v in table["relative_change"])
        rows.append((Cell(text="Rel. change (%)"), Cell(text=""), *change))
    return Table(
        title=title,
        header=("Method", "Self-training", *table["classes"], *_MEANS.get(name, ("mIoU",))),
        rows=tuple(rows),
        notes=(table["note"],) if "note" in table else (),
    )


def strategy_name(strategy: str) -> str:
    """As the paper writes it: `ssl+it` is SSL + IT, `none` a dash."""
    name, plus, translated = strategy.partition("+")
    name = {"none": "-", "median": "Median"}.get(name, name.upper())
    return f"{name} + {translated.upper()}" if plus else name


def _numbers(row: dict[str, list[float]]) -> list[float]:
    means = [row[key] for key in ("miou", "miou13", "global_error") if key in row]
    return [*(row.get("iou") or row["error"]), *means]  # type: ignore[list-item]


def _row(method: str, strategy: str, values: list[float]) -> tuple[Cell, ...]:
    return (Cell(text=method), Cell(text=strategy), *(Cell(text=number(v)) for v in values))
