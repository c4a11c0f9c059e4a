"""Which predictions become pseudo-labels (Eq. 5 and 7)."""

import numpy as np
from numpy.typing import NDArray

from esl.classes import IGNORE
from esl.errors import ShapeError
from esl.labeling.maps import PredictionMaps
from esl.labeling.thresholds import Criterion, Thresholds


def is_kept(maps: PredictionMaps, thresholds: Thresholds, criterion: Criterion) -> NDArray[np.bool_]:
    """(H, W): pixels whose prediction passes its class's threshold; a tie is kept, a pixel outside never.

    Raises:
        ShapeError: the maps name a class that has no threshold.
    """
    if thresholds.num_classes <= _largest_class(maps.label):
        raise ShapeError(
            f"Every predicted class needs a threshold; there are {thresholds.num_classes}, "
            f"class {_largest_class(maps.label)} is predicted."
        )
    table = np.zeros(256, np.uint16)
    table[: thresholds.num_classes] = thresholds.of(criterion)
    limit = table[maps.label]
    passes = maps.max_prob >= limit if criterion == "max_prob" else maps.entropy <= limit
    return np.asarray(passes & (maps.label != IGNORE))


def select_pseudo_label(maps: PredictionMaps, thresholds: Thresholds, criterion: Criterion) -> NDArray[np.uint8]:
    """(H, W) train ids where the prediction is kept, 255 elsewhere.

    Paper: Eq. (5) for `max_prob`, Eq. (7) for `entropy`, Sec. 3.3; ties are kept, as the reference code does.

    Raises:
        ShapeError: the maps name a class that has no threshold.
    """
    return np.where(is_kept(maps, thresholds, criterion), maps.label, np.uint8(IGNORE))


def _largest_class(label: NDArray[np.uint8]) -> int:
    return int((label + np.uint8(1)).max(initial=0)) - 1  # 255 wraps to 0, so that "outside" counts as no class
