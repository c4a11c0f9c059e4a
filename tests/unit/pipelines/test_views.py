"""What several looks at an image decide, against the same in plain loops of NumPy."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from esl.data.dataset import PairDataset
from esl.data.transforms import resize_image
from esl.errors import ConfigError
from esl.models.memory import OutOfMemoryError
from esl.pipelines.views import Order, Views, decide, look_at, place_of, read_views

IMAGE = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)


@dataclass
class OneImage:
    """A data set of one image."""

    def read_input(self, image_id: str, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        return resize_image(IMAGE, size), size


def predict(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Five classes that depend on place and colour, and on the side from which one looks."""
    small = images[:, ::2, ::2].astype(np.float32) / 32
    weights = np.sin(np.arange(15, dtype=np.float32)).reshape(3, 5) * 3
    slope = np.linspace(-2, 2, small.shape[2], dtype=np.float32)[None, None, :, None]
    return np.ascontiguousarray(np.moveaxis(small @ weights + slope, 3, 1))


def asked(views: Views, order: Order) -> NDArray[np.uint8]:
    pairs = cast(PairDataset, OneImage())
    logits = look_at(predict, read_views(pairs, "x", (24, 40), views), views)
    return decide(logits, (48, 80), order=order, views=views)


def resized(values: Any) -> NDArray[np.float64]:
    whole = interpolate(torch.as_tensor(values)[None].double(), size=(48, 80), mode="bilinear", align_corners=True)
    return np.asarray(whole[0])


def softmax(values: NDArray[Any]) -> NDArray[np.float64]:
    e = np.exp(values.astype(np.float64) - values.max(0))
    return np.asarray(e / e.sum(0))


@pytest.mark.parametrize("order", ["logits", "probs"])
def test_probabilities_of_all_views_are_averaged(order: Order) -> None:
    total = np.zeros((5, 48, 80))
    for size in ((12, 20), (24, 40)):
        image = resize_image(IMAGE, size)
        for mirrored in (False, True):
            seen = image[:, ::-1] if mirrored else image
            logits = predict(np.ascontiguousarray(seen)[None])[0]
            logits = np.ascontiguousarray(logits[:, :, ::-1] if mirrored else logits)
            total += softmax(resized(logits)) if order == "logits" else resized(softmax(logits))
    best_two = np.sort(total, axis=0)[-2:]
    clear = best_two[1] - best_two[0] > 1e-5
    got = asked(Views(scales=(0.5, 1.0), flip=True), order)
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(got[clear], total.argmax(0)[clear])


def test_one_look_is_what_the_kernel_decides_and_others_differ() -> None:
    single = asked(Views(), "logits")
    np.testing.assert_array_equal(single, resized(predict(IMAGE[None])[0]).argmax(0))
    assert (asked(Views(flip=True), "logits") != single).any()
    assert (asked(Views(), "probs") != single).any()


def test_looks_are_added_up_on_the_device_asked_for() -> None:
    views = Views(flip=True)
    logits = look_at(predict, [(IMAGE, (24, 40))], views)
    with pytest.raises(
        NotImplementedError, match="meta"
    ):  # a device without numbers, which cannot come back from there
        decide(logits, (48, 80), order="logits", views=views, device="meta")


def test_full_memory_is_one_sentence_that_names_the_knobs(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: Any, **settings: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("esl.pipelines.views.interpolate", full)
    with pytest.raises(OutOfMemoryError, match="--scales"):
        asked(Views(flip=True), "logits")


def test_another_thread_is_told_which_gpu_is_this_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 3)
    assert place_of("cuda") == torch.device("cuda:3")
    assert place_of("cpu") == torch.device("cpu")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_cuda_decides_what_the_cpu_decides() -> None:
    views = Views(scales=(0.5, 1.0), flip=True)
    logits = look_at(predict, [(resize_image(IMAGE, s), s) for s in ((12, 20), (24, 40))], views)
    cpu, cuda = (decide(logits, (48, 80), order="logits", views=views, device=place_of(d)) for d in ("cpu", "cuda"))
    assert (cpu == cuda).mean() > 0.999


def test_the_protocol_says_how_often_it_looked() -> None:
    assert Views().in_words() == "single scale"
    assert Views(scales=(0.75, 1.25), flip=True).in_words() == "scales 0.75, 1.25 with flip, probabilities averaged"


@pytest.mark.parametrize("scales", [(), (0.0,), (1.0, float("nan")), (9.0,)])
def test_scales_that_mean_nothing_are_refused(scales: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="scale"):
        Views(scales=scales)
