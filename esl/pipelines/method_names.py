"""What tables call methods, and in which order they stand."""

from collections.abc import Iterable

from esl.store.experiments import ExperimentRow

METHODS = ("source_only", "minent", "adaptsegnet", "advent", "bdl_step1", "bdl_step2")
"""Order of methods in a table; others follow in alphabetical order."""

_NAMES = {
    "source_only": "Source only", "minent": "MinEnt", "adaptsegnet": "AdaptSegNet", "advent": "ADVENT",
    "bdl_step1": "BDL (step 1)", "bdl_step2": "BDL (step 2)",
}  # fmt: skip


def methods_of(rows: Iterable[ExperimentRow]) -> list[str]:
    """Methods that have rows, in the tables' order."""
    found = {r.method for r in rows}
    return [m for m in METHODS if m in found] + sorted(found - set(METHODS))


def method_name(method: str) -> str:
    """As the paper writes it."""
    return _NAMES.get(method, method)
