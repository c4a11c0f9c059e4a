"""Cityscapes as distributed: `leftImg8bit/SPLIT/CITY/*_leftImg8bit.png`, `gtFine/SPLIT/CITY/*_gtFine_labelIds.png`."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from esl.classes import ClassSet
from esl.data.dataset import PairDataset
from esl.data.listing import list_images, pair, require_directory
from esl.errors import ConfigError

NUM_IMAGES = {"train": 2975, "val": 500, "test": 1525, "train_extra": 19998}
"""Known counts; one of the 19,999 coarse images is damaged as distributed and left out."""

CITIES: Mapping[str, Mapping[str, int]] = MappingProxyType({
    "train": {
        "aachen": 174, "bochum": 96, "bremen": 316, "cologne": 154, "darmstadt": 85, "dusseldorf": 221, "erfurt": 109,
        "hamburg": 248, "hanover": 196, "jena": 119, "krefeld": 99, "monchengladbach": 94, "strasbourg": 365,
        "stuttgart": 196, "tubingen": 144, "ulm": 95, "weimar": 142, "zurich": 122,
    },
    "val": {"frankfurt": 267, "lindau": 59, "munster": 174},
    "test": {"berlin": 544, "bielefeld": 181, "bonn": 46, "leverkusen": 58, "mainz": 298, "munich": 398},
})  # fmt: skip
"""Known number of images by city."""

IMAGE_SUFFIX = "_leftImg8bit.png"
LABEL_KINDS = {
    "cityscapes": "labelIds", "cityscapes_flat_terrain": "labelIds",
    "train_ids": "labelTrainIds", "train_ids_19": "labelTrainIds",
}  # fmt: skip
"""Label format -> name of the file kind that holds such ids."""


def open_cityscapes(root: Path, split: str, class_set: ClassSet, label_format: str = "cityscapes") -> PairDataset:
    """The images of a split; labels may be missing (demo videos have none, those of `test` are empty).

    Args:
        root: the folder that holds `leftImg8bit` and `gtFine`.
        split: `train`, `val`, `test`, `train_extra` (coarse labels), `demoVideo`, or any folder in `leftImg8bit`.
        class_set: 19, 16, 13 or 7 classes.
        label_format: `cityscapes` reads `labelIds` files; `train_ids` reads `labelTrainIds`, which hold ids of the
            19 classes and so fit 19, 16 and 13. With seven classes, `cityscapes_flat_terrain` counts terrain as flat,
            which the published table counts as nature.

    Raises:
        ConfigError: the class set cannot be had from these label files.
        DataError: the folder is missing or holds no images.
    """
    if label_format == "train_ids" and class_set.num_classes != 19:
        label_format = "train_ids_19"
    if label_format not in LABEL_KINDS or label_format not in class_set.label_formats:
        raise ConfigError(
            f"Cityscapes' labels for {class_set.name} must be read as cityscapes"
            + (" or train_ids" if class_set.num_classes in (19, 16, 13) else "")
            + f"; got {label_format!r}."
        )
    image_root = require_directory(image_folder(root) / split, f"Images of Cityscapes' split {split!r}")
    fine = "gtCoarse" if split == "train_extra" else "gtFine"
    label_root = image_root.parent.parent / fine / split
    ending = f"_{fine}_{LABEL_KINDS[label_format]}.png"

    def label_path(image_id: str) -> Path:
        return label_root / (image_id.removesuffix(IMAGE_SUFFIX) + ending)

    samples = pair(image_root, list_images(image_root, (IMAGE_SUFFIX.lower(),)), label_path)
    return PairDataset(
        name="cityscapes", root=root, split=split, class_set=class_set, label_format=label_format, samples=samples
    )


def image_folder(root: Path) -> Path:
    """Where the images lie; AdaptSegNet and its heirs keep everything in a folder `data`."""
    inner = root / "data" / "leftImg8bit"
    return inner if not (root / "leftImg8bit").is_dir() and inner.is_dir() else root / "leftImg8bit"
