"""Count predictions against labels, while the network is at the next image and those after it are read (`overlap`)."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from esl.data.dataset import PairDataset
from esl.errors import DataError
from esl.metrics.confusion import ConfusionMatrix
from esl.pipelines.first_look import FirstLook
from esl.pipelines.overlap import helper_threads, in_order
from esl.pipelines.ranks import Share
from esl.pipelines.views import ONE_LOOK, Input, Logits, Order, Predict, Views, decide, look_at, place_of, read_views
from esl.progress import Progress, ShouldStop, never_stop, no_progress
from esl.store.predictions import PredictionStore

Protocol = Literal["advent", "bdl"]
"""`advent`: logits are resized to the label and then decided; `bdl`: probabilities are."""
_ORDER: dict[Protocol, Order] = {"advent": "logits", "bdl": "probs"}
_Seen: TypeAlias = tuple[str, NDArray[np.uint8], list[Logits]]
"""Id of an image, its label and the logits of each look at it."""
_MAX_COUNTING = 4
"""Threads that count beside a network on a GPU; each holds some 100 MB for a label of 2048x1024."""


def score(
    predict: Predict,
    pairs: PairDataset,
    size: tuple[int, int],
    *,
    device: str = "cpu",
    protocol: Protocol = "advent",
    views: Views = ONE_LOOK,
    share: Share = (0, 1),
    progress: Progress = no_progress,
    should_stop: ShouldStop = never_stop,
    look: FirstLook | None = None,
) -> ConfusionMatrix:
    """Confusion matrix of a network over the labelled images of a split, each scored at its label's size.

    Args:
        predict: (B, H, W, 3) uint8 -> (B, C, h, w) logits.
        pairs: images and labels.
        size: (height, width) of the network's input.
        device: `cpu` or `cuda`, where `predict` works.
        protocol: order of interpolation.
        views: how often to look at each image.
        share: (rank, ranks): this process takes every ranks-th image.
        progress: told after each image.
        should_stop: asked before each image; a partial matrix comes back when it says so.
        look: is shown the first logits.
    """
    ids = labelled_ids(pairs)[share[0] :: share[1]]
    readers = helper_threads(device)
    # Several looks are added up where the network works, one image at a time: that takes memory, and a GPU is quick.
    counting = min(_MAX_COUNTING, readers) if views.is_single else 1
    place = place_of(device)

    def read(image_id: str) -> tuple[str, NDArray[np.uint8], list[Input]]:
        return image_id, pairs.read_scored_label(image_id, size), read_views(pairs, image_id, size, views)

    def predictions(images: Iterable[tuple[str, NDArray[np.uint8], list[Input]]]) -> Iterator[_Seen]:
        for image_id, label, inputs in images:
            if should_stop():
                return
            logits = look_at(predict, inputs, views)
            if look is not None:
                first, valid = inputs[0]
                look.add(logits[0], (first.shape[0], first.shape[1]), valid, image_id)
            yield image_id, label, logits

    def count(seen: _Seen) -> ConfusionMatrix:
        return _counted(seen, pairs, protocol, views, place)

    with (
        closing(in_order(read, ids, threads=readers, ahead=readers)) as images,
        closing(in_order(count, predictions(images), threads=counting, ahead=counting)) as counted,
    ):
        matrix = _sum(counted, pairs, len(ids), progress)
    if look is not None:
        look.finish()
    return matrix


def score_stored(
    store: PredictionStore,
    pairs: PairDataset,
    *,
    protocol: Protocol = "advent",
    share: Share = (0, 1),
    progress: Progress = no_progress,
    should_stop: ShouldStop = never_stop,
) -> ConfusionMatrix:
    """Confusion matrix of the predictions in a store; arguments as of `score`."""
    ids = labelled_ids(pairs)[share[0] :: share[1]]
    threads = min(_MAX_COUNTING, helper_threads())

    def count(image_id: str) -> ConfusionMatrix:
        seen: _Seen = image_id, pairs.read_scored_label(image_id, store.map_size), [store.read(image_id)]
        return _counted(seen, pairs, protocol)

    with closing(in_order(count, _until(should_stop, ids), threads=threads, ahead=threads)) as counted:
        return _sum(counted, pairs, len(ids), progress)


def labelled_ids(pairs: PairDataset) -> Sequence[str]:
    """Ids of the images that have a label.

    Raises:
        DataError: none has.
    """
    ids = [image_id for image_id in pairs.image_ids if pairs.has_label(image_id)]
    if not ids:
        raise DataError(f"Scoring needs labels: {pairs.name} {pairs.split} in {pairs.root} has none.")
    return ids


def _until(should_stop: ShouldStop, ids: Iterable[str]) -> Iterator[str]:
    for image_id in ids:
        if should_stop():
            return
        yield image_id


def _counted(
    seen: _Seen, pairs: PairDataset, protocol: Protocol, views: Views = ONE_LOOK, place: torch.device | str = "cpu"
) -> ConfusionMatrix:
    """A matrix of one image, so that threads share nothing."""
    image_id, label, logits = seen
    shape = (label.shape[0], label.shape[1])
    matrix = ConfusionMatrix(pairs.class_set.num_classes)
    matrix.update(label, decide(logits, shape, order=_ORDER[protocol], views=views, device=place, source=image_id))
    return matrix


def _sum(counted: Iterable[ConfusionMatrix], pairs: PairDataset, total: int, progress: Progress) -> ConfusionMatrix:
    matrix = ConfusionMatrix(pairs.class_set.num_classes)
    for done, one in enumerate(counted, start=1):
        matrix.merge(one)
        progress(done, total)
    return matrix
