"""Your own images: a folder, optional labels, and a small `dataset.toml` that says what the labels mean.

    classes = ["road", "car", "other"]      # or: class_set = "cityscapes19"
    colors = [[128, 64, 128], [0, 0, 142], [70, 70, 70]]    # optional
    label_format = "cityscapes"             # with class_set: one of its formats; default train_ids

    [ids]                                   # id in the label files = class name, or "ignore"; default: 0, 1, 2, ...
    7 = "road"
    26 = "car"
    0 = "ignore"

    [files]                                 # optional; these are the defaults
    images = "images"
    labels = "labels"
    label_ending = ".png"                   # replaces the ending of the image's name
    image_ending = ""                       # e.g. "_leftImg8bit.png": only such images, and what is replaced

    [splits]                                # optional: name = list file with one image path a line
    train = "lists/train.txt"

Without lists, a split is a folder in `images/` (`images/train/...`), and `all` is everything.

Where a run asks for another class set, ids go by the names of the classes: id -> name -> train id of the set asked for.
"""

import colorsys
import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from esl.classes import CITYSCAPES_19, CLASS_SETS, IGNORE, ClassSet, class_set
from esl.data.dataset import PairDataset, Sample
from esl.data.listing import list_images, read_list, require_directory
from esl.errors import ConfigError, DataError
from esl.images import IMAGE_SUFFIXES

DESCRIPTION = "dataset.toml"
KEYS = ("classes", "class_set", "colors", "label_format", "name", "ids", "files", "splits")
FILE_KEYS = ("images", "labels", "label_ending", "image_ending")
_LABEL_FORMAT = "folder"


def open_folder(
    root: Path, split: str, classes: ClassSet | None = None, label_format: str | None = None
) -> PairDataset:
    """The images of a folder.

    Args:
        root: the folder, with `dataset.toml` in it unless `classes` is given and the defaults fit.
        split: a list of `[splits]`, a folder in `images/`, or `all`.
        classes: a class set to use instead of the file's, whose classes are found in it by their names.
        label_format: a format of that class set, instead of what the file says its ids mean.

    Raises:
        ConfigError: `dataset.toml` is not what it must be; all of its faults are named.
        DataError: there are no images, or a list names some that are not there.
    """
    about = read_description(root / DESCRIPTION)
    chosen, usual_format, fault = _classes(about, root / DESCRIPTION, classes, label_format)
    files: dict[str, str] = {
        "images": "images",
        "labels": "labels",
        "label_ending": ".png",
        "image_ending": "",
        **about.get("files", {}),
    }
    image_root = require_directory(root / files["images"], "The folder of images")
    ending = files["image_ending"]

    def label_path(image_id: str) -> Path:
        stem = image_id.removesuffix(ending) if ending else str(Path(image_id).with_suffix(""))
        return root / files["labels"] / f"{stem}{files['label_ending']}"

    ids = _split(root, image_root, split, about.get("splits", {}), (ending.lower(),) if ending else IMAGE_SUFFIXES)
    return PairDataset(
        name="folder",
        root=root,
        split=split,
        class_set=chosen,
        label_format=usual_format,
        label_fault=fault,
        samples=tuple(Sample(image_id=i, image_path=image_root / i, label_path=label_path(i)) for i in ids),
    )


def _split(root: Path, image_root: Path, split: str, lists: Mapping[str, str], suffixes: tuple[str, ...]) -> list[str]:
    if split in lists:
        wanted = read_list(root / lists[split])
        missing = [name for name in wanted if not (image_root / name).is_file()]
        if missing:
            raise DataError(
                f"Each image of a list must be there: {image_root} lacks {len(missing)} of the {len(wanted)} in "
                f"{lists[split]}, the first is {missing[0]}."
            )
        return wanted
    if split == "all":
        return list(list_images(image_root, suffixes))
    if not (image_root / split).is_dir() or split in ("", ".", ".."):
        folders = [p.name for p in image_root.iterdir() if p.is_dir()]
        raise DataError(
            f"Split must be a list in {DESCRIPTION}, a folder in {image_root}, or all "
            f"({', '.join(sorted([*lists, *folders, 'all']))}); got {split!r}."
        )
    return [f"{split}/{name}" for name in list_images(image_root / split, suffixes)]


def read_description(path: Path) -> dict[str, Any]:
    """Contents of `dataset.toml`; empty where there is none.

    Raises:
        ConfigError: it is no TOML, or has keys or types that mean nothing; all of them are named.
    """
    if not path.exists():
        return {}
    try:
        about = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Windows editors write a BOM
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"A description must be valid TOML: {path} is not ({error}).") from error
    faults = [f"unknown key {key!r}" for key in about if key not in KEYS]
    for table in ("ids", "files", "splits"):
        if not isinstance(about.get(table, {}), dict):
            faults.append(f"{table} must be a table")
    files = about.get("files", {})
    if isinstance(files, dict):
        faults += [f"unknown key {key!r} in [files]" for key in files if key not in FILE_KEYS]
    for table in ("files", "splits"):
        values = about.get(table, {})
        if isinstance(values, dict):
            faults += [f"{table}.{key} must be text" for key, value in values.items() if not isinstance(value, str)]
    if faults:
        raise ConfigError(f"A description must say what it means: {path}: {'; '.join(faults)}.")
    return about


