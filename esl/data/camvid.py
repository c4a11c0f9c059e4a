"""CamVid with the 11 classes of the SegNet tutorial: `images/`, `labels/*.png`, `lists/SPLIT.txt`.

The lists name files without ending, one a line. By light: `day_train` (source), `day_val` (near-duplicates, sanity
only), `day_test` (another drive: model selection), `dusk_train` (target), `dusk_test` (scores). The two dusk halves
are one sequence.
"""

from pathlib import Path, PurePosixPath

from esl.classes import CAMVID_11, ClassSet
from esl.data.dataset import PairDataset, Sample
from esl.data.listing import list_images, read_list, require_directory
from esl.errors import DataError

NUM_IMAGES = {
    "train": 367, "val": 101, "test": 233,
    "day_train": 305, "day_val": 101, "day_test": 171, "dusk_train": 62, "dusk_test": 62,
}  # fmt: skip
"""Known length of each list."""


def open_camvid(root: Path, split: str, class_set: ClassSet = CAMVID_11, label_format: str = "camvid") -> PairDataset:
    """The images that a list names, in its order.

    Raises:
        DataError: no such list, or it names images that are not there.
    """
    lists = require_directory(root / "lists", "CamVid's lists")
    path = lists / f"{split}.txt"
    if not path.is_file():
        names = ", ".join(sorted(p.stem for p in lists.glob("*.txt"))) or "none"
        raise DataError(f"CamVid's split must be a list in {lists} ({names}); got {split!r}.")
    image_root = require_directory(root / "images", "CamVid's images")
    images = {PurePosixPath(name).stem: name for name in list_images(image_root, deep=False)}
    wanted = [PurePosixPath(name).stem for name in read_list(path)]
    missing = [name for name in wanted if name not in images]
    if missing:
        raise DataError(
            f"Each image of a list must be there: {image_root} lacks {len(missing)} of the {len(wanted)} in "
            f"{path.name}, the first is {missing[0]}."
        )
    samples = tuple(
        Sample(image_id=images[name], image_path=image_root / images[name], label_path=root / "labels" / f"{name}.png")
        for name in wanted
    )
    return PairDataset(
        name="camvid", root=root, split=split, class_set=class_set, label_format=label_format, samples=samples
    )
