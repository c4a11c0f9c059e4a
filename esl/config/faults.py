"""Gathering every fault of a config before one error is raised."""

import math

from esl.errors import ConfigError


class Faults:
    """Collects sentences; `raise_if_any` raises them all at once."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.found: list[str] = []

    def check(self, holds: bool, sentence: str) -> None:
        """Note `sentence` (what must hold and what came) unless the condition holds."""
        if not holds:
            self.found.append(sentence)

    def number(self, name: str, value: float, *, least: float = -math.inf, most: float = math.inf) -> None:
        """`value` must be finite and within [least, most]."""
        if not (math.isfinite(value) and least <= value <= most):
            self.found.append(f"{name} must be {_interval(least, most)}, got {value}")

    def one_of(self, name: str, value: object, allowed: tuple[object, ...]) -> None:
        """`value` must be among `allowed`."""
        if value not in allowed:
            self.found.append(f"{name} must be one of {', '.join(map(str, allowed))}, got {value!r}")

    def raise_if_any(self) -> None:
        """Raise what was found, if anything.

        Raises:
            ConfigError: all faults in one message.
        """
        if self.found:
            raise ConfigError(f"{self.subject} must make sense: {'; '.join(self.found)}.")


def _interval(least: float, most: float) -> str:
    if math.isinf(least) and math.isinf(most):
        return "a finite number"
    if math.isinf(most):
        return f"a finite number of at least {least:g}"
    return f"a number from {least:g} to {most:g}"
