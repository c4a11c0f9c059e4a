"""`report`: the paper's tables from finished rows."""

from esl.cli.reproduce import run_report as run

__all__ = ["run"]
