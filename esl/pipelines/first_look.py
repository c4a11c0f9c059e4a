"""What a network makes of its first images, said before hours are spent on the others.

Weights that were read as another family's (ASPP branches, input normalisation, order of channels) load without an error;
they show in predictions that are unsure everywhere, or that see one class.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from esl.labeling.maps import SCALE, derive_maps

NUM_IMAGES = 4
_UNSURE, _ONE_CLASS = 0.4, 0.8
_SHOWN = 6


class FirstLook:
    """Mean entropy and shares of classes over the first images; `say` gets one sentence, once."""

    def __init__(self, names: Sequence[str], say: Callable[[str], None], num_images: int = NUM_IMAGES) -> None:
        """Begin with no image; `names` are those of the network's classes."""
        self._names, self._say, self._left = names, say, num_images
        self._pixels: NDArray[np.int64] = np.zeros(len(names), np.int64)
        self._entropy = 0.0
        self._images = 0

    def add(
        self,
        logits: NDArray[np.float32] | NDArray[np.float16],
        size: tuple[int, int],
        valid: tuple[int, int],
        image_id: str,
    ) -> None:
        """Count one image, as long as it is among the first.

        Args:
            logits: (C, h, w).
            size: (H, W) of the network's input.
            valid: (height, width) of the image in it; what lies outside is padding and is not counted.
            image_id: for messages.

        Raises:
            DataError: the logits hold NaN.
        """
        if self._left <= 0:
            return
        maps = derive_maps(logits, size, valid=valid, source=image_id)
        inside = maps.label[: valid[0], : valid[1]].ravel()
        self._pixels += np.bincount(inside, minlength=len(self._names))[: len(self._names)]
        # Normalised entropy in [0, 1], as in Eq. 8.
        self._entropy += float(maps.entropy[: valid[0], : valid[1]].sum(dtype=np.int64)) / SCALE
        self._images, self._left = self._images + 1, self._left - 1
        if self._left == 0:
            self.finish()

    def finish(self) -> None:
        """Say what there is, where fewer images came than were waited for; nothing the second time."""
        self._left = 0
        if self._images:
            self._say(self.sentence())
            self._images = 0

    def sentence(self) -> str:
        """Entropy, classes from the most frequent on, and a warning where they look like those of wrongly read weights."""
        total = max(int(self._pixels.sum()), 1)
        shares, entropy = self._pixels / total, self._entropy / total
        first = [
            f"{self._names[c]} {100 * shares[c]:.1f} %" for c in np.argsort(-shares, kind="stable") if shares[c] > 0
        ]
        rest = f" and {len(first) - _SHOWN} more classes" if len(first) > _SHOWN else ""
        said = f"First {self._images} images: mean entropy {entropy:.2f} of 1; predicted {', '.join(first[:_SHOWN])}{rest}."
        if entropy <= _UNSURE and shares.max() <= _ONE_CLASS:
            return said
        return f"{said} That is unusual: weights read as another family's (branches, normalisation) look like this."
