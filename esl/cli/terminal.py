"""What all verbs share: parsing by a function's own signature, and one way to print a result."""

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import tyro

from esl.errors import ConfigError


def parse(verb: str, function: Callable[..., int], arguments: Sequence[str]) -> int:
    """Call `function` with what the arguments say; its signature and docstring are the verb's interface and help."""
    code: int = tyro.cli(
        function, args=list(arguments), prog=f"python -m esl {verb}", config=(tyro.conf.FlagCreatePairsOff,)
    )
    return code


def show(report: Any, *, as_json: bool) -> None:
    """Print a report that has `to_json` and `to_text`, or a plain dict, to stdout."""
    if as_json:
        value = report if isinstance(report, dict) else report.to_json()
        print(json.dumps(value, indent=1, allow_nan=False))
    elif isinstance(report, dict):
        print("\n".join(f"{key}: {value}" for key, value in report.items()))
    else:
        print(report.to_text().rstrip("\n"))
    sys.stdout.flush()


def tell(sentence: str) -> None:
    """Print to stderr, below a progress line that may be standing on the terminal."""
    print(("\n" if sys.stderr.isatty() else "") + sentence, file=sys.stderr)


def class_values(pairs: Sequence[str], names: Sequence[str], flag: str) -> dict[int, float]:
    """`CLASS=VALUE` pairs as train id -> value; a class is a name or a train id.

    Raises:
        ConfigError: a pair is not of that form, or names no class.
    """
    found = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        try:
            value = float(text)
        except ValueError:
            raise ConfigError(f"{flag} must be CLASS=VALUE, e.g. {names[0]}=0.5; got {pair!r}.") from None
        if name in names:
            found[names.index(name)] = value
        elif name.isdecimal() and int(name) < len(names):
            found[int(name)] = value
        else:
            raise ConfigError(f"{flag} must name one of {', '.join(names)}; got {name!r}.")
    return found


def optional(path: Path) -> Path | None:
    """None for the empty path that stands for a flag that was not given."""
    return None if path == Path() else path
