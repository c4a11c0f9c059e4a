"""What an export can write for each image, and under which name.

Every kind is a function of one image's maps; what is written is what the page shows, integer for integer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE, ClassSet
from esl.errors import ConfigError, DataError
from esl.images import encode_palette_png, encode_png
from esl.labeling.comparison import compare
from esl.labeling.maps import PredictionMaps
from esl.labeling.thresholds import Thresholds

Kind: TypeAlias = Literal["train_ids", "label_ids", "color", "difference", "scores", "statistics", "verdicts"]
"""`train_ids`: 8-bit, 255 = ignore. `label_ids`: ids of the data set's own label files. `color`: train ids with a palette.
`difference`: who keeps a pixel (0 nobody, 1 both, 2 SSL alone, 3 ESL alone), with a palette. `scores`: 16-bit entropy and
confidence. `statistics`: CSV per class and per image, and Tables 4 and 5 where the set was audited. `verdicts`: the verdicts that were applied."""
KINDS: tuple[Kind, ...] = get_args(Kind)
Naming: TypeAlias = Literal["path", "cityscapes"]
"""`path`: the image's relative path with `.png`. `cityscapes`: `city/city_000000_000019_gtFine_labelTrainIds.png`."""

_COMPARISON_COLORS = ((235, 235, 235), (120, 120, 120), (213, 94, 0), (0, 114, 178))
_CITYSCAPES_ENDING = {"train_ids": "labelTrainIds", "label_ids": "labelIds", "color": "color"}


@dataclass(frozen=True)
class Selected:
    """One image, ready to be written."""

    maps: PredictionMaps
    pseudo_label: NDArray[np.uint8]
    thresholds: Thresholds


@dataclass(frozen=True)
class Layer:
    """One PNG per image."""

    folder: str
    """Below the export's own; empty for the pseudo-labels themselves."""
    suffix: str
    """Before `.png`, in the naming of Cityscapes."""
    values: Callable[[Selected], NDArray[np.uint8] | NDArray[np.uint16]]
    """What the file must hold when it is read again."""
    palette: NDArray[np.uint8] | None = None

    def encode(self, values: NDArray[np.uint8] | NDArray[np.uint16]) -> bytes:
        """PNG bytes."""
        if self.palette is None:
            return encode_png(values)
        return encode_palette_png(values.astype(np.uint8), self.palette)


def layers_of(kinds: Sequence[str], classes: ClassSet, label_format: str) -> tuple[Layer, ...]:
    """The PNG layers of some kinds.

    Raises:
        ConfigError: an unknown kind, or none at all.
    """
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds:
        raise ConfigError(f"Kinds of an export must be some of {', '.join(KINDS)}; got {', '.join(unknown) or 'none'}.")
    ids = _file_ids(classes, label_format) if "label_ids" in kinds else np.zeros(256, np.uint8)
    comparison = np.zeros((256, 3), np.uint8)
    comparison[:4] = _COMPARISON_COLORS
    known: dict[str, tuple[Layer, ...]] = {
        "train_ids": (Layer("", "labelTrainIds", lambda s: s.pseudo_label),),
        "label_ids": (Layer("label_ids", "labelIds", lambda s: ids[s.pseudo_label]),),
        "color": (Layer("color", "color", lambda s: s.pseudo_label, classes.palette()),),
        "difference": (Layer("difference", "difference", lambda s: compare(s.maps, s.thresholds), comparison),),
        "scores": (
            Layer("entropy", "entropy", lambda s: s.maps.entropy),
            Layer("confidence", "confidence", lambda s: s.maps.max_prob),
        ),
    }
    return tuple(layer for kind in KINDS if kind in kinds for layer in known.get(kind, ()))


def _file_ids(classes: ClassSet, label_format: str) -> NDArray[np.uint8]:
    """Id in label files by train id: the lowest where several share a class; an ignored id for pixels without a label."""
    ids = classes.label_formats.get(label_format, {})
    table = np.full(256, IGNORE, np.uint8)
    for file_id, train_id in sorted(ids.items(), reverse=True):
        if 0 <= file_id < 256:
            table[train_id] = file_id
    missing = [classes.names[c] for c in range(classes.num_classes) if table[c] == IGNORE]
    if missing:
        raise ConfigError(
            f"Label ids need a format that names every class; {label_format!r} lacks {', '.join(missing)}."
        )
    return table


def file_names(image_ids: Sequence[str], naming: Naming) -> Mapping[str, str]:
    """Image id -> relative path without `.png`; no two are equal, whatever the endings and the case.

    Raises:
        DataError: names collide in the naming of Cityscapes.
    """
    stems = {i: str(PurePosixPath(i).with_suffix("")) for i in image_ids}
    if naming == "cityscapes":
        stems = {i: stem.removesuffix("_leftImg8bit") + "_gtFine" for i, stem in stems.items()}
    seen: dict[str, list[str]] = {}
    for image_id, stem in stems.items():
        seen.setdefault(stem.casefold(), []).append(image_id)
    twins = [image_id for ids in seen.values() if len(ids) > 1 for image_id in ids]
    if twins and naming == "cityscapes":
        raise DataError(
            f"Files of an export need names of their own; {twins[0]} and {twins[1]} collide. Use naming path."
        )
    # a.jpg beside a.png keep their endings: a.jpg.png, a.png.png. Others lose theirs.
    return {**stems, **{i: i for i in twins}}


def file_of(layer: Layer, stem: str, naming: Naming) -> str:
    """Relative path of one layer's file."""
    ending = f"{stem}_{layer.suffix}.png" if naming == "cityscapes" else f"{stem}.png"
    return f"{layer.folder}/{ending}" if layer.folder else ending
