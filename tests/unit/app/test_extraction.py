"""Extraction inside the server: looked at while it grows, the wanted image first, cancelled and gone on with."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from clients import api_client
from numpy.typing import NDArray
from worlds import MAP_SIZE, NAMES, make_library, make_store

from app import extraction
from app.extraction import Source, network_name, start_extraction, store_dir
from app.library import Library
from esl.errors import CheckpointError
from esl.pipelines import recorded_network
from esl.pipelines.origin import note_origin


class SlowPredictor:
    """Waits for a step of the test before each image."""

    device, precision = "cpu", "fp32"

    def __init__(self) -> None:
        self.steps = threading.Semaphore(0)
        self.info = SimpleNamespace(num_classes=5, to_json=lambda: {"provenance": {}, "architecture": "slow"})

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        if images.any():  # not the blank one that tells the size
            assert self.steps.acquire(timeout=30)
        rng = np.random.default_rng(int(images.sum()))
        return rng.normal(0, 3, (len(images), 5, 7, 13)).astype(np.float32)


@pytest.fixture
def predictor(monkeypatch: pytest.MonkeyPatch) -> SlowPredictor:
    slow = SlowPredictor()
    for module in (extraction, recorded_network):
        monkeypatch.setattr(module, "load_predictor", lambda *_: slow)
    return slow


@pytest.fixture
def source(tmp_path: Path) -> Source:
    make_store(tmp_path, done=0, name="unused")
    return Source(checkpoint=tmp_path / "c.safetensors", dataset="folder", data_root=tmp_path / "data", split="all")


def wait_until(condition: Any) -> None:
    for _ in range(1500):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not happen in time")


def test_a_store_is_there_before_its_images_and_the_wanted_one_comes_early(
    library: Library, predictor: SlowPredictor, source: Source
) -> None:
    opened, job = start_extraction(library, source)
    assert (opened.store.num_done, job.state, opened.store.map_size) == (0, "running", MAP_SIZE)
    client = api_client(library)
    (line,) = client.get("/api/v1/stores").json()
    assert (line["num_done"], line["num_images"], line["name"]) == (0, 3, "folder all · c")
    assert client.get(f"/api/v1/stores/{opened.sid}").json()["job"] == job.id
    predictor.steps.release()
    wait_until(lambda: opened.store.num_done == 1)
    assert client.get(f"/api/v1/stores/{opened.sid}/images/0/maps").status_code == 200
    predictor.steps.release(2)
    wait_until(lambda: job.is_over)
    status = client.get(f"/api/v1/jobs/{job.id}").json()
    assert (status["state"], status["done"], status["total"]) == ("done", 3, 3)
    assert opened.job == ""
    assert opened.store.is_complete
    assert client.get(f"/api/v1/stores/{opened.sid}").json()["can_upload"]


def test_cancel_keeps_what_is_done_and_the_same_source_goes_on(
    library: Library, predictor: SlowPredictor, source: Source
) -> None:
    opened, job = start_extraction(library, source)
    predictor.steps.release()
    wait_until(lambda: opened.store.num_done == 1)
    assert api_client(library).delete(f"/api/v1/jobs/{job.id}").json() == {"ok": True}
    predictor.steps.release(3)
    wait_until(lambda: job.is_over)
    assert job.state == "cancelled"
    done = opened.store.refresh()
    assert 1 <= done < 3
    again, second = start_extraction(library, source)
    assert again is opened
    wait_until(lambda: second.is_over)
    wait_until(lambda: again.store.refresh() == 3)
    assert second.state == "done"


def test_a_checkpoint_that_cannot_be_used_is_said_to_who_asked(
    library: Library, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise CheckpointError("A checkpoint must be whole; this one is not.")

    monkeypatch.setattr(extraction, "load_predictor", broken)
    with pytest.raises(CheckpointError, match="must be whole"):
        start_extraction(library, source)
    assert library.stores() == []
    assert library.jobs.all()[-1].state == "failed"


@pytest.mark.parametrize(
    ("checkpoint", "name"),
    [
        ("runs/a.b", "a.b"),
        ("runs/a/checkpoints/step_000100", "a step_000100"),
        ("runs/a/checkpoints/step_000100/model.safetensors", "a step_000100"),
        ("weights/deeplab.v2.safetensors", "deeplab.v2"),
    ],
)
def test_a_network_is_named_by_its_run_or_its_weights(checkpoint: str, name: str) -> None:
    assert network_name(Path(checkpoint)) == name


def test_the_same_source_has_the_same_folder_and_a_named_one_wins(
    library: Library, source: Source, tmp_path: Path
) -> None:
    assert store_dir(library, source) == store_dir(library, source)
    assert store_dir(library, source).parent == library.stores_dir
    named = Source(checkpoint=source.checkpoint, dataset="folder", split="../x", store=tmp_path / "here")
    assert store_dir(library, named) == tmp_path / "here"
    odd = Source(checkpoint=source.checkpoint, dataset="folder", split="../../x")
    assert store_dir(library, odd).parent == library.stores_dir
    assert len(NAMES) == 3


def test_runs_and_loose_weights_are_found(library: Library, tmp_path: Path) -> None:
    for path in ("runs/a/checkpoints/step_1/model", "runs/a/checkpoints/step_2/model", "weights/b"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / f"{path}.safetensors").touch()
        (tmp_path / f"{path}.json").touch()
    (tmp_path / "runs/a/checkpoints/step_2/optim.safetensors").touch()
    found = api_client(library).get("/api/v1/open").json()["checkpoints"]
    assert [c["name"] for c in found] == ["runs/a", "weights/b.safetensors"]


def test_a_store_remembers_its_checkpoint_and_tells_when_it_has_changed(
    library: Library, predictor: SlowPredictor, source: Source, tmp_path: Path
) -> None:
    predictor.info.to_json = lambda: {"architecture": "slow", "sha256": "a" * 64}
    predictor.steps.release(3)
    opened, job = start_extraction(library, source)
    wait_until(lambda: job.is_over)
    client, sidecar = api_client(library), tmp_path / "c.json"
    source.checkpoint.touch()
    for now, is_stale in (("a" * 64, False), ("b" * 64, True)):
        sidecar.write_text(f'{{"sha256": "{now}"}}')
        for holder in (library, make_library(tmp_path)):  # the second one opens the store from the disk
            which = holder.get(opened.sid) or holder.open(opened.store.directory)
            assert which.checkpoint == source.checkpoint
            answer = api_client(holder).get(f"/api/v1/stores/{which.sid}/origin").json()
            assert answer["checkpoint"] == "c.safetensors"
            assert ("aaaaaaaa" in answer["stale"] and "bbbbbbbb" in answer["stale"]) == is_stale
    predictor.info.to_json = lambda: {"architecture": "slow", "sha256": "b" * 64}
    predictor.steps.release(3)
    renewed = client.post(f"/api/v1/stores/{opened.sid}/again").json()
    wait_until(lambda: library.jobs.get(renewed["job"]).is_over)  # type: ignore[union-attr]
    assert renewed["sid"] != opened.sid
    newer = library.get(renewed["sid"])
    assert newer is not None
    assert newer.store.is_complete
    assert newer.store.manifest.map_size == opened.store.manifest.map_size
    assert client.get(f"/api/v1/stores/{renewed['sid']}/origin").json()["stale"] == ""


def test_a_checkpoint_outside_the_roots_is_not_taken_from_a_store(library: Library, tmp_path: Path) -> None:
    directory = make_store(tmp_path).directory
    note_origin(directory, "/etc/secret.safetensors")
    opened = library.open(directory)
    assert opened.checkpoint is None
    client = api_client(library)
    assert client.get(f"/api/v1/stores/{opened.sid}/origin").json() == {"checkpoint": "", "stale": ""}
    assert client.post(f"/api/v1/stores/{opened.sid}/again").status_code == 400


def test_own_images_are_not_run_through_other_weights(library: Library, tmp_path: Path) -> None:
    directory = make_store(tmp_path).directory
    (tmp_path / "c.safetensors").touch()
    (tmp_path / "c.json").write_text('{"sha256": "' + "1" * 64 + '"}')
    note_origin(directory, tmp_path / "c.safetensors")
    with pytest.raises(CheckpointError, match="has changed since"):
        library.predictor(library.open(directory))()
