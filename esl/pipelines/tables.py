"""A table as a value, and its three written forms: Markdown, CSV, LaTeX."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One entry of a table."""

    text: str
    """What is printed; empty for nothing."""
    is_best: bool = False
    """Printed in bold."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows under a header, with a title and notes."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()

    def to_markdown(self) -> str:
        """GitHub-flavoured Markdown; the first two columns left, numbers right."""
        lines = [
            f"### {self.title}",
            "",
            _pipe([_markdown(h) for h in self.header]),
            _pipe(["---", "---", *["---:"] * (len(self.header) - 2)]),
        ]
        lines += [_pipe([_bold_markdown(c) for c in row]) for row in self.rows]
        if self.notes:
            lines += ["", *(f"{note}  " for note in self.notes)]
        return "\n".join(lines) + "\n"

    def to_csv(self) -> str:
        """Comma-separated, header first, no bold."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.header)
        writer.writerows([c.text for c in row] for row in self.rows)
        return buffer.getvalue()

    def to_latex(self) -> str:
        """A `tabular` for booktabs inside a table with caption."""
        columns = "ll" + "r" * (len(self.header) - 2)
        lines = [
            r"\begin{table}",
            rf"\caption{{{_latex(self.title)}}}",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
        ]
        lines += [" & ".join(_latex(h) for h in self.header) + r" \\", r"\midrule"]
        lines += [" & ".join(_bold_latex(c) for c in row) + r" \\" for row in self.rows]
        lines += [r"\bottomrule", r"\end{tabular}", *(rf"\par {_latex(n)}" for n in self.notes), r"\end{table}"]
        return "\n".join(lines) + "\n"


def _pipe(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _bold_markdown(cell: Cell) -> str:
    text = _markdown(cell.text)
    return f"**{text}**" if cell.is_best and text else text


def _bold_latex(cell: Cell) -> str:
    text = _latex(cell.text)
    return rf"\textbf{{{text}}}" if cell.is_best and text else text


def _markdown(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;")


_LATEX = {
    "&": r"\&",
    "%": r"\%",
    "_": r"\_",
    "#": r"\#",
    "$": r"\$",
    "±": r"$\pm$",
    "->": r"$\to$",
    "nu*": r"$\nu^*$",
    "mu*": r"$\mu^*$",
}


def _latex(text: str) -> str:
    text = text.replace("&", r"\&")
    for plain, written in _LATEX.items():
        if plain not in ("&", "$"):
            text = text.replace(plain, written)
    return text


def mark_best(columns: Sequence[Sequence[float | None]], *, lowest: bool = False) -> list[list[bool]]:
    """Which entries of each column are its best (ties all count), as printed with one decimal.

    Args:
        columns: numbers of one group of rows, column by column; None where there is none.
        lowest: the smallest is best (error rates) instead of the largest.
    """
    marks = []
    for column in columns:
        present = [round(v, 1) for v in column if v is not None]
        best = (min if lowest else max)(present) if len(present) > 1 else None
        marks.append([v is not None and round(v, 1) == best for v in column])
    return marks
