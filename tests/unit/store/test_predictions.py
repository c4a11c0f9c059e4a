"""A prediction store keeps what was written, refuses what does not fit, and forgets what was torn."""

import json
import multiprocessing
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zarr
from numpy.typing import NDArray

from esl.classes import CITYSCAPES_7, CITYSCAPES_19, ClassSet
from esl.errors import ConfigError, DataError, ShapeError
from esl.labeling.maps import derive_maps
from esl.store.chunk_index import ChunkEntry, read_index
from esl.store.manifest import StoreManifest
from esl.store.predictions import PredictionStore

SHAPE = (7, 5, 9)
MAP_SIZE = (33, 65)
IDS = tuple(f"city/{name}.png" for name in "abcdef")


def manifest(**changes: object) -> StoreManifest:
    whole = StoreManifest(
        dataset="folder", root="/data", split="train", class_set=CITYSCAPES_7, image_ids=IDS,
        map_size=MAP_SIZE, logits_shape=SHAPE, model={"name": "fake", "sha256": "00"},
    )  # fmt: skip
    return replace(whole, **changes)  # type: ignore[arg-type]


def logits(image_id: str, shape: tuple[int, ...] = SHAPE) -> NDArray[np.float32]:
    rng = np.random.default_rng(sum(image_id.encode()))
    return (rng.normal(size=shape) * 8 + 3).astype(np.float32)


def fill(directory: Path, ids: tuple[str, ...] = IDS, rank: int = 0, world: int = 1) -> None:
    with PredictionStore.create(directory, manifest(), rank=rank, world=world) as store:
        for image_id in ids:
            if not store.has(image_id):
                store.write(image_id, logits(image_id))
        store.finish()


