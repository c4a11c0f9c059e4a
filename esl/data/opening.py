"""One door to every data set: `open_dataset(name, root, split)`."""

from pathlib import Path

from esl.classes import CAMVID_11, CITYSCAPES_7, CITYSCAPES_19, CLASS_SETS, ClassSet, class_set
from esl.data.camvid import open_camvid
from esl.data.cityscapes import open_cityscapes
from esl.data.dataset import PairDataset
from esl.data.demo import open_demo
from esl.data.folder import open_folder
from esl.data.gta5 import open_gta5
from esl.data.mapillary import open_mapillary
from esl.data.synthia import open_synthia
from esl.errors import ConfigError, DataError

DATASETS = ("demo", "cityscapes", "gta5", "synthia", "mapillary", "camvid", "folder")
"""Names that `open_dataset` knows."""


def open_dataset(
    name: str,
    root: Path | str | None,
    split: str,
    class_set_name: str | None = None,
    *,
    label_format: str | None = None,
) -> PairDataset:
    """Open one split of a data set; no image is read and no label folder is entered.

    Args:
        name: one of `DATASETS`.
        root: its folder; only `demo` can do without.
        split: which part, e.g. `train`; what there is depends on the data set.
        class_set_name: a built-in class set, or None for the data set's usual one.
        label_format: what the ids in the label files mean, where the data set leaves a choice; None is its default.

    Raises:
        ConfigError: an unknown name, class set or label format.
        DataError: the folder is missing, has no images, or is not of this layout.
    """
    if name not in DATASETS:
        raise ConfigError(f"Data set must be one of {', '.join(DATASETS)}; got {name!r}.")
    # An empty path is what a form or a flag gives where nothing was filled in.
    path = None if root is None or Path(root) == Path() else Path(root).expanduser()
    if name == "demo":
        return _narrowed(open_demo(path, split), class_set_name)
    if path is None:
        raise ConfigError(f"Data set {name} needs its folder; name it as the data folder (in a shell: --data-root).")
    if not path.is_dir():
        raise DataError(f"The data root must be a folder: {path} {'is a file' if path.exists() else 'does not exist'}.")
    if name == "folder":
        return open_folder(path, split, None if class_set_name is None else class_set(class_set_name), label_format)
    classes = _class_set(name, class_set_name)
    if name == "cityscapes":
        return open_cityscapes(path, split, classes, label_format or "cityscapes")
    if name == "gta5":
        return open_gta5(path, split, classes, label_format or "gta5")
    if name == "synthia":
        return open_synthia(path, split, classes, label_format or "synthia")
    if name == "mapillary":
        return open_mapillary(path, split, classes, label_format or "mapillary")
    return open_camvid(path, split, classes, label_format or "camvid")


def _class_set(name: str, class_set_name: str | None) -> ClassSet:
    if class_set_name is not None:
        chosen = class_set(class_set_name)
        if name != "folder" and name not in chosen.label_formats:
            able = ", ".join(s.name for s in CLASS_SETS.values() if name in s.label_formats)
            raise ConfigError(f"Class set of {name} must be one of {able}; got {class_set_name}.")
        return chosen
    return {"camvid": CAMVID_11, "mapillary": CITYSCAPES_7}.get(name, CITYSCAPES_19)


def _narrowed(dataset: PairDataset, class_set_name: str | None) -> PairDataset:
    if class_set_name in (None, dataset.class_set.name):
        return dataset
    raise ConfigError(f"Class set of {dataset.name} must be {dataset.class_set.name}; got {class_set_name}.")
