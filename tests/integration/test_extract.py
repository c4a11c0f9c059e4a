"""Extraction end to end with a stand-in network: resumable, exact, refusing in one sentence, and blind to labels."""

import dataclasses
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from esl.classes import CITYSCAPES_7
from esl.errors import CheckpointError, ConfigError, DataError
from esl.pipelines import overlap
from esl.pipelines.extract import extract, shard
from esl.store.predictions import PredictionStore
from tests.integration.extraction_world import FakeImages, FakeInfo, FakeSource


def contents(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def before_each_write(hook: Callable[[PredictionStore, str], None]) -> Callable[[PredictionStore], None]:
    """An `on_open` that has `hook` called before each image is written."""

    def on_open(store: PredictionStore) -> None:
        write = store.write

        def spied(image_id: str, logits: NDArray[np.floating], valid: tuple[int, int] | None = None) -> None:
            hook(store, image_id)
            write(image_id, logits, valid)

        store.write = spied  # type: ignore[method-assign]

    return on_open


def helpers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("esl-overlap")]


def test_every_image_is_predicted_at_the_size_asked_for(tmp_path: Path) -> None:
    source, images = FakeSource(), FakeImages()
    store = extract(source, images, tmp_path / "s", size=(64, 96), interpolate="logits")
    assert store.is_complete
    assert store.map_size == (64, 96)
    assert store.image_ids == images.image_ids
    assert set(source.sizes) == {(1, 64, 96, 3)}
    assert store.manifest.logits_shape == (7, 8, 12)
    assert store.manifest.interpolate == "logits"
    assert store.manifest.model["sha256"] == "f" * 64
    assert store.maps(images.image_ids[0]).label.shape == (64, 96)


def test_without_a_size_the_images_keep_their_own(tmp_path: Path) -> None:
    assert extract(FakeSource(), FakeImages(size=(40, 48)), tmp_path / "s").map_size == (40, 48)


def test_stopped_and_continued_gives_the_bytes_of_one_go(tmp_path: Path) -> None:
    whole = extract(FakeSource(), FakeImages(), tmp_path / "whole")
    answers = iter([False, False, True])
    part = extract(FakeSource(), FakeImages(), tmp_path / "s", should_stop=lambda: next(answers))
    assert part.num_done == 2
    assert not part.is_complete
    source = FakeSource()
    rest = extract(source, FakeImages(), tmp_path / "s")
    assert source.calls == 4, "what is there is not predicted again"
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")
    assert rest.store_hash == whole.store_hash


def test_a_finished_store_is_left_as_it_is(tmp_path: Path) -> None:
    extract(FakeSource(), FakeImages(), tmp_path / "s")
    before = contents(tmp_path / "s")
    source = FakeSource()
    extract(source, FakeImages(), tmp_path / "s")
    assert source.calls == 0
    assert contents(tmp_path / "s") == before


def test_a_torn_batch_is_predicted_in_the_same_company(tmp_path: Path) -> None:
    images = FakeImages(count=5)
    extract(FakeSource(), images, tmp_path / "whole", batch_size=2)
    extract(FakeSource(), images, tmp_path / "s", batch_size=2)
    index = tmp_path / "s" / "index.jsonl"
    index.write_text("".join(index.read_text().splitlines(keepends=True)[:3]))
    source = FakeSource()
    extract(source, images, tmp_path / "s", batch_size=2)
    assert source.sizes == [(2, 32, 64, 3), (1, 32, 64, 3)]
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"interpolate": "logits"}, "interpolate"), ({"size": (16, 16)}, "map_size"), ({"batch_size": 3}, "batch_size")],
)
def test_other_settings_are_refused_and_named(tmp_path: Path, changes: dict[str, object], named: str) -> None:
    extract(FakeSource(), FakeImages(), tmp_path / "s")
    with pytest.raises(DataError, match=named):
        extract(FakeSource(), FakeImages(), tmp_path / "s", **changes)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="precision"):
        extract(FakeSource(precision="bf16"), FakeImages(), tmp_path / "s")


def test_a_changed_data_set_is_refused_and_the_image_named(tmp_path: Path) -> None:
    extract(FakeSource(), FakeImages(count=6), tmp_path / "s")
    with pytest.raises(DataError, match=r"\+street/00006\.png"):
        extract(FakeSource(), FakeImages(count=7), tmp_path / "s")


