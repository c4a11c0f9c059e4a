"""Mapillary Vistas: `training|validation/images/*.jpg` and palette PNG labels.

Layouts: v1.x has `labels/` in each split; v2 has `v1.2/labels/` (66 classes) and `v2.0/labels/` (124). Reference code
calls the training folder `train`. Images vary in size; their aspect ratio is kept and the rest of the network's input is
padding that no histogram, pseudo-label or score counts.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from esl.classes import IGNORE, ClassSet
from esl.data.dataset import PairDataset
from esl.data.listing import list_images, pair, require_directory
from esl.errors import ConfigError, DataError
from esl.files import read_json

NUM_IMAGES = {"training": 18000, "validation": 2000, "testing": 5000}
"""Known counts by official folder."""
FOLDERS = {
    "training": ("training", "train"), "train": ("training", "train"),
    "validation": ("validation", "val"), "val": ("validation", "val"),
    "testing": ("testing", "test"), "test": ("testing", "test"),
}  # fmt: skip
"""Split -> names its folder may have; the first is the official one."""
V1_FORMATS = ("mapillary", "mapillary_nature_terrain")
V2_FORMAT = "mapillary_v2"
V2_CONFIGS = ("config_v2.0.json", "config.json")
NUM_V2_LABELS = 124

GROUPS: tuple[tuple[str, str], ...] = (
    ("construction--barrier--", "construction"),
    ("construction--flat--", "flat"),
    ("construction--structure--", "construction"),
    ("human--", "human"),
    ("marking", "flat"),
    ("nature--sky", "sky"),
    ("nature--terrain", "flat"),
    ("nature--vegetation", "nature"),
    ("object--pothole", "object"),
    ("object--street-light", "object"),
    ("object--support--", "object"),
    ("object--traffic-light", "object"),
    ("object--traffic-sign", "object"),
    ("object--vehicle--", "vehicle"),
)
"""Start of a class's official name -> one of the seven classes; a name that fits none is ignored.

On the 66 names of v1.2 this gives the published table, id by id; v2's finer names begin in the same ways.
"""


def open_mapillary(root: Path, split: str, class_set: ClassSet, label_format: str = "mapillary") -> PairDataset:
    """The images of a split.

    Args:
        root: the folder that holds `training` (or `train`) and `validation` (or `val`).
        split: `training`, `validation` or `testing`, or their short names.
        class_set: the seven classes.
        label_format: `mapillary` reads the 66 classes of v1.x, `mapillary_nature_terrain` too; `mapillary_v2` the 124 of v2.0, whose names must be in
            `config_v2.0.json` below the root.

    Raises:
        ConfigError: an unknown split or format.
        DataError: the folder is missing, holds no images, or v2's list of classes is missing or another.
    """
    if split not in FOLDERS:
        raise ConfigError(f"Mapillary's split must be one of {', '.join(FOLDERS)}; got {split!r}.")
    if label_format not in (*V1_FORMATS, V2_FORMAT):
        able = ", ".join((*V1_FORMATS, V2_FORMAT))
        raise ConfigError(f"Mapillary's labels must be read as one of {able}; got {label_format!r}.")
    names = FOLDERS[split]
    folder = next((root / name for name in names if (root / name).is_dir()), root / names[0])
    image_root = require_directory(folder / "images", f"Images of Mapillary's split {split!r}")
    if label_format == V2_FORMAT:
        class_set = with_v2_labels(class_set, root)
        label_root = folder / "v2.0" / "labels"
    else:
        versioned = folder / "v1.2" / "labels"
        label_root = versioned if versioned.is_dir() else folder / "labels"

    def label_path(image_id: str) -> Path:
        return label_root / f"{Path(image_id).stem}.png"

    return PairDataset(
        name="mapillary",
        root=root,
        split=split,
        class_set=class_set,
        label_format=label_format,
        samples=pair(image_root, list_images(image_root, (".jpg", ".jpeg"), deep=False), label_path),
        fit="within",
    )


def seven_class(official_name: str, class_set: ClassSet) -> int:
    """Train id of an official class name, e.g. `construction--flat--road`, by `GROUPS`; 255 where none fits."""
    for start, name in GROUPS:
        if official_name.startswith(start):
            return class_set.index(name)
    return IGNORE


def with_v2_labels(class_set: ClassSet, root: Path) -> ClassSet:
    """The class set with a format `mapillary_v2`, made from the names in the data set's own list of classes.

    Raises:
        DataError: the list is missing, or is not v2.0's.
    """
    path = next((root / name for name in V2_CONFIGS if (root / name).is_file()), root / V2_CONFIGS[0])
    labels = read_json(path).get("labels")
    named = isinstance(labels, list) and all(isinstance(v, Mapping) and isinstance(v.get("name"), str) for v in labels)
    if not isinstance(labels, list) or not named or len(labels) != NUM_V2_LABELS:
        found = f"{len(labels)} labels" if isinstance(labels, list) else "no list of labels"
        raise DataError(
            f"Mapillary v2's {path.name} must name its {NUM_V2_LABELS} classes: {path} has {found}. "
            "Take the file from the v2.0 download, or read the v1.2 labels (label format mapillary)."
        )
    ids = {i: seven_class(label["name"], class_set) for i, label in enumerate(labels)}
    return replace(class_set, label_formats={**class_set.label_formats, V2_FORMAT: ids})
