"""Class sets: names, order, colours and the id maps of every label format.

A set is a value; adding one is data. Train ids are 0..C-1; 255 is "ignore" everywhere.
A label format maps the ids found in its files to train ids or to `IGNORE`; an id that a format
does not name is unknown and refused by the label reader.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from esl.errors import ConfigError

IGNORE = 255
"""Train id of pixels without a label; also the value of a pixel that no pseudo-label keeps."""

UNKNOWN = -1
"""Entry of `ClassSet.lookup` for an id that the format does not know."""

Color = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class ClassSet:
    """Names, colours and label formats of one set of classes."""

    name: str
    """Unique name, e.g. `cityscapes19`."""
    names: tuple[str, ...]
    """Class names in train-id order, as printed in the paper's tables."""
    colors: tuple[Color, ...]
    """RGB of each class, 0..255."""
    label_formats: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """Format name -> {id in the file: train id or IGNORE}."""

    def __post_init__(self) -> None:
        if not 2 <= len(self.names) <= IGNORE:
            raise ConfigError(f"A class set must have 2 to 255 classes; {self.name} has {len(self.names)}.")
        if len(self.colors) != len(self.names):
            raise ConfigError(
                f"Each class needs one colour; {self.name} has {len(self.names)} classes and {len(self.colors)} colours."
            )
        for label_format, ids in self.label_formats.items():
            wrong = sorted({t for t in ids.values() if t != IGNORE and not 0 <= t < len(self.names)})
            if wrong:
                raise ConfigError(f"Format {label_format} of {self.name} maps to train ids that do not exist: {wrong}.")
        frozen = {k: MappingProxyType(dict(v)) for k, v in self.label_formats.items()}
        object.__setattr__(self, "label_formats", MappingProxyType(frozen))

    def __reduce__(self) -> tuple[object, ...]:
        formats = {k: dict(v) for k, v in self.label_formats.items()}
        return (_rebuild, (self.name, self.names, self.colors, formats))

    @property
    def num_classes(self) -> int:
        """C."""
        return len(self.names)

    def palette(self) -> NDArray[np.uint8]:
        """(256, 3) uint8 RGB by train id; ids without a class, 255 among them, are black."""
        table = np.zeros((256, 3), np.uint8)
        table[: self.num_classes] = self.colors
        return table

    def lookup(self, label_format: str) -> NDArray[np.int16]:
        """(256,) int16: train id by file id, `UNKNOWN` where the format names no such id.

        Raises:
            ConfigError: this set has no such format.
        """
        if label_format not in self.label_formats:
            raise ConfigError(
                f"Label format must be one that {self.name} knows ({', '.join(sorted(self.label_formats))}); got {label_format!r}."
            )
        table = np.full(256, UNKNOWN, np.int16)
        for file_id, train_id in self.label_formats[label_format].items():
            if 0 <= file_id < 256:
                table[file_id] = train_id
        return table

    def index(self, name: str) -> int:
        """Train id of the class called `name`.

        Raises:
            ConfigError: no class has this name.
        """
        if name not in self.names:
            raise ConfigError(f"Class must be one of {', '.join(self.names)}; got {name!r}.")
        return self.names.index(name)


def _rebuild(
    name: str, names: tuple[str, ...], colors: tuple[Color, ...], formats: dict[str, dict[int, int]]
) -> ClassSet:
    return ClassSet(name=name, names=names, colors=colors, label_formats=formats)


def _ids(kept: Mapping[int, int], ignored: Iterable[int]) -> dict[int, int]:
    return {**dict.fromkeys(ignored, IGNORE), **kept}


def _groups(*groups: Iterable[int]) -> dict[int, int]:
    return {file_id: train_id for train_id, ids in enumerate(groups) for file_id in ids}


def _identity(num_classes: int) -> dict[int, int]:
    return {**{i: i for i in range(num_classes)}, IGNORE: IGNORE}


