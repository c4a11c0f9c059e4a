"""SYNTHIA-RAND-CITYSCAPES (Ros et al. 2016): `RGB/0000000.png` and its labels.

The official labels, `GT/LABELS`, are 16-bit PNGs of three channels: class in the red one, instance in the green one.
Pillow reads them as zeros; here the class channel is taken. Public code bases keep 8-bit copies under other names
(`LABEL_FOLDERS`); their ids are SYNTHIA's own unless `label_format` says otherwise.
"""

from pathlib import Path

from esl.classes import ClassSet
from esl.data.dataset import PairDataset
from esl.data.listing import list_images, pair, require_directory
from esl.errors import ConfigError

NUM_IMAGES = {"train": 9400, "all": 9400}
"""Known counts; the whole set is the source domain."""
LABEL_FOLDERS = (
    "GT/LABELS", "GT/CLASSES", "GT/labels", "parsed_LABELS", "synthia_mapped_to_cityscapes",
)  # fmt: skip
"""Where labels may lie: as distributed, then ESL's, CBST's, DADA's and BDL's copies. The first that exists is taken."""


def open_synthia(root: Path, split: str, class_set: ClassSet, label_format: str = "synthia") -> PairDataset:
    """All images; `train` and `all` are the same.

    Args:
        root: the folder that holds `RGB`.
        split: `train` or `all`.
        class_set: 19, 16, 13 or 7 classes.
        label_format: `synthia`; for 7 classes also `synthia_dada` (DADA's table instead of ESL's, the default); or
            the format of copies in other ids, e.g. `cityscapes` or `train_ids`.

    Raises:
        ConfigError: another split, or a format that the class set does not have.
        DataError: the folder is missing or holds no images.
    """
    if split not in NUM_IMAGES:
        raise ConfigError(f"SYNTHIA's split must be train or all, which are the same; got {split!r}.")
    image_root = require_directory(root / "RGB", "SYNTHIA's images")
    label_root = label_folder(root)
    samples = pair(image_root, list_images(image_root, (".png",), deep=False), lambda image_id: label_root / image_id)
    return PairDataset(
        name="synthia",
        root=root,
        split=split,
        class_set=class_set,
        label_format=label_format,
        samples=samples,
        encoding="class_channel",
    )


def label_folder(root: Path) -> Path:
    """The first folder of `LABEL_FOLDERS` that exists; the official one where none does."""
    return next((root / name for name in LABEL_FOLDERS if (root / name).is_dir()), root / LABEL_FOLDERS[0])
