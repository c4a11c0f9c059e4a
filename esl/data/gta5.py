"""GTA5 (Richter et al. 2016) as distributed: `images/00001.png`, `labels/00001.png`, both unpacked into one folder.

Labels are palette PNGs whose indices are Cityscapes ids; 34 is the licence plate. Nearly all images are 1914x1052; a
few are a little smaller or larger, as are their labels.
"""

from pathlib import Path

from esl.classes import ClassSet
from esl.data.dataset import PairDataset
from esl.data.listing import list_images, pair, require_directory
from esl.errors import ConfigError

NUM_IMAGES = {"train": 24966, "all": 24966}
"""Known counts; the whole set is the source domain."""
USUAL_SIZE = (1052, 1914)
"""(height, width) of nearly all images."""


def open_gta5(root: Path, split: str, class_set: ClassSet, label_format: str = "gta5") -> PairDataset:
    """All images; `train` and `all` are the same.

    Raises:
        ConfigError: another split.
        DataError: the folder is missing or holds no images.
    """
    if split not in NUM_IMAGES:
        raise ConfigError(f"GTA5's split must be train or all, which are the same; got {split!r}.")
    image_root = require_directory(root / "images", "GTA5's images")
    samples = pair(
        image_root, list_images(image_root, (".png",), deep=False), lambda image_id: root / "labels" / image_id
    )
    return PairDataset(
        name="gta5", root=root, split=split, class_set=class_set, label_format=label_format, samples=samples
    )