_NAMES_19 = (
    "road", "sidewalk", "building", "wall", "fence", "pole", "light", "sign", "vegetation", "terrain",
    "sky", "person", "rider", "car", "truck", "bus", "train", "motorbike", "bicycle",
)  # fmt: skip
_COLORS_19: tuple[Color, ...] = (
    (128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153), (153, 153, 153),
    (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152), (70, 130, 180), (220, 20, 60),
    (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100), (0, 80, 100), (0, 0, 230), (119, 11, 32),
)  # fmt: skip
_CITYSCAPES_IDS = (*range(-1, 34), 255)
_GTA5_IDS = (*range(-1, 35), 255)  # GTA5 shares Cityscapes' ids; 34 is its licence plate
_SYNTHIA_IDS = range(0, 23)
_MAPILLARY_IDS = range(0, 66)

_CITYSCAPES_19 = {
    7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 22: 9,
    23: 10, 24: 11, 25: 12, 26: 13, 27: 14, 28: 15, 31: 16, 32: 17, 33: 18,
}  # fmt: skip
_SYNTHIA_19 = {
    3: 0, 4: 1, 2: 2, 21: 3, 5: 4, 7: 5, 15: 6, 9: 7, 6: 8, 16: 9,
    1: 10, 10: 11, 17: 12, 8: 13, 18: 14, 19: 15, 20: 16, 12: 17, 11: 18,
}  # fmt: skip
_CITYSCAPES_16 = {
    7: 0, 8: 1, 11: 2, 12: 3, 13: 4, 17: 5, 19: 6, 20: 7, 21: 8, 23: 9, 24: 10, 25: 11, 26: 12, 28: 13, 32: 14, 33: 15,
}  # fmt: skip
_SYNTHIA_16 = {
    3: 0, 4: 1, 2: 2, 21: 3, 5: 4, 7: 5, 15: 6, 9: 7, 6: 8, 1: 9, 10: 10, 17: 11, 8: 12, 19: 13, 12: 14, 11: 15,
}  # fmt: skip

SUBSET_16 = (0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 15, 17, 18)
"""Train ids of the 19 classes that SYNTHIA shares (no terrain, truck, train)."""
SUBSET_13 = (0, 1, 2, 6, 7, 8, 10, 11, 12, 13, 15, 17, 18)
"""Train ids of the 19 classes behind mIoU* (the 16 without wall, fence, pole)."""


def _subset_ids(ids: Mapping[int, int], subset: tuple[int, ...]) -> dict[int, int]:
    return {file_id: subset.index(train_id) for file_id, train_id in ids.items() if train_id in subset}


def _pick(subset: tuple[int, ...]) -> tuple[tuple[str, ...], tuple[Color, ...]]:
    return tuple(_NAMES_19[i] for i in subset), tuple(_COLORS_19[i] for i in subset)


CITYSCAPES_19 = ClassSet(
    name="cityscapes19",
    names=_NAMES_19,
    colors=_COLORS_19,
    label_formats={
        "train_ids": _identity(19),
        "cityscapes": _ids(_CITYSCAPES_19, _CITYSCAPES_IDS),
        "gta5": _ids(_CITYSCAPES_19, _GTA5_IDS),
        "synthia": _ids(_SYNTHIA_19, _SYNTHIA_IDS),
    },
)

CITYSCAPES_16 = ClassSet(
    name="cityscapes16",
    names=_pick(SUBSET_16)[0],
    colors=_pick(SUBSET_16)[1],
    label_formats={
        "train_ids": _identity(16),
        "train_ids_19": _ids(_subset_ids({i: i for i in range(19)}, SUBSET_16), (*range(19), 255)),
        "cityscapes": _ids(_CITYSCAPES_16, _CITYSCAPES_IDS),
        "gta5": _ids(_CITYSCAPES_16, _GTA5_IDS),
        "synthia": _ids(_SYNTHIA_16, _SYNTHIA_IDS),
    },
)

CITYSCAPES_13 = ClassSet(
    name="cityscapes13",
    names=_pick(SUBSET_13)[0],
    colors=_pick(SUBSET_13)[1],
    label_formats={
        "train_ids": _identity(13),
        "train_ids_19": _ids(_subset_ids({i: i for i in range(19)}, SUBSET_13), (*range(19), 255)),
        "cityscapes": _ids(_subset_ids(_CITYSCAPES_19, SUBSET_13), _CITYSCAPES_IDS),
        "gta5": _ids(_subset_ids(_CITYSCAPES_19, SUBSET_13), _GTA5_IDS),
        "synthia": _ids(_subset_ids(_SYNTHIA_19, SUBSET_13), _SYNTHIA_IDS),
    },
)

