"""A recipe: everything that turns a store into pseudo-labels, as a JSON file named by its hash (decision 16).

Training and export take a recipe and copy it, with its mask of verdicts, into their own folder, so that what was used
stays on record after the original has changed or gone.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from esl.errors import ConfigError, DataError
from esl.files import read_json, write_json
from esl.labeling.thresholds import Criterion, ThresholdRule
from esl.store.verdicts import Verdict, VerdictBook, apply_verdicts

FORMAT = "esl-recipe"
MASK_FORMAT = "esl-verdict-mask"
VERSION = 1
_ID_LENGTH = 16


@dataclass(frozen=True)
class VerdictMask:
    """Verdicts frozen for use: later ones in the book do not change what was exported or trained on."""

    verdicts: tuple[Verdict, ...]
    """In the order they apply; the last word on a pixel wins."""

    @classmethod
    def of(cls, book: VerdictBook, store: str, users: Sequence[str] = ()) -> "VerdictMask":
        """The standing verdicts on a store, of some users or of everybody."""
        standing = (stored.verdict for stored in book.verdicts(store))
        return cls(tuple(v for v in standing if v.decision != "unsure" and (not users or v.user in users)))

    @property
    def id(self) -> str:
        """Hash of the content."""
        return _hash(self.to_json())

    def apply(self, image_id: str, pseudo_label: NDArray[np.uint8], predicted: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A pseudo-label (H, W) with this image's verdicts applied; see `apply_verdicts`."""
        return apply_verdicts(pseudo_label, predicted, [v for v in self.verdicts if v.image_id == image_id])

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        verdicts = [{**asdict(v), "runs": [list(run) for run in v.runs]} for v in self.verdicts]
        return {"format": MASK_FORMAT, "version": VERSION, "verdicts": verdicts}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: Path | str) -> "VerdictMask":
        """The inverse of `to_json`.

        Raises:
            DataError: no mask, another version, or a damaged one.
        """
        _check_format(value, MASK_FORMAT, where)
        try:
            rows = [{**v, "runs": tuple((int(s), int(n)) for s, n in v["runs"])} for v in value["verdicts"]]
            return cls(tuple(Verdict(**row) for row in rows))
        except (TypeError, KeyError, ValueError) as error:
            raise DataError(f"A mask must hold whole verdicts; {where} does not ({error}). Restore it.") from error


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How pseudo-labels are chosen. `name` and `store_path` are for people and not part of the hash."""

    store: str
    """Hash of the store whose histogram gives the medians."""
    criterion: Criterion = "entropy"
    """`entropy` is ESL, `max_prob` is SSL."""
    rule: ThresholdRule = field(default_factory=ThresholdRule)
    mask: str = ""
    """Id of the verdict mask; empty for none."""
    name: str = ""
    store_path: str = ""
    """Where the store was; it may have moved."""

    def __post_init__(self) -> None:
        if self.criterion not in get_args(Criterion):
            raise ConfigError(f"A recipe's criterion must be max_prob or entropy; got {self.criterion!r}.")
        if not self.store:
            raise ConfigError("A recipe must name the hash of its store.")

    @property
    def id(self) -> str:
        """Hash of the content."""
        value = self.to_json()
        return _hash({k: v for k, v in value.items() if k not in ("name", "store_path")})

    def to_json(self) -> dict[str, Any]:
        """Plain values, as the file holds them."""
        value: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self)}
        return {"format": FORMAT, "version": VERSION, **value, "rule": self.rule.to_json()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: Path | str) -> "Recipe":
        """The inverse of `to_json`.

        Raises:
            DataError: no recipe, another version, or a damaged one.
            ConfigError: its settings make no sense.
        """
        _check_format(value, FORMAT, where)
        content = {k: v for k, v in value.items() if k not in ("format", "version")}
        unknown = sorted(set(content) - {f.name for f in fields(cls)})
        if unknown or not isinstance(content.get("rule"), dict):
            raise DataError(f"A recipe must have the fields of this version; {where} has {unknown or 'no rule'}.")
        return cls(**{**content, "rule": ThresholdRule.from_json(content["rule"])})


def save_recipe(directory: Path | str, recipe: Recipe, mask: VerdictMask | None = None) -> Path:
    """Write a recipe, after its mask, and say where; the same content takes the same file.

    Raises:
        ConfigError: the recipe names another mask than the one given.
    """
    directory = Path(directory)
    if recipe.mask != (mask.id if mask is not None else ""):
        raise ConfigError("A recipe must be saved with the mask that it names.")
    if mask is not None:
        write_json(_mask_path(directory, mask.id), mask.to_json())
    path = directory / f"{recipe.id}.json"
    write_json(path, recipe.to_json())
    return path


def load_recipe(path: Path | str) -> tuple[Recipe, VerdictMask | None]:
    """Read a recipe and the mask beside it.

    Raises:
        DataError: a file is missing or damaged, or the mask is not the one that the recipe names.
    """
    path = Path(path)
    recipe = Recipe.from_json(read_json(path), path)
    if not recipe.mask:
        return recipe, None
    mask_path = _mask_path(path.parent, recipe.mask)
    mask = VerdictMask.from_json(read_json(mask_path), mask_path)
    if mask.id != recipe.mask:
        raise DataError(f"A mask must be the one its recipe names; {mask_path} was changed. Save the recipe again.")
    return recipe, mask


def list_recipes(directory: Path | str) -> list[Recipe]:
    """Recipes of a folder, the newest first."""
    paths = [p for p in Path(directory).glob("*.json") if len(p.stem) == _ID_LENGTH]
    return [Recipe.from_json(read_json(p), p) for p in sorted(paths, key=lambda p: (-p.stat().st_mtime_ns, p.name))]


def copy_recipe(path: Path | str, directory: Path | str) -> Path:
    """Copy a recipe with its mask into `directory`, checked on the way; returns the copy's path."""
    recipe, mask = load_recipe(path)
    return save_recipe(directory, recipe, mask)


def _mask_path(directory: Path, mask_id: str) -> Path:
    return directory / f"{mask_id}.mask.json"


def _check_format(value: Mapping[str, Any], expected: str, where: Path | str) -> None:
    if value.get("format") != expected or value.get("version") != VERSION:
        raise DataError(
            f"The file must say format {expected!r}, version {VERSION}; {where} says {value.get('format')!r}, "
            f"version {value.get('version')!r}."
        )


def _hash(value: Mapping[str, Any]) -> str:
    text = json.dumps(value, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:_ID_LENGTH]
