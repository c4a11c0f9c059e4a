"""Configs to JSON and back, and what differs between two of them."""

import hashlib
import json
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from esl.config.train import CONFIG_VERSION, TrainConfig
from esl.errors import ConfigError

T = TypeVar("T")

_FREE_TO_CHANGE = (
    "num_workers", "tensorboard", "cache_dir", "keep_checkpoints", "source.root", "target.root", "selection.data.root", "init_weights",
    "pseudo_labels.path", "pseudo_labels.store",
)  # fmt: skip
"""Fields that a resumed run may change: they alter no number of it (data and stores may move; their digests are checked)."""


def config_to_json(config: TrainConfig) -> dict[str, Any]:
    """Plain values, with the format's version."""
    return {"config_version": CONFIG_VERSION, **_plain(config)}


def config_from_json(values: Mapping[str, Any]) -> TrainConfig:
    """The config that `config_to_json` wrote.

    Raises:
        ConfigError: an unknown field, a value of the wrong kind, another version, or a config that makes no sense.
    """
    values = dict(values)
    version = values.pop("config_version", CONFIG_VERSION)
    if version != CONFIG_VERSION:
        raise ConfigError(
            f"A config must have version {CONFIG_VERSION}; this one has {version}. Use the release it was made with."
        )
    built = _build(TrainConfig, values, "config")
    assert isinstance(built, TrainConfig)
    return built


def config_hash(config: TrainConfig) -> str:
    """Hex digest of what decides a run's numbers; two configs of the same hash train the same network from the same files.

    Where files lie (data, first weights, pseudo-labels) is not in it: a run holds them by digests of their own.
    """
    text = json.dumps(
        {k: v for k, v in flat_json(config_to_json(config)).items() if k not in _FREE_TO_CHANGE}, sort_keys=True
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def config_differences(old: TrainConfig, new: TrainConfig, *, free: bool = False) -> list[str]:
    """`field: old -> new` for each field that differs; those that a resume may change are left out unless `free`."""
    before, after = flat_json(config_to_json(old)), flat_json(config_to_json(new))
    names = [k for k in sorted(before.keys() | after.keys()) if before.get(k) != after.get(k)]
    return [f"{k}: {before.get(k)} -> {after.get(k)}" for k in names if free or k not in _FREE_TO_CHANGE]


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if isinstance(value, Path):
        return "" if value == Path() else value.as_posix()
    return value


def plain_values(config: Any) -> dict[str, Any]:
    """Any config dataclass as plain values."""
    values: dict[str, Any] = _plain(config)
    return values


def config_of(kind: type[T], values: Mapping[str, Any]) -> T:
    """The config of class `kind` that `plain_values` took apart.

    Raises:
        ConfigError: an unknown field, a value of the wrong kind, or a config that makes no sense.
    """
    built = _build(kind, values, "config")
    assert isinstance(built, kind)
    return built


def flat_json(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested JSON objects as one, by dotted names."""
    out: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            out |= flat_json(value, f"{prefix}{key}.")
        else:
            out[prefix + key] = value
    return out


def _build(kind: Any, value: Any, where: str) -> Any:
    if is_dataclass(kind):
        return _build_dataclass(kind, value, where)
    origin, args = get_origin(kind), get_args(kind)
    try:
        if origin is tuple:
            return tuple(_build(args[0 if args[-1] is Ellipsis else i], v, where) for i, v in enumerate(value))
        if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
            return {args[0](k): _build(args[1], v, where) for k, v in value.items()}
        if kind is Path:
            return Path(value)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
    except (TypeError, ValueError, IndexError) as error:
        raise ConfigError(f"{where} must be a {kind}; got {value!r}.") from error
    allowed = args if origin is not None and not isinstance(origin, types.UnionType) else None
    if allowed is not None and value not in allowed:
        raise ConfigError(f"{where} must be one of {', '.join(map(str, allowed))}; got {value!r}.")
    if allowed is None and not (isinstance(value, kind) and isinstance(value, bool) == (kind is bool)):
        raise ConfigError(f"{where} must be of type {kind.__name__}; got {value!r}.")
    return value


def _build_dataclass(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise ConfigError(f"{where} must be a JSON object; got {value!r}.")
    hints = get_type_hints(kind)
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise ConfigError(f"{where} must have known fields only; got {', '.join(unknown)}.")
    return kind(**{name: _build(hints[name], v, f"{where}.{name}") for name, v in value.items()})
