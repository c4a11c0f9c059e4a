"""A table as a value, and its three written forms: Markdown, CSV, LaTeX."""

import csv
import io
import re
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

_MANY_COLUMNS = 12
_LATEX = {
    **{sign: "\\" + sign for sign in "&%_#${}"},
    "\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": "$<$", ">": "$>$",
    "±": r"$\pm$", "->": r"$\to$", "nu*": r"$\nu^*$", "mu*": r"$\mu^*$",
}  # fmt: skip
_SPECIAL = re.compile("|".join(re.escape(plain) for plain in sorted(_LATEX, key=len, reverse=True)))


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
        """A float over both columns, no wider than the text: needs the packages booktabs and graphicx.

        Class names stand upright where there are many, so that none is cut and the numbers stay legible.
        """
        columns = "ll" + "r" * (len(self.header) - 2)
        upright = len(self.header) > _MANY_COLUMNS
        header = [
            rf"\rotatebox{{90}}{{{_latex(name)}}}" if upright and k > 1 else _latex(name)
            for k, name in enumerate(self.header)
        ]
        lines = [
            r"% \usepackage{booktabs,graphicx}",
            r"\begin{table*}",
            rf"\caption{{{_latex(self.title)}}}",
            r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",
            rf"\begin{{tabular}}{{{columns}}}",
            r"\toprule",
        ]
        lines += [" & ".join(header) + r" \\", r"\midrule"]
        lines += [" & ".join(_bold_latex(c) for c in row) + r" \\" for row in self.rows]
        lines += [r"\bottomrule", r"\end{tabular}}", *(rf"\par\footnotesize {_latex(n)}" for n in self.notes)]
        return "\n".join([*lines, r"\end{table*}"]) + "\n"


def number(value: float | None) -> str:
    """As tables print it: one decimal, nothing for None."""
    return "" if value is None else f"{value:.1f}"


def signed(value: float | None) -> str:
    """A change with its sign; what rounds to nothing is +0.0."""
    return "" if value is None else f"{round(value, 1) + 0.0:+.1f}"


def with_deviation(values: Iterable[float | None], say: Callable[[float | None], str] = number) -> str:
    """Mean ± s.d. of the values that are there; one alone has no deviation, none no text.

    Args:
        values: numbers, None where there is nothing.
        say: how the mean is written.
    """
    present = [v for v in values if v is not None]
    if not present:
        return ""
    mean = say(statistics.fmean(present))
    return mean if len(present) < 2 else f"{mean} ± {statistics.stdev(present):.1f}"


def _pipe(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _bold_markdown(cell: Cell) -> str:
    text = _markdown(cell.text)
    return f"**{text}**" if cell.is_best and text else text


def _bold_latex(cell: Cell) -> str:
    text = _latex(cell.text)
    return rf"\textbf{{{text}}}" if cell.is_best and text else text


def _markdown(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;").replace("*", r"\*")


def _latex(text: str) -> str:
    return _SPECIAL.sub(lambda found: _LATEX[found.group()], text)


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