def _classes(
    about: Mapping[str, Any], path: Path, given: ClassSet | None, label_format: str | None
) -> tuple[ClassSet, str, str]:
    """Class set, label format, and why labels cannot be read with that set, or an empty string."""
    told = label_format if label_format != _LABEL_FORMAT else None  # that one means what the file says
    if given is not None and (told or not {"classes", "class_set", "ids"} & about.keys()):
        return given, label_format or str(about.get("label_format", "train_ids")), ""
    own, usual = _own_classes(about, path, given)
    if given is None or ("classes" not in about and own.name == given.name):
        return own, told or usual, ""
    return _by_name(own, usual, given, path)


def _own_classes(about: Mapping[str, Any], path: Path, given: ClassSet | None) -> tuple[ClassSet, str]:
    """The class set that the file says, and the format of its label files; `given` where it says [ids] alone."""
    if "class_set" in about:
        own, usual = class_set(str(about["class_set"])), str(about.get("label_format", "train_ids"))
    elif given is not None and "classes" not in about:
        own, usual = given, _LABEL_FORMAT
    else:
        own, usual = _described_classes(about, path), _LABEL_FORMAT
    if usual == _LABEL_FORMAT or "ids" in about:
        ids = _ids(about.get("ids"), list(own.names), path)
        own = replace(own, label_formats={**own.label_formats, _LABEL_FORMAT: ids})
        usual = _LABEL_FORMAT
    return own, usual


def _described_classes(about: Mapping[str, Any], path: Path) -> ClassSet:
    names = about.get("classes")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConfigError(
            f'A folder of images must say its classes: write classes = ["road", ...] or class_set = "cityscapes19" '
            f"in {path}, or name a class set."
        )
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ConfigError(f"Each class must have a name of its own: {path} has {', '.join(twice)} more than once.")
    set_name = str(about.get("name", _LABEL_FORMAT))
    if set_name in CLASS_SETS and tuple(names) != CLASS_SETS[set_name].names:
        raise ConfigError(
            f"Only {set_name} itself may have this name; the classes in {path} are others. Choose another name."
        )
    colors = about.get("colors", _spread_colors(len(names)))
    try:
        colors = tuple((int(r), int(g), int(b)) for r, g, b in colors)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"Colours must be [red, green, blue] triples of 0..255: {path} ({error}).") from error
    if any(not 0 <= part <= 255 for color in colors for part in color):
        raise ConfigError(f"Colours must be [red, green, blue] triples of 0..255: {path}.")
    formats = {"train_ids": {**{i: i for i in range(len(names))}, IGNORE: IGNORE}}
    return ClassSet(name=set_name, names=tuple(names), colors=colors, label_formats=formats)


def _by_name(own: ClassSet, usual: str, given: ClassSet, path: Path) -> tuple[ClassSet, str, str]:
    """`given`, with a format that brings the ids of `own` to its train ids.

    A class that `given` lacks is a fault of the labels alone: images need no classes, and a target's labels stay closed.
    """
    if usual == "train_ids" and own.name == CITYSCAPES_19.name and "train_ids_19" in given.label_formats:
        return given, "train_ids_19", ""
    if usual not in ("train_ids", _LABEL_FORMAT) and usual in given.label_formats:
        return given, usual, ""
    own.lookup(usual)  # refuses a format that there is not
    ids: dict[int, int] = {}
    strange: list[str] = []
    for file_id, train_id in own.label_formats[usual].items():
        name = "" if train_id == IGNORE else own.names[train_id]
        if name and name not in given.names:
            strange.append(name)
        else:
            ids[file_id] = given.index(name) if name else IGNORE
    fault = ""
    if strange:
        fault = (
            f"The classes of a folder's labels must be among those asked for, {given.name} ({', '.join(given.names)}): "
            f'{path} also has {", ".join(dict.fromkeys(strange))}. Rename them there, make them "ignore" in [ids], or '
            "ask for another class set."
        )
    return replace(given, label_formats={**given.label_formats, _LABEL_FORMAT: ids}), _LABEL_FORMAT, fault


def _ids(table: Mapping[str, Any] | None, names: list[str], path: Path) -> dict[int, int]:
    if table is None:
        return {**{i: i for i in range(len(names))}, IGNORE: IGNORE}
    ids: dict[int, int] = {}
    for key, value in table.items():
        if not key.isdecimal() or int(key) > 255 or (value != "ignore" and value not in names):
            raise ConfigError(
                f'[ids] must map 0..255 to a class or "ignore": {path} has {key} = {value!r}; classes are {", ".join(names)}.'
            )
        ids[int(key)] = IGNORE if value == "ignore" else names.index(value)
    return ids


def _spread_colors(count: int) -> list[tuple[int, int, int]]:
    """Colours that differ: steps of the golden angle around the wheel, each a little darker than the one before."""
    colors = []
    for i in range(count):
        parts = colorsys.hsv_to_rgb((i * 0.6180339887) % 1.0, (0.85, 0.55)[i % 2], 0.95 - 0.6 * i / max(count, 8))
        red, green, blue = (round(255 * part) for part in parts)
        colors.append((red, green, blue))
    return colors
