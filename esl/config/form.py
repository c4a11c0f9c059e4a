"""The config as a form: every field with its kind, value, choices and help, read from the typed config itself.

What a field means stands once, in the docstring under it; the page's form and its search take it from there.
"""

import ast
import inspect
import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from esl.config.codec import config_from_json, config_to_json
from esl.config.train import TrainConfig
from esl.errors import ConfigError

FieldKind = Literal["integer", "number", "switch", "choice", "text", "path", "list", "mapping"]


@dataclass(frozen=True, kw_only=True)
class FormField:
    """One setting of a run."""

    path: str
    """Dotted name, e.g. `source.augment.crop`."""
    kind: FieldKind
    value: Any
    """Its value as JSON."""
    choices: tuple[str, ...] = ()
    help: str = ""
    """The sentences under the field in the config."""


def form_fields(config: TrainConfig) -> tuple[FormField, ...]:
    """Every field of a config in reading order, nested ones by their dotted names."""
    return tuple(_fields(config, ""))


def with_values(config: TrainConfig, values: Mapping[str, Any]) -> TrainConfig:
    """A config with some fields changed, by dotted name.

    Args:
        config: where to start, e.g. a preset.
        values: dotted name -> JSON value; numbers may come as text, as a form sends them.

    Raises:
        ConfigError: an unknown name, a value of the wrong kind, or a config that makes no sense; all in one message.
    """
    known = {f.path: f for f in form_fields(config)}
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise ConfigError(f"Settings must have known names; got {', '.join(unknown)}.")
    tree = config_to_json(config)
    faults = []
    for path, value in values.items():
        try:
            parsed = _parsed(known[path], value)
        except ValueError:
            faults.append(f"{path} must be {_KIND_WORDS[known[path].kind]}, got {value!r}")
            continue
        *parents, name = path.split(".")
        branch = tree
        for parent in parents:
            branch = branch[parent]
        branch[name] = parsed
    if faults:
        raise ConfigError(f"Settings must be of the right kind: {'; '.join(faults)}.")
    return config_from_json(tree)


def command_flags(base: TrainConfig, config: TrainConfig) -> list[str]:
    """The flags that turn `base` (a preset) into `config` on the command line of `esl train`."""
    flags: list[str] = []
    before = {f.path: f.value for f in form_fields(base)}
    for field in form_fields(config):
        if field.value == before[field.path]:
            continue
        parent, _, name = field.path.rpartition(".")
        prefix = f"--{parent}." if parent else "--"
        flag = prefix.replace("_", "-") + name.replace("_", "-")
        if field.kind == "switch":
            flags.append(flag if field.value else prefix.replace("_", "-") + "no-" + name.replace("_", "-"))
        elif field.kind == "list":
            flags += [flag, *map(str, field.value)]
        elif field.kind == "mapping":
            flags += [flag, *(str(part) for item in field.value.items() for part in item)]
        else:
            flags += [flag, str(field.value)]
    return flags


_KIND_WORDS: Mapping[FieldKind, str] = {
    "integer": "a whole number", "number": "a finite number", "switch": "true or false", "choice": "one of its choices",
    "text": "text", "path": "a path", "list": "numbers, separated by spaces", "mapping": "a JSON object",
}  # fmt: skip


def _fields(value: Any, prefix: str) -> list[FormField]:
    found: list[FormField] = []
    hints = get_type_hints(type(value))
    helps = _docstrings(type(value))  # type: ignore[arg-type]  # a class is hashable
    for field in fields(value):
        child, path = getattr(value, field.name), prefix + field.name
        if is_dataclass(child):
            found += _fields(child, f"{path}.")
            continue
        hint = hints[field.name]
        choices = tuple(map(str, get_args(hint))) if get_origin(hint) is Literal else ()
        found.append(
            FormField(path=path, kind=_kind(hint), value=_plain(child), choices=choices, help=helps.get(field.name, ""))
        )
    return found


def _kind(hint: Any) -> FieldKind:
    if get_origin(hint) is Literal:
        return "choice"
    if get_origin(hint) is tuple:
        return "list"
    if hint is bool:
        return "switch"
    if hint is int:
        return "integer"
    if hint is float:
        return "number"
    if hint is Path:
        return "path"
    return "text" if hint is str else "mapping"


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return "" if value == Path() else value.as_posix()
    if isinstance(value, tuple):
        return list(value)
    return {str(k): v for k, v in value.items()} if isinstance(value, Mapping) else value


def _parsed(field: FormField, value: Any) -> Any:
    """`value` as JSON of the field's kind; ValueError where it is none."""
    match field.kind:
        case "integer":
            return int(value) if not isinstance(value, float) or value.is_integer() else _refuse()
        case "number":
            number = float(value)
            return number if math.isfinite(number) else _refuse()
        case "switch":
            truth = {"true": True, "false": False}.get(str(value).lower())
            return truth if truth is not None else _refuse()
        case "choice":
            return value if value in field.choices else _refuse()
        case "list":
            parts = value.replace(",", " ").split() if isinstance(value, str) else value
            whole = all(isinstance(v, int) for v in field.value)
            return [int(v) if whole else float(v) for v in parts] if len(parts) == len(field.value) else _refuse()
        case "mapping":
            return value if isinstance(value, Mapping) else _refuse()
        case _:
            return value if isinstance(value, str) and "\0" not in value else _refuse()


def _refuse() -> Any:
    raise ValueError


@cache
def _docstrings(kind: type) -> dict[str, str]:
    """Field -> the docstring under it, read from the class's source."""
    body = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(body, ast.ClassDef)
    helps = {}
    for field, after in zip(body.body, body.body[1:]):
        is_text = (
            isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant) and isinstance(after.value.value, str)
        )
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and is_text:
            helps[field.target.id] = " ".join(after.value.value.split())  # type: ignore[attr-defined]
    return helps
