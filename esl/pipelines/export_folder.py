"""The folder of an export: every file is written whole and read again; the manifest says when all are there."""

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE
from esl.errors import DataError
from esl.files import PARTIAL_SUFFIX, read_json, safe_join, sweep_partial_files, write_bytes, write_json, write_text
from esl.images import read_ids
from esl.labeling.thresholds import Thresholds
from esl.pipelines.export_kinds import Layer, Selected
from esl.store.recipes import Recipe, VerdictMask, save_recipe

MANIFEST_NAME = "manifest.json"


class ExportFolder:
    """Files of one export."""

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        """Name the folder and what makes this export this one; nothing is written."""
        self.path, self._header = path.absolute(), dict(header)
        self.digests: dict[str, str] = {}
        """Relative path -> sha256 of each file."""
        self.num_bytes = 0

    def begin(self, recipe: Recipe | None, mask: VerdictMask | None) -> None:
        """Claim a new folder, or go on in one that this export began; sweep what a killed one left.

        Raises:
            DataError: the folder holds something else.
        """
        manifest = self.path / MANIFEST_NAME
        if manifest.is_file():
            self._go_on(read_json(manifest))
        else:
            names = [p.name for p in self.path.iterdir()] if self.path.is_dir() else []
            foreign = [name for name in names if not name.endswith(PARTIAL_SUFFIX)]
            if foreign or (self.path.exists() and not self.path.is_dir()):
                raise DataError(
                    f"An export needs a new or empty folder; {self.path} holds {', '.join(foreign[:3]) or 'a file'}. "
                    "Name another."
                )
            write_json(manifest, {**self._header, "is_complete": False})
        sweep_partial_files(self.path, "**/*")
        if recipe is not None:  # class-balanced labels have none: the header says it all
            save_recipe(self.path / "recipe", recipe, mask)

    def _go_on(self, found: Mapping[str, Any]) -> None:
        differing = [key for key, value in self._header.items() if found.get(key) != value]
        if differing:
            raise DataError(
                f"An export goes on only with what it was begun with; {self.path} differs in {', '.join(differing)}. "
                "Name a new folder."
            )

    def put(self, name: str, values: NDArray[np.uint8] | NDArray[np.uint16], layer: Layer) -> None:
        """One PNG: kept if it is right already, else written; read again in any case.

        Raises:
            DataError: the disk is full, or gives back other values than were written.
        """
        path = safe_join(self.path, name)
        if not _holds(path, values):
            write_bytes(path, layer.encode(values))
            if not _holds(path, values):
                raise DataError(f"What was written must be what is read; {path} is not. Check the disk.")
        self._note(name, path)

    def put_text(self, name: str, text: str) -> None:
        """A text file."""
        write_text(self.path / name, text)
        self._note(name, self.path / name)

    def put_json(self, name: str, value: Mapping[str, Any]) -> None:
        """A JSON file."""
        write_json(self.path / name, value)
        self._note(name, self.path / name)

    def finish(self, facts: Mapping[str, Any]) -> None:
        """Say that everything is there, and what."""
        write_json(self.path / MANIFEST_NAME, {**self._header, **facts, "files": self.digests, "is_complete": True})

    def _note(self, name: str, path: Path) -> None:
        data = path.read_bytes()
        self.digests[name] = hashlib.sha256(data).hexdigest()
        self.num_bytes += len(data)


def _holds(path: Path, values: NDArray[np.uint8] | NDArray[np.uint16]) -> bool:
    """Whether a file is there, whole, and decodes to exactly these values."""
    if not path.is_file():
        return False
    if values.dtype == np.uint8:
        try:
            return np.array_equal(read_ids(path), values)
        except DataError:
            return False  # truncated or something else: it is written anew
    data = np.frombuffer(path.read_bytes(), np.uint8)
    found = cv2.imdecode(data, cv2.IMREAD_UNCHANGED) if data.size else None
    return found is not None and found.dtype == values.dtype and np.array_equal(found, values)


@dataclass
class Tally:
    """Predicted and kept pixels, per class and per image."""

    names: tuple[str, ...]
    predicted: NDArray[np.int64] = field(init=False)
    kept: NDArray[np.int64] = field(init=False)
    """By the class of the pseudo-label, which a verdict may have changed."""
    images: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Image id -> predicted and kept pixels."""

    def __post_init__(self) -> None:
        self.predicted, self.kept = np.zeros((2, len(self.names)), np.int64)

    def add(self, image_id: str, one: Selected) -> None:
        """Count one image."""
        classes = len(self.names)
        predicted = np.bincount(one.maps.label.ravel(), minlength=IGNORE + 1)[:classes]
        kept = np.bincount(one.pseudo_label.ravel(), minlength=IGNORE + 1)[:classes]
        self.predicted += predicted
        self.kept += kept
        self.images[image_id] = (int(predicted.sum()), int(kept.sum()))

    @property
    def coverage(self) -> float:
        """Kept share of all predicted pixels."""
        return float(self.kept.sum() / max(int(self.predicted.sum()), 1))

    def to_json(self) -> dict[str, Any]:
        """Pixels and coverage, per class and in all."""
        per_class = {
            name: {"predicted": int(p), "kept": int(k), "coverage": k / p if p else None}
            for name, p, k in zip(self.names, self.predicted.tolist(), self.kept.tolist(), strict=True)
        }
        return {"coverage": self.coverage, "classes": per_class}

    def class_csv(self, thresholds: Thresholds) -> str:
        """One line per class."""
        rows = zip(self.names, self.predicted, self.kept, thresholds.mu, thresholds.nu, strict=True)
        return csv_text(("class", "predicted_pixels", "kept_pixels", "mu_65535", "nu_65535"), rows)

    def image_csv(self) -> str:
        """One line per image."""
        return csv_text(
            ("image", "predicted_pixels", "kept_pixels"), ((i, *counts) for i, counts in self.images.items())
        )


def csv_text(header: tuple[str, ...], rows: Iterable[Iterable[Any]]) -> str:
    """Comma-separated lines under a header."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
