"""Whether a command that a document or a plan prints is one that the command line takes."""

import functools
import inspect
import shlex
from collections.abc import Callable
from typing import Any

import pytest
import tyro

from esl.cli import main


class _ParsedError(Exception):
    """Raised in place of doing what was asked for."""


def require_parses(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse `python -m esl ...` to its last flag and run nothing.

    Raises:
        AssertionError: the command line refuses it.
    """
    words = shlex.split(command, comments=True)
    assert words[:3] == ["python", "-m", "esl"], command
    real = tyro.cli

    def only_parse(what: Callable[..., Any], **options: Any) -> None:
        harmless = functools.wraps(what)(lambda **values: 0) if inspect.isfunction(what) else what
        real(harmless, **options)
        raise _ParsedError

    with monkeypatch.context() as patched:
        patched.setattr(tyro, "cli", only_parse)
        try:
            code = main(words[3:])
        except _ParsedError:
            return
        except SystemExit as stop:
            code = stop.code
    raise AssertionError(f"{command!r} ended with {code} before it was parsed")
