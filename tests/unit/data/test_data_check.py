"""The doctor finds what is wrong, says where, and is quick."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from esl.data.cityscapes import CITIES, NUM_IMAGES
from esl.images import write_png
from esl.pipelines.data_check import DataReport, data_check
from tests.unit.data.trees import id_map, make_cityscapes, make_gta5, make_mapillary, make_synthia, photo, write_palette


def faults(report: DataReport) -> dict[str, str]:
    return {f.check: f.message for f in report.faults}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(5):
        write_png(tmp_path / f"images/{number}.png", photo(number))
        write_png(tmp_path / f"labels/{number}.png", id_map(list(range(19)), number))
    (tmp_path / "dataset.toml").write_text('class_set = "cityscapes19"')
    return tmp_path


def test_published_counts_add_up() -> None:
    for split, cities in CITIES.items():
        assert sum(cities.values()) == NUM_IMAGES[split]


@pytest.mark.parametrize("full", [False, True])
def test_a_sound_folder_is_sound(folder: Path, full: bool) -> None:
    seen: list[tuple[int, int]] = []
    report = data_check(
        "folder", folder, "all", full=full, sha256=True, progress=lambda d, t, note="": seen.append((d, t))
    )
    assert report.is_sound, report.findings
    assert report.exit_code == 0
    assert (report.num_images, report.num_labels, report.num_labels_decoded) == (5, 5, 5)
    assert report.class_pixels["road"] == sum(int((id_map(list(range(19)), n) == 0).sum()) for n in range(5))
    assert set(report.ids) == {str(i) for i in range(19)}
    assert len(report.sha256) == 10
    assert seen[-1] == (seen[-1][1], seen[-1][1])
    assert [d for d, _ in seen] == sorted(d for d, _ in seen)
    assert json.loads(json.dumps(report.to_json()))["is_sound"] is True
    assert "Nothing is wrong" in report.to_text()


def test_a_missing_city_is_named(tmp_path: Path) -> None:
    make_cityscapes(tmp_path, cities=("frankfurt", "munster"))
    report = data_check("cityscapes", tmp_path, "val")
    assert report.exit_code == 1
    assert any("lindau must have 59 images; 0 are there" in f.message for f in report.faults)
    assert "500 images; 4 are there" in faults(report)["count"]
    assert not report.stops_a_run, "a part of a data set can still be trained on"


def test_a_truncated_png_is_found_by_its_end(folder: Path) -> None:
    for name in ("images/1.png", "labels/2.png"):
        (folder / name).write_bytes((folder / name).read_bytes()[:-40])
    report = data_check("folder", folder, "all")
    (finding,) = report.faults
    assert finding.check == "truncated"
    assert [Path(f).name for f in finding.files] == ["1.png", "2.png"]
    assert report.stops_a_run


def test_damage_inside_a_file_needs_the_full_form(folder: Path) -> None:
    data = bytearray((folder / "images/1.png").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "images/1.png").write_bytes(bytes(data))
    assert data_check("folder", folder, "all").is_sound
    assert "1.png" in faults(data_check("folder", folder, "all", full=True))["unreadable"]


def test_a_label_of_another_size_is_found(folder: Path) -> None:
    write_png(folder / "labels/3.png", id_map([1, 2], size=(12, 16)))
    assert "3.png is (12, 16), its image (24, 32)" in faults(data_check("folder", folder, "all"))["size"]


def test_raw_label_ids_where_train_ids_belong_are_found(folder: Path) -> None:
    for number in range(5):
        write_png(folder / f"labels/{number}.png", id_map(list(range(34)), number))
    message = faults(data_check("folder", folder, "all"))["ids"]
    assert "[19, 20, 21" in message
    assert "look like label ids" in message


def test_train_ids_where_label_ids_belong_are_found(tmp_path: Path) -> None:
    make_cityscapes(tmp_path)
    for path in (tmp_path / "gtFine").rglob("*_labelIds.png"):
        shutil.copy(str(path).replace("labelIds", "labelTrainIds"), path)
    assert "look like train ids" in faults(data_check("cityscapes", tmp_path, "val"))["kind"]


@pytest.fixture
def memory_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: 50,000 tiny files cost a disk its patience."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=shared) as name:
        yield Path(name)


@pytest.mark.slow
def test_gta5_with_some_images_missing_is_found(memory_path: Path) -> None:
    make_gta5(memory_path, count=1)
    first = {folder: (memory_path / folder / "00001.png").read_bytes() for folder in ("images", "labels")}
    for folder, data in first.items():
        for number in range(2, 24967):
            if number % 1000 != 500:
                # A few bytes after a PNG's end are harmless and keep the files from being copies of each other.
                (memory_path / folder / f"{number:05d}.png").write_bytes(data + b"%d" % number)
    report = data_check("gta5", memory_path, "train")
    assert report.num_images == 24941
    (finding,) = report.faults
    assert "24966 images; 24941 are there" in finding.message
    assert finding.files[:2] == ("00500.png", "01500.png")
    assert report.num_labels_decoded == 200


def test_empty_labels_of_synthia_are_found(tmp_path: Path) -> None:
    make_synthia(tmp_path)
    shutil.rmtree(tmp_path / "GT/LABELS")
    assert "does not exist" in faults(data_check("synthia", tmp_path, "train"))["label"]
    (tmp_path / "GT/LABELS").mkdir(parents=True)
    report = data_check("synthia", tmp_path, "train")
    assert "LABELS is empty" in faults(report)["label"]
    assert report.stops_a_run


def test_labels_saved_through_pillow_are_all_zero_and_found(tmp_path: Path) -> None:
    make_synthia(tmp_path, labels="parsed_LABELS")
    for path in (tmp_path / "parsed_LABELS").iterdir():
        write_png(path, np.zeros((24, 32), np.uint8))
    assert "single id ([0])" in faults(data_check("synthia", tmp_path, "train"))["ids"]


def test_a_target_without_labels_is_worth_a_note_only(tmp_path: Path) -> None:
    make_cityscapes(tmp_path)
    shutil.rmtree(tmp_path / "gtFine")
    report = data_check("cityscapes", tmp_path, "val")
    assert not report.stops_a_run
    assert any(f.check == "label" and f.level == "note" for f in report.findings)
    make_cityscapes(tmp_path)
    next((tmp_path / "gtFine").rglob("*_labelIds.png")).unlink()
    assert "1 of 6 images have no label" in faults(data_check("cityscapes", tmp_path, "val"))["label"]


def test_copies_of_an_image_are_found(folder: Path) -> None:
    shutil.copy(folder / "images/0.png", folder / "images/4.png")
    assert "0.png and 4.png" in faults(data_check("folder", folder, "all"))["duplicate"]


def test_labels_of_another_depth_are_found(tmp_path: Path) -> None:
    make_gta5(tmp_path)
    write_png(tmp_path / "labels/00001.png", id_map([7, 26]).astype(np.uint16))
    write_png(tmp_path / "images/00003.png", np.full((24, 32), 9, np.uint16))
    messages = [f.message for f in data_check("gta5", tmp_path, "train").faults if f.check == "depth"]
    assert "16-bit 1-channel PNG" in messages[0]
    assert "00003.png" in messages[1]


def test_a_wrong_folder_is_recognised(tmp_path: Path) -> None:
    make_cityscapes(tmp_path / "sets/cs")
    make_synthia(tmp_path / "sets/syn")
    make_mapillary(tmp_path / "sets/map")
    for name, split, inner in (("cityscapes", "val", "cs"), ("synthia", "train", "syn"), ("mapillary", "val", "map")):
        for wrong in (tmp_path / "sets", tmp_path / "sets" / inner / "unknown"):
            report = data_check(name, wrong, split)
            assert f"The root is probably {tmp_path / 'sets' / inner}." in faults(report)["folder"]
            assert report.exit_code == 1
    assert "looks like synthia" in faults(data_check("cityscapes", tmp_path / "sets/syn", "val"))["folder"]


def test_nothing_else_is_recognised_where_the_layout_is_right_or_the_root_is_no_folder(tmp_path: Path) -> None:
    own = tmp_path / "own"
    for number, name in enumerate(("a.png", "A.png")):
        write_png(own / "images" / name, photo(number))
    (own / "dataset.toml").write_text('class_set = "cityscapes19"\n[splits]\nday = "gone.txt"')
    message = faults(data_check("folder", own, "all"))["folder"]
    assert "has A.png, a.png (names must differ by more than case and ending)" in message
    make_gta5(tmp_path / "games")
    make_cityscapes(tmp_path / "streets")
    make_gta5(tmp_path / "streets/games")
    told = [
        message,
        faults(data_check("folder", own, "day"))["folder"],
        faults(data_check("folder", own / "dataset.toml", "all"))["folder"],
        faults(data_check("cityscapes", tmp_path / "gone", "val"))["folder"],
        faults(data_check("cityscapes", tmp_path / "streets", "train"))["folder"],
    ]
    assert not [sentence for sentence in told if "looks like" in sentence]
    assert "looks like gta5" in faults(data_check("cityscapes", tmp_path / "games", "val"))["folder"]


def test_an_unusual_size_is_noted_with_a_guess(tmp_path: Path) -> None:
    make_gta5(tmp_path)
    for number in range(1, 4):
        write_png(tmp_path / f"images/{number:05d}.png", np.full((760, 1280, 3), number, np.uint8))
        write_palette(tmp_path / f"labels/{number:05d}.png", np.resize(np.array([7, 8, 26], np.uint8), (760, 1280)))
    assert any("synthia has this size" in f.message for f in data_check("gta5", tmp_path, "train").findings)
