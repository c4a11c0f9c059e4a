"""A store goes on where it was begun, opens whole on any machine, and the network's own failures are said."""

import logging
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_extraction import wait_until
from worlds import make_library, make_store

from app import extraction
from app.extraction import Source, source_of, start_extraction
from app.library import Library
from app.opened import OpenStore
from esl.errors import ConfigError, EslError
from esl.files import write_json
from esl.models.weights import NetworkInfo
from esl.pipelines import recorded_network

INFO = NetworkInfo(num_classes=5, backbone="resnet18", class_set="tiny5", sha256="a" * 64)


class GpuPredictor:
    """A network on a GPU; it may be told to stop after some images."""

    device, precision, info = "cuda", "bf16", INFO

    def __init__(self, then_cancel: Library | None = None) -> None:
        self.then_cancel = then_cancel

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self.then_cancel is not None and images.any():
            self.then_cancel.jobs.stop_all()
        return np.random.default_rng(int(images.sum())).normal(0, 3, (len(images), 5, 7, 13)).astype(np.float32)


class Loads:
    """What stands in for loading: keeps what was asked for, and gives a network or an error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.answer: Any = GpuPredictor()
        for module in (extraction, recorded_network):
            monkeypatch.setattr(module, "load_predictor", self)

    def __call__(self, checkpoint: Path, *how: str) -> Any:
        self.asked.append(how)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> Loads:
    return Loads(monkeypatch)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    make_store(tmp_path, done=0, name="unused")
    (tmp_path / "c.safetensors").touch()
    write_json(tmp_path / "c.json", INFO.to_json())
    return Source(checkpoint=tmp_path / "c.safetensors", dataset="folder", data_root=tmp_path / "data", split="all")


def extracted(library: Library, source: Source) -> OpenStore:
    opened, job = start_extraction(library, source)
    wait_until(lambda: job.is_over)
    assert job.error == ""
    return opened


NO_GPU = ConfigError("Device cuda needs an NVIDIA GPU that torch can use; there is none. Say --device cpu.")


def test_a_whole_store_opens_where_its_device_is_gone_and_loads_nothing(
    library: Library, loads: Loads, source: Source, tmp_path: Path
) -> None:
    first = extracted(library, source)
    assert (first.store.is_complete, first.store.manifest.device) == (True, "cuda")
    loads.answer, loads.asked = NO_GPU, []
    again = extracted(make_library(tmp_path), source)
    assert again.store.is_complete
    assert again.sid == first.sid
    assert again.checkpoint == source.checkpoint
    assert loads.asked == []


def begin(library: Library, loads: Loads, source: Source) -> OpenStore:
    """A store that was begun on a GPU and cancelled."""
    loads.answer = GpuPredictor(library)
    opened = extracted(library, source)
    assert 0 < opened.store.refresh() < 3
    loads.answer, loads.asked = GpuPredictor(), []
    return opened


def test_a_store_goes_on_with_its_device_and_precision(
    library: Library, loads: Loads, source: Source, tmp_path: Path
) -> None:
    first = begin(library, loads, source)
    again = extracted(make_library(tmp_path), source)
    assert loads.asked == [("cuda", "bf16")]
    assert again.sid == first.sid
    assert again.store.refresh() == 3


def test_a_store_that_cannot_go_on_here_says_so_and_why_in_one_sentence(
    library: Library, loads: Loads, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(library, loads, source)
    loads.answer = NO_GPU
    monkeypatch.setattr("esl.models.device.cuda_fault", lambda: "the driver is too old")
    words = (
        r"1 of 3 images, predicted on cuda in bf16, which this machine cannot do \(of its GPU: the driver is too old\)"
    )
    with pytest.raises(ConfigError, match=words):
        start_extraction(make_library(tmp_path), source)


def test_a_lost_chunk_of_a_whole_store_is_predicted_again(
    library: Library, loads: Loads, source: Source, tmp_path: Path
) -> None:
    whole = extracted(library, source).store
    recorded = recorded_network.RecordedNetwork(source.checkpoint, whole)
    loads.asked = []
    images = np.full((1, 48, 96, 3), 7, np.uint8)
    assert (recorded.predict(images) == recorded.predict(images)).all()
    assert loads.asked == [("cuda", "bf16")]


class AcceleratorError(RuntimeError):
    """As torch names what a device reports."""


def test_an_error_that_nobody_foresaw_is_said_and_its_traceback_logged(
    library: Library, loads: Loads, source: Source, caplog: pytest.LogCaptureFixture
) -> None:
    loads.answer = AcceleratorError("CUDA error: an illegal memory access was encountered")
    with (
        caplog.at_level(logging.ERROR),
        pytest.raises(EslError, match=r"failed \(AcceleratorError\); the server's log"),
    ):
        start_extraction(library, source)
    wait_until(lambda: library.jobs.all()[-1].state == "failed")
    assert "illegal memory access" in caplog.text


def test_waiting_for_another_set_and_for_a_slow_network_are_told_apart(
    library: Library, loads: Loads, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = threading.Event()

    def slow(*_: Any) -> GpuPredictor:
        gate.wait(30)
        return GpuPredictor()

    monkeypatch.setattr(extraction, "load_predictor", slow)
    with pytest.raises(EslError, match="takes long to open"):
        start_extraction(library, source, timeout=1.0)
    with pytest.raises(EslError, match="busy with another set"):
        start_extraction(library, source, timeout=0.1)
    first, second = library.jobs.all()
    wait_until(lambda: second.is_over)  # it will not run later, when nobody asks for it any more
    assert (first.is_over, second.state) == (False, "cancelled")
    threading.Timer(0.3, lambda: library.jobs.all()[-1].cancelled.set()).start()
    with pytest.raises(EslError, match="was cancelled"):
        start_extraction(library, source, timeout=60)
    assert not first.is_over
    gate.set()
    wait_until(lambda: all(job.is_over for job in library.jobs.all()))


def test_the_servers_device_is_used_for_every_set(library: Library, loads: Loads, source: Source) -> None:
    library.device = "cpu"
    opened = extracted(library, source)
    extracted(library, replace(source_of(opened), store=library.stores_dir / "renewed"))
    assert loads.asked == [("cpu",), ("cpu",)]


def test_a_store_of_another_device_than_the_servers_does_not_go_on(
    library: Library, loads: Loads, source: Source, tmp_path: Path
) -> None:
    begin(library, loads, source)
    other = make_library(tmp_path)
    other.device = "cpu"
    with pytest.raises(ConfigError, match=r"this server computes on cpu. Start it with --device cuda"):
        start_extraction(other, source)
    assert loads.asked == []


@pytest.mark.parametrize("has_gpu", [True, False])
def test_memory_of_a_gpu_that_was_used_is_given_back_at_the_end(
    library: Library, loads: Loads, source: Source, monkeypatch: pytest.MonkeyPatch, has_gpu: bool
) -> None:
    emptied: list[bool] = []
    monkeypatch.setattr("torch.cuda.is_initialized", lambda: has_gpu)
    monkeypatch.setattr("torch.cuda.empty_cache", lambda: emptied.append(True))
    extracted(library, source)
    assert bool(emptied) == has_gpu