def test_other_classes_than_the_datas_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="16, cityscapes7 of fake has 7"):
        extract(FakeSource(info=FakeInfo(num_classes=16)), FakeImages(), tmp_path / "s")
    own = dataclasses.replace(CITYSCAPES_7, name="yard", names=("flat", "house", *CITYSCAPES_7.names[2:]))
    named = FakeSource(info=FakeInfo(class_set="cityscapes7"))
    with pytest.raises(CheckpointError, match="in yard of fake class 1 is house instead of construction. Name them"):
        extract(named, FakeImages(classes=own), tmp_path / "s")
    assert not (tmp_path / "s").exists()
    assert extract(named, FakeImages(), tmp_path / "named").is_complete
    assert extract(FakeSource(), FakeImages(classes=own), tmp_path / "s").is_complete, "it knows no names"


@pytest.mark.parametrize("settings", [{"batch_size": 0}, {"size": (0, 4)}, {"rank": 2, "world": 2}])
def test_settings_that_make_no_sense_are_refused(tmp_path: Path, settings: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(settings))):
        extract(FakeSource(), FakeImages(), tmp_path / "s", **settings)  # type: ignore[arg-type]


def test_an_image_someone_waits_for_comes_first(tmp_path: Path) -> None:
    images, order = FakeImages(count=12), []
    wanted = iter([None, None, images.image_ids[9]])

    on_open = before_each_write(lambda store, image_id: order.append(image_id))
    extract(FakeSource(), images, tmp_path / "s", on_open=on_open, next_image=lambda: next(wanted, None))
    assert order.index(images.image_ids[9]) == 2
    assert sorted(order) == list(images.image_ids)


def test_progress_counts_what_is_there(tmp_path: Path) -> None:
    answers = iter([False, True])
    extract(FakeSource(), FakeImages(), tmp_path / "s", should_stop=lambda: next(answers))
    seen: list[tuple[int, int]] = []
    extract(
        FakeSource(), FakeImages(), tmp_path / "s", progress=lambda done, total, note="": seen.append((done, total))
    )
    assert seen == [(i, 6) for i in range(1, 7)]


def test_a_damaged_image_stops_with_its_name_and_keeps_what_is_done(tmp_path: Path) -> None:
    class Damaged(FakeImages):
        def read_image(self, image_id: str) -> NDArray[np.uint8]:
            if image_id.endswith("00003.png"):
                raise DataError(f"{image_id} is damaged.")
            return super().read_image(image_id)

    with pytest.raises(DataError, match=r"00003\.png"):
        extract(FakeSource(), Damaged(), tmp_path / "s")
    assert PredictionStore.open(tmp_path / "s").num_done == 3
    assert extract(FakeSource(), FakeImages(), tmp_path / "s").is_complete


def test_an_image_is_written_while_the_next_is_predicted(tmp_path: Path) -> None:
    second = threading.Event()

    class Source(FakeSource):
        def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
            if self.calls == 2:  # the first was of a blank image
                second.set()
            return super().predict(images)

    met = []
    on_open = before_each_write(lambda store, image_id: met.append(second.wait(20)))
    extract(Source(), FakeImages(count=4), tmp_path / "s", on_open=on_open)
    assert met == [True] * 4


def test_a_gpu_is_fed_by_several_readers_and_the_bytes_are_those_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = threading.Barrier(3)

    class ReadTogether(FakeImages):
        def read_input(self, image_id: str, size: tuple[int, int]) -> tuple[NDArray[np.uint8], tuple[int, int]]:
            time.sleep(0.005 * (meeting.wait(20) == 0))  # three at a time, or not at all
            return super().read_input(image_id, size)

    images = {"count": 12, "size": (32, 64)}
    monkeypatch.setattr(overlap, "usable_cores", lambda: 1)
    extract(FakeSource(device="cuda"), FakeImages(**images), tmp_path / "one", size=(32, 64))
    monkeypatch.setattr(overlap, "usable_cores", lambda: 3)
    extract(FakeSource(device="cuda"), ReadTogether(**images), tmp_path / "three", size=(32, 64))
    assert contents(tmp_path / "three") == contents(tmp_path / "one")


