"""A network's classes must be those of the data: their number, and their names and order where both sides know them."""

from typing import Any

from esl.classes import CLASS_SETS, ClassSet
from esl.errors import CheckpointError, DataError
from esl.pipelines.extraction_inputs import ImageSource


def require_same_classes(info: Any, dataset: ImageSource) -> None:
    """Refuse data with other classes than a network has.

    Args:
        info: what a checkpoint says of itself; one whose class set is not a built-in one knows its classes by number only.
        dataset: the data that the network is to see.

    Raises:
        CheckpointError: another number of classes, or other names.
    """
    classes = dataset.class_set
    if info.num_classes != classes.num_classes:
        raise CheckpointError(
            f"A checkpoint must have the classes of the data: it has {info.num_classes}, "
            f"{classes.name} of {dataset.name} has {classes.num_classes}. "
            "Choose another checkpoint or --class-set."
        )
    known = CLASS_SETS.get(getattr(info, "class_set", ""))
    if known is not None and known.names != classes.names:
        raise CheckpointError(
            f"A checkpoint must have the classes of the data: it has those of {known.name}, and in {classes.name} of "
            f"{dataset.name} {_first_difference(known, classes)}. Name them as {known.name} does, choose --class-set "
            f"{known.name}, or take another checkpoint."
        )


def require_classes_of_store(stored: ClassSet, dataset: ImageSource) -> None:
    """Refuse data whose labels mean other classes than a store's predictions.

    Raises:
        DataError: other names or another order.
    """
    if stored.names != dataset.class_set.names:
        raise DataError(
            f"Labels must have the classes of the store: in {dataset.class_set.name} of {dataset.name} "
            f"{_first_difference(stored, dataset.class_set)}."
        )


def _first_difference(wanted: ClassSet, found: ClassSet) -> str:
    if wanted.num_classes != found.num_classes:
        return f"there are {found.num_classes} instead of {wanted.num_classes}"
    different = [i for i, (a, b) in enumerate(zip(wanted.names, found.names, strict=True)) if a != b]
    first = different[0]
    more = f", and {len(different) - 1} more differ" if len(different) > 1 else ""
    return f"class {first} is {found.names[first]} instead of {wanted.names[first]}{more}"