def contents(directory: Path) -> dict[str, bytes]:
    return {str(p.relative_to(directory)): p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_what_is_written_is_read_relative_to_each_pixels_maximum(tmp_path: Path) -> None:
    fill(tmp_path / "s")
    store = PredictionStore.open(tmp_path / "s")
    for image_id in IDS:
        x = logits(image_id)
        np.testing.assert_array_equal(store.read(image_id), x - x.max(0))
        assert store.read(image_id).dtype == np.float32
    assert store.is_complete
    assert store.num_done == len(IDS)


def test_what_is_written_while_a_store_is_refreshed_is_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with PredictionStore.create(tmp_path / "s", manifest()) as store:
        store.write(IDS[0], logits(IDS[0]))
        writer = threading.Thread(target=store.write, args=(IDS[1], logits(IDS[1])))

        def read_slowly(directory: Path) -> dict[str, ChunkEntry]:
            entries = read_index(directory)
            writer.start()
            writer.join(0.2)
            return entries

        monkeypatch.setattr("esl.store.predictions.read_index", read_slowly)
        store.refresh()
        writer.join()
        assert store.has(IDS[1])
        assert (store.uncounted(), store.num_counted) == ([], 2)


def test_maps_come_from_the_stored_logits_in_the_recorded_order(tmp_path: Path) -> None:
    with PredictionStore.create(tmp_path / "s", manifest(interpolate="logits")) as store:
        store.write(IDS[0], logits(IDS[0]))
        expected = derive_maps(store.read(IDS[0]), MAP_SIZE, interpolate="logits", second=True)
        maps = store.maps(IDS[0], second=True)
    np.testing.assert_array_equal(maps.entropy, expected.entropy)
    assert maps.second is not None
    assert expected.second is not None
    np.testing.assert_array_equal(maps.second, expected.second)


def test_float16_logits_stay_finite_however_far_apart(tmp_path: Path) -> None:
    x = np.zeros(SHAPE, np.float32)
    x[0] = 1e6
    with PredictionStore.create(tmp_path / "s", manifest(logits_type="float16")) as store:
        store.write(IDS[0], x)
        assert np.isfinite(store.read(IDS[0])).all()
        assert (store.maps(IDS[0]).max_prob == 65535).all()


def test_a_smaller_image_and_its_valid_region_come_back(tmp_path: Path) -> None:
    x = logits(IDS[0], (7, 3, 4))
    with PredictionStore.create(tmp_path / "s", manifest()) as store:
        store.write(IDS[0], x, valid=(20, 30))
        store.write(IDS[1], logits(IDS[1]))
    store = PredictionStore.open(tmp_path / "s")
    assert store.read(IDS[0]).shape == (7, 3, 4)
    assert store.valid(IDS[0]) == (20, 30)
    assert store.valid(IDS[1]) == MAP_SIZE
    label = store.maps(IDS[0]).label
    assert (label[20:] == 255).all()
    assert (label[:, 30:] == 255).all()
    assert (label[:20, :30] < 7).all()
    assert int(store.histogram().counts[0].sum()) == 20 * 30 + MAP_SIZE[0] * MAP_SIZE[1]


def test_nan_is_refused_with_the_images_name_and_nothing_is_kept(tmp_path: Path) -> None:
    x = logits(IDS[2])
    x[3, 2, 1] = np.nan
    with PredictionStore.create(tmp_path / "s", manifest()) as store:
        with pytest.raises(DataError, match=r"city/c\.png.*NaN"):
            store.write(IDS[2], x)
        assert not store.has(IDS[2])


@pytest.mark.parametrize(
    ("image_id", "shape", "error"),
    [("no.png", SHAPE, DataError), (IDS[0], (8, 5, 9), ShapeError), (IDS[0], (7, 6, 9), ShapeError), (IDS[0], (5, 9), ShapeError)],
)  # fmt: skip
def test_what_does_not_fit_is_refused(
    tmp_path: Path, image_id: str, shape: tuple[int, ...], error: type[Exception]
) -> None:
    with PredictionStore.create(tmp_path / "s", manifest()) as store, pytest.raises(error):
        store.write(image_id, np.zeros(shape, np.float32))


def test_an_image_is_written_once(tmp_path: Path) -> None:
    with PredictionStore.create(tmp_path / "s", manifest()) as store:
        store.write(IDS[0], logits(IDS[0]))
        with pytest.raises(DataError, match="written once"):
            store.write(IDS[0], logits(IDS[1]))


def test_zarr_itself_reads_the_array(tmp_path: Path) -> None:
    fill(tmp_path / "s")
    array = zarr.open_array(tmp_path / "s" / "logits.zarr", mode="r")
    assert array.shape == (len(IDS), *SHAPE)
    np.testing.assert_array_equal(np.asarray(array[3]), PredictionStore.open(tmp_path / "s").read(IDS[3]))


def test_a_custom_class_set_travels_with_the_store(tmp_path: Path) -> None:
    own = ClassSet(name="mine", names=("a", "b"), colors=((1, 2, 3), (4, 5, 6)), label_formats={"ids": {7: 0, 9: 1}})
    with PredictionStore.create(tmp_path / "s", manifest(class_set=own, label_format="ids", logits_shape=(2, 5, 9))):
        pass
    assert PredictionStore.open(tmp_path / "s").class_set == own


@pytest.mark.parametrize(
    "changes",
    [{"interpolate": "logits"}, {"map_size": (8, 8)}, {"precision": "bf16"}, {"model": {"name": "fake", "sha256": "11"}}, {"image_ids": IDS[:3]}],
)  # fmt: skip
def test_another_manifest_is_refused_and_the_difference_named(tmp_path: Path, changes: dict[str, object]) -> None:
    fill(tmp_path / "s", IDS[:2])
    before = contents(tmp_path / "s")
    with pytest.raises(DataError, match=next(iter(changes))):
        PredictionStore.create(tmp_path / "s", manifest(**changes))
    assert contents(tmp_path / "s") == before


def test_a_data_set_that_has_moved_is_followed(tmp_path: Path) -> None:
    fill(tmp_path / "s", IDS[:2])
    with PredictionStore.create(tmp_path / "s", manifest(root="/moved")) as store:
        assert store.num_done == 2
    assert PredictionStore.open(tmp_path / "s").manifest.root == "/moved"


def test_a_folder_with_other_things_is_not_a_store(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(DataError, match=r"thesis\.tex"):
        PredictionStore.create(tmp_path, manifest())
    with pytest.raises(DataError, match=r"manifest\.json"):
        PredictionStore.open(tmp_path)


def test_a_manifest_that_makes_no_sense_lists_every_fault() -> None:
    with pytest.raises(ConfigError, match=r"unique.*19 classes.*interpolate"):
        manifest(image_ids=("a", "a"), class_set=CITYSCAPES_19, interpolate="cubic")


def test_a_torn_line_and_stray_files_do_not_count_and_are_swept(tmp_path: Path) -> None:
    fill(tmp_path / "whole")
    fill(tmp_path / "s", IDS[:4])
    index = tmp_path / "s" / "index-0.jsonl"
    index.write_bytes(index.read_bytes()[:-7])
    (tmp_path / "s" / "logits.zarr" / ".c.5.0.0.0.xyz.partial").write_bytes(b"half")
    (tmp_path / "s" / ".manifest.json.xyz.partial").write_bytes(b"half")
    (tmp_path / "s" / "logits.zarr" / "c.5.0.0.0").write_bytes(b"chunk without a line")
    store = PredictionStore.open(tmp_path / "s")
    assert store.num_done == 3
    assert not store.has(IDS[3])
    fill(tmp_path / "s")
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")


@pytest.mark.parametrize("damage", ["gone", "short"])
def test_a_chunk_that_was_lost_is_written_anew(tmp_path: Path, damage: str) -> None:
    fill(tmp_path / "whole")
    fill(tmp_path / "s")
    chunk = tmp_path / "s" / "logits.zarr" / "c.2.0.0.0"
    if damage == "gone":
        chunk.unlink()
    else:
        chunk.write_bytes(chunk.read_bytes()[:-1])
    with pytest.raises(DataError, match="extract"):
        PredictionStore.open(tmp_path / "s").read(IDS[2])
    fill(tmp_path / "s")
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")


def test_a_flipped_bit_is_found_on_reading(tmp_path: Path) -> None:
    fill(tmp_path / "s")
    chunk = tmp_path / "s" / "logits.zarr" / "c.2.0.0.0"
    data = bytearray(chunk.read_bytes())
    data[len(data) // 2] ^= 1
    chunk.write_bytes(data)
    with pytest.raises(DataError, match=r"c\.2\.0\.0\.0 was changed .* Delete this file and run the same"):
        PredictionStore.open(tmp_path / "s").read(IDS[2])
    chunk.unlink()
    fill(tmp_path / "s")
    fill(tmp_path / "whole")
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")


def test_a_damaged_manifest_or_index_is_a_sentence(tmp_path: Path) -> None:
    fill(tmp_path / "s")
    index = tmp_path / "s" / "index.jsonl"
    index.write_text("not json\n")
    with pytest.raises(DataError, match=r"index\.jsonl"):
        PredictionStore.open(tmp_path / "s")
    (tmp_path / "s" / "manifest.json").write_text("{}")
    with pytest.raises(DataError, match=r"manifest"):
        PredictionStore.open(tmp_path / "s")


def test_histograms_are_saved_once_complete_and_made_anew_when_they_do_not_fit(tmp_path: Path) -> None:
    fill(tmp_path / "s")
    saved = (tmp_path / "s" / "histograms.npz").read_bytes()
    expected = PredictionStore.open(tmp_path / "s").histogram().counts
    for break_it in (
        lambda: (tmp_path / "s" / "histograms.npz").unlink(),
        lambda: (tmp_path / "s" / "histograms.npz").write_bytes(saved[:100]),
        lambda: (tmp_path / "s" / "histograms.json").write_text('{"store_hash": "of another", "sha256": ""}'),
    ):
        break_it()
        np.testing.assert_array_equal(PredictionStore.open(tmp_path / "s").histogram().counts, expected)
        assert (tmp_path / "s" / "histograms.npz").read_bytes() == saved


def test_a_complete_store_without_histograms_is_counted_image_by_image(tmp_path: Path) -> None:
    fill(tmp_path / "s")
    expected = PredictionStore.open(tmp_path / "s").histogram().counts
    (tmp_path / "s" / "histograms.npz").unlink()
    store = PredictionStore.open(tmp_path / "s")
    assert store.uncounted() == list(IDS)
    assert (store.num_counted, int(store.counted()[0].counts.sum())) == (0, 0)
    for k, image_id in enumerate(IDS, start=1):
        assert not (tmp_path / "s" / "histograms.npz").exists()
        store.count(image_id)
        store.count(image_id, store.maps(image_id))  # twice is once
        assert store.num_counted == k
    np.testing.assert_array_equal(store.counted()[0].counts, expected)
    assert (tmp_path / "s" / "histograms.npz").exists()
    assert store.uncounted() == []


def test_the_histogram_of_a_growing_store_follows_it(tmp_path: Path) -> None:
    pixels = MAP_SIZE[0] * MAP_SIZE[1]
    with PredictionStore.create(tmp_path / "s", manifest()) as writer:
        reader = PredictionStore.open(tmp_path / "s")
        assert int(reader.histogram().counts.sum()) == 0
        for k, image_id in enumerate(IDS[:3], start=1):
            writer.write(image_id, logits(image_id))
            assert reader.refresh() == k
            assert int(reader.histogram().counts[1].sum()) == k * pixels
            np.testing.assert_array_equal(reader.histogram().counts, writer.histogram().counts)
        assert not (tmp_path / "s" / "histograms.npz").exists()


def test_the_hash_tells_logits_apart_but_not_places(tmp_path: Path) -> None:
    fill(tmp_path / "a")
    fill(tmp_path / "b")
    with PredictionStore.create(tmp_path / "c", manifest(root="/moved")) as store:
        for image_id in IDS:
            store.write(image_id, logits(image_id))
        assert store.store_hash == PredictionStore.open(tmp_path / "a").store_hash
    assert PredictionStore.open(tmp_path / "a").store_hash == PredictionStore.open(tmp_path / "b").store_hash
    with PredictionStore.create(tmp_path / "d", manifest()) as store:
        for image_id in IDS:
            store.write(image_id, logits(image_id) * 1.01)
        assert store.store_hash != PredictionStore.open(tmp_path / "a").store_hash


def test_a_second_writer_of_the_same_rank_is_refused(tmp_path: Path) -> None:
    with PredictionStore.create(tmp_path / "s", manifest()) as store:
        store.write(IDS[0], logits(IDS[0]))
        with pytest.raises(DataError, match="Only one process"):
            PredictionStore.open(tmp_path / "s").write(IDS[1], logits(IDS[1]))


def test_ranks_side_by_side_leave_the_bytes_of_one_process(tmp_path: Path) -> None:
    fill(tmp_path / "whole")
    context = multiprocessing.get_context("spawn")
    ranks = [context.Process(target=fill, args=(tmp_path / "s", IDS[r::3], r, 3)) for r in range(3)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join()
        assert process.exitcode == 0
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")


def test_another_number_of_ranks_may_go_on(tmp_path: Path) -> None:
    fill(tmp_path / "whole")
    fill(tmp_path / "s", IDS[1:2], rank=1, world=3)
    fill(tmp_path / "s", IDS[2:3], rank=2, world=3)
    fill(tmp_path / "s")
    assert contents(tmp_path / "s") == contents(tmp_path / "whole")


def test_a_rank_leaves_the_files_of_others_alone(tmp_path: Path) -> None:
    fill(tmp_path / "s", IDS[1:2], rank=1, world=2)
    half = tmp_path / "s" / "logits.zarr" / ".c.3.0.0.0.xyz.partial"
    half.write_bytes(b"rank 1 is at it")
    with PredictionStore.create(tmp_path / "s", manifest(), rank=0, world=2) as store:
        store.write(IDS[0], logits(IDS[0]))
        with pytest.raises(DataError, match="rank"):
            store.write(IDS[3], logits(IDS[3]))
    assert half.exists()


def test_stores_are_read_and_written_without_torch() -> None:
    code = "import sys, esl.store.predictions; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_index_is_one_line_per_image_in_order(tmp_path: Path) -> None:
    fill(tmp_path / "s", IDS[::-1])
    lines = (tmp_path / "s" / "index.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == list(IDS)
    assert sorted(p.name for p in (tmp_path / "s").iterdir()) == [
        "histograms.json", "histograms.npz", "index.jsonl", "logits.zarr", "manifest.json",
    ]  # fmt: skip


def test_a_slider_that_asks_again_and_again_reads_and_hashes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path / "s")
    store = PredictionStore.open(tmp_path / "s")
    first = store.histogram()
    for name in ("to_line", "from_line"):
        monkeypatch.delattr(ChunkEntry, name)
    assert store.histogram() is first