def test_nothing_is_called_done_before_it_is_written(tmp_path: Path) -> None:
    stores: list[PredictionStore] = []

    def slowly(store: PredictionStore, image_id: str) -> None:
        stores.append(store)
        time.sleep(0.02)

    def progress(done: int, total: int, note: str = "") -> None:
        assert done == 0 or done <= stores[0].num_done

    extract(FakeSource(), FakeImages(), tmp_path / "s", on_open=before_each_write(slowly), progress=progress)


def test_a_write_that_fails_ends_the_extraction_and_leaves_no_thread(tmp_path: Path) -> None:
    def fail(store: PredictionStore, image_id: str) -> None:
        if image_id.endswith("00002.png"):
            raise DataError("The disk is gone.")

    source, seen = FakeSource(), []
    with pytest.raises(DataError, match=r"disk is gone"):
        extract(
            source,
            FakeImages(count=50),
            tmp_path / "s",
            on_open=before_each_write(fail),
            progress=lambda done, total, note="": seen.append(done),
        )
    assert seen == [0, 1, 2]
    assert source.calls <= 1 + 4, "the blank image, three, and the one that was predicted meanwhile"
    assert helpers() == []
    assert extract(FakeSource(), FakeImages(count=50), tmp_path / "s").is_complete


def test_an_interrupt_ends_it_at_once_and_leaves_no_thread(tmp_path: Path) -> None:
    class Interrupted(FakeSource):
        def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
            if self.calls == 3:
                raise KeyboardInterrupt
            return super().predict(images)

    whole = extract(FakeSource(), FakeImages(count=50), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        extract(Interrupted(), FakeImages(count=50), tmp_path / "s")
    assert helpers() == []
    assert 1 <= PredictionStore.open(tmp_path / "s").num_done <= 2
    assert extract(FakeSource(), FakeImages(count=50), tmp_path / "s").store_hash == whole.store_hash


def test_ranks_share_the_work_without_overlap(tmp_path: Path) -> None:
    images = FakeImages(count=7)
    extract(FakeSource(), images, tmp_path / "whole", batch_size=2)
    done = [extract(FakeSource(), images, tmp_path / "s", batch_size=2, rank=r, world=3).num_done for r in range(3)]
    assert done == [3, 5, 7]
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")
    assert sorted(i for r in range(3) for i in shard(range(10), r, 3)) == list(range(10))


def test_labels_cannot_even_be_asked_for(tmp_path: Path) -> None:
    assert not any("label" in name for name in dir(FakeImages) if name.startswith(("read", "has")))
    assert {f.name for f in dataclasses.fields(FakeImages)} >= {"label_format"}
    assert extract(FakeSource(), FakeImages(), tmp_path / "s").is_complete


def test_killed_ten_times_it_ends_with_the_same_bytes(tmp_path: Path, repository: Path) -> None:
    extract(FakeSource(), FakeImages(count=40), tmp_path / "whole")
    command = [sys.executable, "-m", "tests.integration.extraction_world", "kill_often", str(tmp_path / "s"), "10", "5"]
    codes = subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout.split()
    assert codes[-1] == "0"
    assert codes.count("-9") >= 5
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")


def test_a_full_disk_is_one_sentence_and_leaves_nothing_half_written(tmp_path: Path) -> None:
    extract(FakeSource(), FakeImages(), tmp_path / "whole")
    answers = iter([False, False, True])
    extract(FakeSource(), FakeImages(), tmp_path / "s", should_stop=lambda: next(answers))
    before = contents(tmp_path / "s")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200, hard))
    try:
        with pytest.raises(DataError, match="Free disk space"):
            extract(FakeSource(), FakeImages(), tmp_path / "s")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(tmp_path / "s") == before
    extract(FakeSource(), FakeImages(), tmp_path / "s")
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(tmp_path: Path, repository: Path) -> None:
    def peak(count: int) -> int:
        command = [
            sys.executable,
            "-m",
            "tests.integration.extraction_world",
            "measure",
            str(tmp_path / str(count)),
            str(count),
        ]
        return int(subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True).stdout)

    few, many = peak(200), peak(2000)
    assert many < 1.5e9
    assert abs(many - few) < 100e6
