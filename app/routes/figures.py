"""Figures of an export: one plate per image in the layout of the paper's Figure 1, at exact pixel scale."""

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from app.opened import OpenStore
from esl.classes import IGNORE
from esl.errors import DataError
from esl.figures.plates import PlateRow, plate_of_one
from esl.files import safe_join, write_bytes
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import Thresholds
from esl.render import colourise, difference_map


def write_figures(
    opened: OpenStore,
    thresholds: Thresholds,
    image_ids: Sequence[str],
    folder: Path,
    on_each: Callable[[int], None],
    should_stop: Callable[[], bool],
) -> tuple[int, int]:
    """Write the plates; what is there already stays.

    Returns:
        Number of files and their bytes.
    """
    files, num_bytes = 0, 0
    for image_id in image_ids:
        if should_stop():
            break
        path = safe_join(folder, str(PurePosixPath(image_id).with_suffix("")) + ".png")
        if not path.is_file():
            write_bytes(path, _plate(opened, opened.store.image_ids.index(image_id), thresholds))
        files, num_bytes = files + 1, num_bytes + path.stat().st_size
        on_each(files)
    return files, num_bytes


def _plate(opened: OpenStore, i: int, thresholds: Thresholds) -> bytes:
    classes, maps = opened.store.class_set, opened.derive_once(i)
    palette = classes.palette()
    ssl = select_pseudo_label(maps, thresholds, "max_prob")
    esl = select_pseudo_label(maps, thresholds, "entropy")
    try:
        photo = opened.photo(i)
    except DataError:
        photo = np.zeros(
            (*maps.label.shape, 3), np.uint8
        )  # a store may outlive its photos; the labels are still worth a plate
    try:
        truth = opened.truth(i)
    except DataError:
        truth = None
    row = PlateRow(
        photo=photo,
        truth=None if truth is None else colourise(truth, palette),
        ssl=colourise(ssl, palette),
        esl=colourise(esl, palette),
        difference=difference_map(ssl, esl, palette),
    )
    seen = [c for c in range(classes.num_classes) if (maps.label == c).any() and c != IGNORE]
    return plate_of_one(row, names=[classes.names[c] for c in seen], colors=[classes.colors[c] for c in seen])