CITYSCAPES_7 = ClassSet(
    name="cityscapes7",
    names=("flat", "construction", "object", "nature", "sky", "human", "vehicle"),
    colors=((128, 64, 128), (70, 70, 70), (153, 153, 153), (107, 142, 35), (70, 130, 180), (220, 20, 60), (0, 0, 142)),
    label_formats={
        "train_ids": _identity(7),
        # Terrain (22) is nature here and flat for GTA5, SYNTHIA and Mapillary: the reference code's own choice.
        "cityscapes": _ids(
            _groups((7, 8), (11, 12, 13), (17, 19, 20), (21, 22), (23,), (24, 25), range(26, 34)), _CITYSCAPES_IDS
        ),
        "gta5": _ids(
            _groups((7, 8, 22), (11, 12, 13), (17, 19, 20), (21,), (23,), (24, 25), (26, 27, 28, 31, 32, 33)),
            _GTA5_IDS,
        ),
        # The other answer to where terrain belongs, for comparison; the names above are the published tables.
        "cityscapes_flat_terrain": _ids(
            _groups((7, 8, 22), (11, 12, 13), (17, 19, 20), (21,), (23,), (24, 25), range(26, 34)), _CITYSCAPES_IDS
        ),
        "gta5_nature_terrain": _ids(
            _groups((7, 8), (11, 12, 13), (17, 19, 20), (21, 22), (23,), (24, 25), (26, 27, 28, 31, 32, 33)),
            _GTA5_IDS,
        ),
        "synthia_nature_terrain": _ids(
            _groups((3, 4), (2, 21, 5), (7, 15, 9), (6, 16), (1,), (10, 17), (8, 18, 19, 20, 12, 11)), _SYNTHIA_IDS
        ),
        "mapillary_nature_terrain": _ids(
            _groups(
                (*range(7, 16), 23, 24), (*range(2, 7), *range(16, 19)), range(43, 51), (29, 30), (27,),
                range(19, 23), range(52, 63),
            ),
            _MAPILLARY_IDS,
        ),
        # ESL's own table; the closer witness of what the paper used.
        "synthia": _ids(
            _groups((3, 4, 16), (2, 21, 5), (7, 15, 9), (6,), (1,), (10, 17), (8, 18, 19, 20, 12, 11)), _SYNTHIA_IDS
        ),
        # DADA's table: lane marking is flat; wall, rider, bus and motorcycle are ignored.
        "synthia_dada": _ids(
            _groups((3, 4, 22), (2, 5), (7, 9, 15), (6,), (1,), (10,), (8, 11)), _SYNTHIA_IDS
        ),
        "mapillary": _ids(
            _groups(
                (*range(7, 16), 23, 24, 29), (*range(2, 7), *range(16, 19)), range(43, 51), (30,), (27,),
                range(19, 23), range(52, 63),
            ),
            _MAPILLARY_IDS,
        ),
    },
)  # fmt: skip

CAMVID_11 = ClassSet(
    name="camvid11",
    names=("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car", "pedestrian", "bicyclist"),
    colors=(
        (128, 128, 128), (128, 0, 0), (192, 192, 128), (128, 64, 128), (60, 40, 222), (128, 128, 0),
        (192, 128, 128), (64, 64, 128), (64, 0, 128), (64, 64, 0), (0, 128, 192),
    ),
    label_formats={"train_ids": _identity(11), "camvid": _ids({i: i for i in range(11)}, (11, 255))},
)  # fmt: skip

CLASS_SETS: Mapping[str, ClassSet] = MappingProxyType(
    {s.name: s for s in (CITYSCAPES_19, CITYSCAPES_16, CITYSCAPES_13, CITYSCAPES_7, CAMVID_11)}
)


def class_set(name: str) -> ClassSet:
    """The built-in class set called `name`.

    Raises:
        ConfigError: there is none; the message lists those there are.
    """
    if name not in CLASS_SETS:
        raise ConfigError(f"Class set must be one of {', '.join(CLASS_SETS)}; got {name!r}.")
    return CLASS_SETS[name]


def built_in_name(classes: ClassSet) -> str | None:
    """Name by which `class_set` gives these classes; None for a folder's own, which its description gives."""
    known = CLASS_SETS.get(classes.name)
    return classes.name if known is not None and known.names == classes.names else None
