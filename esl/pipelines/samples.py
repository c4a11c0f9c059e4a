"""One fixed image, predicted at every checkpoint: what a run's page shows beside its curves.

    samples/photo.jpg          the image, as the network sees it
    samples/step_NNNNNN.png    its predicted classes, as a palette PNG of train ids

They are for people; nothing reads them back, and a run without them goes on.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from esl.data.dataset import PairDataset
from esl.errors import DataError
from esl.files import write_bytes
from esl.images.writing import encode_jpeg, encode_palette_png
from esl.labeling.maps import derive_maps

PHOTO = "photo.jpg"
Size = tuple[int, int]


class Predicts(Protocol):
    """Something that predicts one batch; `esl.models.predictor.Predictor` is one."""

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32] | NDArray[np.float16]:
        """(B, H, W, 3) uint8 -> (B, C, h, w) logits."""
        ...


def sampler(
    pairs: PairDataset, size: Size, folder: Path, predictor: Callable[[], Predicts], say: Callable[[str], None]
) -> Callable[[int], None]:
    """A function that predicts the first image of `pairs` and writes it for the step that it is given.

    Args:
        pairs: the images; labels are not opened.
        size: (height, width) of the network's input.
        folder: where samples go.
        predictor: the network as it is now.
        say: hears, once, why there will be no more of them: a picture must not end a run.
    """
    image_id = pairs.image_ids[0]
    broken: list[str] = []

    def sample(step: int) -> None:
        if broken:
            return
        try:
            image, valid = pairs.read_input(image_id, size)
            if not (folder / PHOTO).is_file():
                write_bytes(folder / PHOTO, encode_jpeg(image[: valid[0], : valid[1]]))
            logits = predictor().predict(image[None])[0]
            label = derive_maps(logits, size).label[: valid[0], : valid[1]]
            ids = np.ascontiguousarray(label)
            write_bytes(folder / sample_name(step), encode_palette_png(ids, pairs.class_set.palette()))
        except DataError as error:
            broken.append(image_id)
            say(f"No more sample predictions: {error}")

    return sample


def sample_name(step: int) -> str:
    """File name of the sample of a step."""
    return f"step_{step:06d}.png"


def sample_steps(folder: Path) -> list[int]:
    """Steps that `folder` holds a sample of, in order."""
    names = (re.fullmatch(r"step_(\d{6,})\.png", p.name) for p in folder.glob("step_*.png"))
    return sorted(int(found[1]) for found in names if found)
