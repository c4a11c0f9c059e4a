"""What is known of each published data set: counts, names, sizes, and how its folder is recognised."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from esl.data import camvid, cityscapes, demo, gta5, mapillary, synthia
from esl.data.dataset import PairDataset
from esl.data.folder import DESCRIPTION, read_description

MARKERS = {
    "cityscapes": ("leftImg8bit",),
    "synthia": ("RGB",),
    "camvid": ("lists", "images"),
    "mapillary": ("training/images", "train/images", "validation/images", "val/images"),
    "gta5": ("images",),
}
"""Folders that reveal a layout, the most telling data set first; one of a set's is enough, but CamVid needs both."""
USUAL_SIZES = {"cityscapes": (1024, 2048), "gta5": gta5.USUAL_SIZE, "synthia": (760, 1280), "camvid": (360, 480)}
"""(height, width) of most images of a data set."""
SOURCES = frozenset({"gta5", "synthia"})
"""Data sets that are of no use without labels."""


def expected_count(name: str, split: str) -> int | None:
    """How many images the published split has, where that is known."""
    if name == "mapillary":
        return mapillary.NUM_IMAGES.get(mapillary.FOLDERS.get(split, ("",))[0])
    counts = {
        "cityscapes": cityscapes.NUM_IMAGES,
        "gta5": gta5.NUM_IMAGES,
        "synthia": synthia.NUM_IMAGES,
        "camvid": camvid.NUM_IMAGES,
    }
    return counts.get(name, {}).get(split)


def missing_names(dataset: PairDataset) -> list[str]:
    """Names of a published numbered set that are not there, in order; empty where names are not numbers."""
    if dataset.name == "gta5":
        wanted = [f"{i:05d}.png" for i in range(1, 24967)]
    elif dataset.name == "synthia":
        wanted = [f"{i:07d}.png" for i in range(9400)]
    else:
        return []
    return sorted(set(wanted) - set(dataset.image_ids))


def incomplete_cities(dataset: PairDataset) -> dict[str, tuple[int, int]]:
    """Cityscapes' cities with another number of images than published: name -> (found, published)."""
    published = cityscapes.CITIES.get(dataset.split, {}) if dataset.name == "cityscapes" else {}
    found = Counter(image_id.split("/")[0] for image_id in dataset.image_ids)
    return {city: (found[city], count) for city, count in published.items() if found[city] != count}


def splits_there(name: str, root: Path | None) -> tuple[str, ...]:
    """The published splits whose images are at `root`, or a data set's first one, so that opening it says what is missing.

    Args:
        name: a data set's name; an unknown one gets a split too, and is refused when it is opened.
        root: its folder; None where it was not named.
    """
    if name == "demo":
        return tuple(demo.DEMO_SPLITS)
    places: dict[str, list[Path]] = {}
    if root is not None and name == "cityscapes":
        places = {split: [cityscapes.image_folder(root) / split] for split in cityscapes.NUM_IMAGES}
    elif root is not None and name == "mapillary":
        places = {split: [root / folder for folder in mapillary.FOLDERS[split]] for split in mapillary.NUM_IMAGES}
    elif root is not None and name == "camvid":
        places = {split: [root / "lists" / f"{split}.txt"] for split in camvid.NUM_IMAGES}
    there = tuple(split for split, paths in places.items() if any(path.exists() for path in paths))
    if name == "folder" and root is not None and root.is_dir():
        there = tuple(read_description(root / DESCRIPTION).get("splits", {}))
    return there or ({"mapillary": "training", "camvid": "train", "folder": "all"}.get(name, "train"),)


def root_of(name: str, root: Path) -> Path:
    """Where a data set lies: `root` itself, or the one folder in it that has the layout where `root` has not.

    So a folder that holds GTA5, Cityscapes and others beside each other serves a whole benchmark. Of several that look
    alike the one that bears the name is taken; where that leaves a choice, `root` stays and is refused when it is opened.
    """
    if name not in MARKERS or not root.is_dir() or any((root / marker).is_dir() for marker in MARKERS[name]):
        return root
    found = [folder for folder in _folders(root) if _recognise(folder) == name]
    named = [folder for folder in found if name in folder.name.lower()] or found
    return named[0] if len(named) == 1 else root


@dataclass(frozen=True)
class Place:
    """A folder that looks like the root of a data set."""

    name: str
    root: Path


def probable_places(root: Path, depth: int = 2) -> list[Place]:
    """Folders at, above (two levels) and below `root` that look like a data set's root, the nearest first."""
    near = [root, *root.parents[:2]] if root.is_dir() else [p for p in root.parents if p.is_dir()][:1]
    level = near[:1]
    for _ in range(depth):
        level = [child for parent in level for child in _folders(parent)]
        near += level
    return [Place(name, folder) for folder in near for name in [_recognise(folder)] if name]


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(p for p in parent.iterdir() if p.is_dir() and not p.name.startswith("."))[:64]
    except OSError:
        return []


def _recognise(folder: Path) -> str:
    for name, markers in MARKERS.items():
        there = [(folder / marker).is_dir() for marker in markers]
        if all(there) if name == "camvid" else any(there):
            return name
    return ""
