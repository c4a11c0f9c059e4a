"""The cache gives what the data set gives, bit for bit, and never what is stale or damaged."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from esl.data.dataset import PairDataset
from esl.data.opening import open_dataset
from esl.data.resized_cache import CachedImages
from esl.errors import DataError
from esl.images import write_png
from tests.unit.data.trees import id_map, make_mapillary, photo

SIZE = (12, 18)


@pytest.fixture
def pairs(tmp_path: Path) -> PairDataset:
    for number in range(3):
        write_png(tmp_path / f"data/images/a/{number}.png", photo(number))
        write_png(tmp_path / f"data/labels/a/{number}.png", id_map(list(range(19)), number))
    (tmp_path / "data/dataset.toml").write_text('class_set = "cityscapes19"')
    return open_dataset("folder", tmp_path / "data", "all")


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Images decoded, in order."""
    seen: list[str] = []
    read = PairDataset.read_image

    def counted(self: PairDataset, image_id: str):  # type: ignore[no-untyped-def]
        seen.append(image_id)
        return read(self, image_id)

    monkeypatch.setattr(PairDataset, "read_image", counted)
    return seen


def entries(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.rgb"))


def test_the_second_reading_decodes_nothing_and_is_bit_equal(
    pairs: PairDataset, tmp_path: Path, reads: list[str]
) -> None:
    cached = CachedImages(pairs, tmp_path / "cache")
    for size in (SIZE, (30, 20)):
        for image_id in pairs.image_ids:
            wanted, valid = pairs.read_input(image_id, size)
            first, second = (
                cached.read_input(image_id, size),
                pickle.loads(pickle.dumps(cached)).read_input(image_id, size),
            )
            for image, region in (first, second):
                np.testing.assert_array_equal(image, wanted)
                assert region == valid
                assert image.flags.writeable
    assert len(reads) == 2 * 3 * 2, "once for the comparison, once into the cache"
    assert len(entries(tmp_path / "cache")) == 6
    assert (cached.name, cached.image_ids) == (pairs.name, pairs.image_ids)
    np.testing.assert_array_equal(
        cached.read_label(pairs.image_ids[0], SIZE), pairs.read_label(pairs.image_ids[0], SIZE)
    )


def test_padding_is_remembered(tmp_path: Path) -> None:
    make_mapillary(tmp_path / "data")
    pairs = open_dataset("mapillary", tmp_path / "data", "train")
    cached = CachedImages(pairs, tmp_path / "cache")
    for image_id in pairs.image_ids:
        wanted, valid = pairs.read_input(image_id, (18, 24))
        for _ in range(2):
            image, region = cached.read_input(image_id, (18, 24))
            np.testing.assert_array_equal(image, wanted)
            assert region == valid


def test_a_changed_image_is_decoded_anew(pairs: PairDataset, tmp_path: Path, reads: list[str]) -> None:
    cached, image_id = CachedImages(pairs, tmp_path / "cache"), pairs.image_ids[0]
    cached.read_input(image_id, SIZE)
    path = pairs.sample(image_id).image_path
    write_png(path, photo(77))
    os.utime(path, ns=(1, 1))
    np.testing.assert_array_equal(cached.read_input(image_id, SIZE)[0], pairs.read_input(image_id, SIZE)[0])
    path.unlink()
    with pytest.raises(DataError, match="readable file"):
        cached.read_input(image_id, SIZE)


@pytest.mark.parametrize("damage", ["flipped", "cut", "longer", "empty", "magic"])
def test_a_damaged_entry_is_made_anew(pairs: PairDataset, tmp_path: Path, reads: list[str], damage: str) -> None:
    cached, image_id = CachedImages(pairs, tmp_path / "cache"), pairs.image_ids[0]
    wanted, _ = cached.read_input(image_id, SIZE)
    (entry,) = entries(tmp_path / "cache")
    data = entry.read_bytes()
    entry.write_bytes(
        {
            "flipped": data[:-1] + bytes([data[-1] ^ 1]), "cut": data[:-1], "longer": data + b"x", "empty": b"",
            "magic": b"ESLRGB00" + data[8:],
        }[damage]
    )  # fmt: skip
    np.testing.assert_array_equal(cached.read_input(image_id, SIZE)[0], wanted)
    assert len(reads) == 2
    assert entry.read_bytes() == data


def test_a_cache_that_cannot_be_written_is_done_without(pairs: PairDataset, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    cached = CachedImages(pairs, tmp_path / "cache")
    for _ in range(2):
        image, _ = cached.read_input(pairs.image_ids[0], SIZE)
        np.testing.assert_array_equal(image, pairs.read_input(pairs.image_ids[0], SIZE)[0])
