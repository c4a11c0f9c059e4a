"""Tables for a terminal: columns in line, shares in percent."""

from collections.abc import Sequence


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Rows of as many cells each, as text: the first column to the left, the others to the right; empty rows are rules."""
    widths = [max(len(line[k]) for line in lines) for k in range(len(lines[0]))]
    text = []
    for line in lines:
        cells = [line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]
        text.append("  ".join(cells).rstrip() if any(line) else "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return text


def percent_text(share: float | None, sign: str = "") -> str:
    """`-` where there is nothing to say; `sign` is that of a format, `+` for changes."""
    return "-" if share is None else f"{100 * share:{sign}.1f}"
