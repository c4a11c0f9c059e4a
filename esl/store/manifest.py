"""What a prediction store says about itself: `manifest.json`.

A manifest is self-contained: it carries the class set whole (names, colours, label formats), so a store with classes
of its own opens anywhere. It holds no time and no host, so two runs of one command write the same bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from esl.classes import ClassSet
from esl.errors import ConfigError, DataError
from esl.labeling.maps import Interpolate

FORMAT = "esl-predictions"
VERSION = 1

LogitsType = Literal["float32", "float16"]


@dataclass(frozen=True, kw_only=True)
class StoreManifest:
    """Everything that must be the same for predictions to belong together."""

    dataset: str
    """Name of the data set's format, e.g. `cityscapes`, `folder`, `demo`."""
    root: str = ""
    """Folder of the data set. Recorded and compared on resume; not part of `digest`, so a store may move with its data."""
    split: str = ""
    class_set: ClassSet
    label_format: str = "train_ids"
    """Which of the class set's formats the data set's label files use."""
    image_ids: tuple[str, ...]
    """Unique relative paths in a fixed order; an image's place here is its place in the array."""
    map_size: tuple[int, int]
    """(H, W) of all maps, thresholds and pseudo-labels derived from this store."""
    logits_shape: tuple[int, int, int]
    """(C, h_max, w_max)."""
    logits_type: LogitsType = "float32"
    """float16 where the network ran in bf16."""
    interpolate: Interpolate = "probs"
    precision: str = "fp32"
    """Resolved precision of the forward pass."""
    device: str = "cpu"
    """Resolved device of the forward pass."""
    batch_size: int = 1
    """Images per forward pass. A network's last bits depend on it, so batches are cut by position, on resume as well."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """What made the logits: at least `name`; `sha256` of its weights where there are any. Plain JSON values."""

    def __post_init__(self) -> None:
        faults = []
        # JSON gives lists of any length; the types promise more than a damaged file keeps.
        map_size: tuple[int, ...] = self.map_size
        logits_shape: tuple[int, ...] = self.logits_shape
        if not self.image_ids:
            faults.append("image_ids is empty")
        if len(set(self.image_ids)) != len(self.image_ids):
            faults.append("image_ids must be unique")
        if len(logits_shape) != 3 or logits_shape[0] != self.class_set.num_classes:
            faults.append(
                f"logits_shape must be (C, h, w) with the {self.class_set.num_classes} classes of {self.class_set.name}, "
                f"got {logits_shape}"
            )
        if len(map_size) != 2 or min((*map_size, *logits_shape)) < 1 or self.batch_size < 1:
            faults.append(
                f"map_size, logits_shape and batch_size must be positive, got {map_size}, {logits_shape} and {self.batch_size}"
            )
        for name, value, known in (
            ("interpolate", self.interpolate, get_args(Interpolate)),
            ("logits_type", self.logits_type, get_args(LogitsType)),
        ):
            if value not in known:
                faults.append(f"{name} must be one of {', '.join(known)}, got {value!r}")
        if faults:
            raise ConfigError(f"A store's manifest must make sense: {'; '.join(faults)}.")

    def to_json(self) -> dict[str, Any]:
        """Plain values, as `manifest.json` holds them."""
        value: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        for name in ("image_ids", "map_size", "logits_shape"):
            value[name] = list(value[name])
        value["model"] = dict(self.model)
        value["class_set"] = class_set_to_json(self.class_set)
        return {"format": FORMAT, "version": VERSION, **value}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: Path | str) -> "StoreManifest":
        """The inverse of `to_json`.

        Raises:
            DataError: not a store's manifest, another version, or values that make no sense.
        """
        if value.get("format") != FORMAT or value.get("version") != VERSION:
            raise DataError(
                f"A prediction store's manifest must say format {FORMAT!r}, version {VERSION}; {where} says "
                f"{value.get('format')!r}, version {value.get('version')!r}. Extract again with this version."
            )
        content = {k: v for k, v in value.items() if k not in ("format", "version")}
        try:
            for name in ("image_ids", "map_size", "logits_shape"):
                content[name] = tuple(content[name])
            content["class_set"] = class_set_from_json(content["class_set"])
            return cls(**content)
        except (TypeError, KeyError, ValueError) as error:
            raise DataError(
                f"A store's manifest must be whole; {where} is not ({error}). Restore it or extract again."
            ) from error

    @property
    def digest(self) -> str:
        """Hex SHA-256 of everything but `root`."""
        value = {k: v for k, v in self.to_json().items() if k != "root"}
        return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False).encode()).hexdigest()

    def differences(self, other: "StoreManifest") -> list[str]:
        """What `other` has otherwise, one phrase for each field: `interpolate: 'probs' in the store, now 'logits'`.

        Where the data set lies is no difference: folders move.
        """
        mine, theirs = self.to_json(), json.loads(json.dumps(other.to_json()))
        mine = json.loads(json.dumps(mine))
        return [
            _difference(name, mine[name], theirs[name])
            for name in mine
            if mine[name] != theirs[name] and name != "root"
        ]


def _difference(name: str, mine: Any, theirs: Any) -> str:
    if name == "image_ids":
        gone, new = [i for i in mine if i not in set(theirs)], [i for i in theirs if i not in set(mine)]
        some = [*(f"-{i}" for i in gone[:3]), *(f"+{i}" for i in new[:3])]
        return f"image_ids: {len(mine)} in the store, now {len(theirs)} ({', '.join(some) or 'another order'})"
    if isinstance(mine, dict) and isinstance(theirs, dict):
        inner = [k for k in sorted({*mine, *theirs}) if mine.get(k) != theirs.get(k)]
        return ", ".join(f"{name}.{k}: {_short(mine.get(k))} in the store, now {_short(theirs.get(k))}" for k in inner)
    return f"{name}: {_short(mine)} in the store, now {_short(theirs)}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def class_set_to_json(classes: ClassSet) -> dict[str, Any]:
    """A class set as plain JSON values."""
    formats = {name: {str(k): v for k, v in ids.items()} for name, ids in classes.label_formats.items()}
    return {
        "name": classes.name,
        "names": list(classes.names),
        "colors": [list(color) for color in classes.colors],
        "label_formats": formats,
    }


def class_set_from_json(value: Mapping[str, Any]) -> ClassSet:
    """The inverse of `class_set_to_json`."""
    return ClassSet(
        name=value["name"],
        names=tuple(value["names"]),
        colors=tuple((int(r), int(g), int(b)) for r, g, b in value["colors"]),
        label_formats={n: {int(k): int(v) for k, v in ids.items()} for n, ids in value["label_formats"].items()},
    )
