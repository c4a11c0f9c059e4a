"""Scoring reads, predicts and counts at the same time, and counts what one after the other would."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from esl.classes import CITYSCAPES_7, IGNORE, ClassSet
from esl.data.dataset import PairDataset
from esl.errors import DataError
from esl.labeling.maps import derive_maps
from esl.metrics.confusion import ConfusionMatrix
from esl.pipelines import overlap, scoring
from esl.pipelines.first_look import FirstLook
from esl.pipelines.scoring import score, score_stored
from esl.pipelines.views import Views
from esl.store.predictions import PredictionStore, StoreManifest

SIZE, LABEL_SIZE = (16, 24), (32, 48)
IDS = tuple(f"{i:02d}.png" for i in range(12))


@dataclass
class Drawn:
    """Images and labels drawn from their names; some pixels are not labelled."""

    name: str = "drawn"
    split: str = "val"
    root: Path = Path("/nowhere")
    class_set: ClassSet = CITYSCAPES_7
    image_ids: Sequence[str] = IDS
    damaged: str = ""

    def has_label(self, image_id: str) -> bool:
        return True

    def read_scored_label(self, image_id: str, frame: tuple[int, int]) -> NDArray[np.uint8]:
        label = np.random.default_rng([1, int(image_id[:2])]).integers(0, 8, LABEL_SIZE).astype(np.uint8)
        label[label == 7] = IGNORE
        return label

    def read_input(self, image_id: str, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        if image_id == self.damaged:
            raise DataError(f"{image_id} is damaged.")
        return np.random.default_rng([2, int(image_id[:2]), *size]).integers(0, 256, (*size, 3), np.uint8), size


def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Seven classes that depend on the colours."""
    weights = np.sin(np.arange(21, dtype=np.float32)).reshape(3, 7)
    return np.ascontiguousarray(np.moveaxis(images[:, ::4, ::4].astype(np.float32) @ weights / 16, 3, 1))


def one_after_the_other(ids: Sequence[str] = IDS) -> NDArray[np.int64]:
    matrix, pairs = ConfusionMatrix(7), Drawn()
    for image_id in ids:
        logits = predict(pairs.read_input(image_id, SIZE)[0][None])[0]
        matrix.update(
            pairs.read_scored_label(image_id, SIZE), derive_maps(logits, LABEL_SIZE, interpolate="logits").label
        )
    return matrix.counts


def drawn(**fields: Any) -> PairDataset:
    return cast(PairDataset, Drawn(**fields))


def helpers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("esl-overlap")]


@pytest.fixture
def gpu_beside_eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which scoring with `device="cuda"` uses many threads; the network is a stand-in."""
    monkeypatch.setattr(overlap, "usable_cores", lambda: 8)
    monkeypatch.setattr(scoring, "place_of", lambda device: "cpu")


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("share", [(0, 1), (1, 3)])
def test_the_counts_are_those_of_one_image_after_the_other(
    gpu_beside_eight_cores: None, device: str, share: tuple[int, int]
) -> None:
    seen: list[tuple[int, int]] = []
    matrix = score(
        predict,
        drawn(),
        SIZE,
        device=device,
        share=share,
        progress=lambda done, total, note="": seen.append((done, total)),
    )
    ids = IDS[share[0] :: share[1]]
    np.testing.assert_array_equal(matrix.counts, one_after_the_other(ids))
    assert seen == [(i + 1, len(ids)) for i in range(len(ids))]


@pytest.mark.parametrize("views", [Views(), Views(scales=(0.5, 1.0), flip=True)])
def test_a_gpu_counts_what_a_cpu_counts(gpu_beside_eight_cores: None, views: Views) -> None:
    cpu, cuda = (score(predict, drawn(), SIZE, device=device, views=views).counts for device in ("cpu", "cuda"))
    np.testing.assert_array_equal(cpu, cuda)


def test_a_stores_counts_are_the_same_in_any_number_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shape = predict(np.zeros((1, *SIZE, 3), np.uint8))[0].shape
    manifest = StoreManifest(
        dataset="drawn", class_set=CITYSCAPES_7, image_ids=IDS, map_size=SIZE, logits_shape=shape, model={"name": "x"}
    )
    with PredictionStore.create(tmp_path / "s", manifest) as store:
        for image_id in IDS:
            store.write(image_id, predict(Drawn().read_input(image_id, SIZE)[0][None])[0])
    for cores in (1, 8):
        monkeypatch.setattr(overlap, "usable_cores", lambda cores=cores: cores)
        np.testing.assert_array_equal(score_stored(store, drawn()).counts, one_after_the_other())
    answers = iter([False, False, True])
    part = score_stored(store, drawn(), should_stop=lambda: next(answers))
    np.testing.assert_array_equal(part.counts, one_after_the_other(IDS[:2]))


def test_an_image_is_counted_while_the_next_is_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    second, met, calls = threading.Event(), [], []

    def predicted(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        calls.append(1)
        if len(calls) == 2:
            second.set()
        return predict(images)

    def decide(*arguments: Any, **settings: Any) -> NDArray[np.uint8]:
        met.append(second.wait(20))
        return np.zeros(LABEL_SIZE, np.uint8)

    monkeypatch.setattr(scoring, "decide", decide)
    score(predicted, drawn(), SIZE)
    assert met == [True] * len(IDS)


def test_images_are_read_several_at_a_time_for_a_gpu(gpu_beside_eight_cores: None) -> None:
    meeting = threading.Barrier(4)

    class ReadTogether(Drawn):
        def read_input(self, image_id: str, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
            meeting.wait(20)  # four at a time, or not at all
            return super().read_input(image_id, size)

    matrix = score(predict, cast(PairDataset, ReadTogether()), SIZE, device="cuda")
    np.testing.assert_array_equal(matrix.counts, one_after_the_other())


def test_several_looks_are_added_up_where_the_network_works(monkeypatch: pytest.MonkeyPatch) -> None:
    places = []

    def decide(*arguments: Any, device: str, **settings: Any) -> NDArray[np.uint8]:
        places.append(device)
        return np.zeros(LABEL_SIZE, np.uint8)

    monkeypatch.setattr(scoring, "decide", decide)
    monkeypatch.setattr(scoring, "place_of", lambda device: f"{device}:3")
    score(predict, drawn(), SIZE, device="cuda", views=Views(flip=True))
    assert places == ["cuda:3"] * len(IDS)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_who_is_stopped_gets_what_was_predicted_until_then(gpu_beside_eight_cores: None, device: str) -> None:
    answers = iter([False, False, False, True])
    said: list[str] = []
    look = FirstLook(CITYSCAPES_7.names, said.append)
    matrix = score(predict, drawn(), SIZE, device=device, should_stop=lambda: next(answers), look=look)
    np.testing.assert_array_equal(matrix.counts, one_after_the_other(IDS[:3]))
    assert said[0].startswith("First 3 images")
    assert helpers() == []


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_damaged_image_is_named_at_its_turn(gpu_beside_eight_cores: None, device: str) -> None:
    seen: list[int] = []
    with pytest.raises(DataError, match=r"05\.png is damaged"):
        score(
            predict,
            drawn(damaged="05.png"),
            SIZE,
            device=device,
            progress=lambda done, total, note="": seen.append(done),
        )
    assert seen == [1, 2, 3, 4, 5]
    assert helpers() == []


def test_a_prediction_that_holds_nan_names_its_image() -> None:
    def broken(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        return predict(images) * np.float32(np.nan)

    with pytest.raises(DataError, match=r"00\.png holds NaN"):
        score(broken, drawn(), SIZE)
    assert helpers() == []
