"""Your own folder: images, labels where there are any, and a description that is checked."""

from pathlib import Path

import numpy as np
import pytest

from esl.classes import IGNORE
from esl.data.opening import open_dataset
from esl.errors import ConfigError, DataError
from esl.images import write_png
from esl.pipelines.data_check import data_check
from tests.unit.data.trees import id_map, photo

DESCRIPTION = """
name = "yard"
classes = ["road", "car"]
colors = [[1, 2, 3], [4, 5, 6]]
[ids]
7 = "road"
26 = "car"
0 = "ignore"
[splits]
small = "small.txt"
"""


@pytest.fixture
def yard(tmp_path: Path) -> Path:
    for number, name in enumerate(("train/a", "train/b", "val/c")):
        write_png(tmp_path / f"images/{name}.png", photo(number))
        write_png(tmp_path / f"labels/{name}.png", id_map([0, 7, 26]))
    (tmp_path / "dataset.toml").write_text(DESCRIPTION)
    (tmp_path / "small.txt").write_text("\ufeff# two\nval/c.png\ntrain/a.png\n", encoding="utf-8")
    return tmp_path


def test_splits_are_folders_lists_or_everything(yard: Path) -> None:
    assert open_dataset("folder", yard, "train").image_ids == ("train/a.png", "train/b.png")
    assert open_dataset("folder", yard, "small").image_ids == ("val/c.png", "train/a.png")
    assert len(open_dataset("folder", yard, "all")) == 3
    with pytest.raises(DataError, match="all, small, train, val"):
        open_dataset("folder", yard, "test")


def test_ids_and_colours_come_from_the_description(yard: Path) -> None:
    dataset = open_dataset("folder", yard, "train")
    assert dataset.class_set.names == ("road", "car")
    assert dataset.class_set.colors[1] == (4, 5, 6)
    assert set(np.unique(dataset.read_label("train/a.png")).tolist()) == {0, 1, IGNORE}
    write_png(yard / "labels/train/a.png", id_map([7, 3]))
    with pytest.raises(DataError, match="also holds ids 3"):
        dataset.read_label("train/a.png")


def test_images_without_labels_need_no_more_than_a_class_set(tmp_path: Path) -> None:
    write_png(tmp_path / "images/a.png", photo(0))
    dataset = open_dataset("folder", tmp_path, "all", "cityscapes19")
    assert not dataset.has_label("a.png")
    with pytest.raises(ConfigError, match="must say its classes"):
        open_dataset("folder", tmp_path, "all")


def test_a_built_in_set_and_other_names_of_files(tmp_path: Path) -> None:
    write_png(tmp_path / "photos/x_rgb.png", photo(0))
    write_png(tmp_path / "photos/x_depth.png", photo(1))
    write_png(tmp_path / "truth/x_ids.png", id_map([7, 8, 33]))
    (tmp_path / "dataset.toml").write_text(
        'class_set = "cityscapes19"\nlabel_format = "cityscapes"\n'
        '[files]\nimages = "photos"\nlabels = "truth"\nimage_ending = "_rgb.png"\nlabel_ending = "_ids.png"\n'
    )
    dataset = open_dataset("folder", tmp_path, "all")
    assert dataset.image_ids == ("x_rgb.png",)
    assert set(np.unique(dataset.read_label("x_rgb.png")).tolist()) == {0, 1, 18}


def ids_read(root: Path, classes: str, label_format: str | None = None) -> list[int]:
    dataset = open_dataset("folder", root, "train", classes, label_format=label_format)
    assert dataset.class_set.name == classes
    return [int(i) for i in np.unique(dataset.read_label("train/a.png"))]


def test_a_class_set_asked_for_finds_the_folders_classes_by_name(yard: Path) -> None:
    assert ids_read(yard, "cityscapes19") == [0, 13, IGNORE]  # road and car
    assert ids_read(yard, "cityscapes13") == [0, 9, IGNORE]
    assert ids_read(yard, "cityscapes19", "cityscapes") == [0, 13, IGNORE], "who names a format means that one"
    again = open_dataset("folder", yard, "train", "cityscapes19", label_format="folder")
    assert again.label_format == "folder", "as a store recorded it"
    (yard / "dataset.toml").write_text('classes = ["car", "road"]')
    write_png(yard / "labels/train/a.png", id_map([0, 1, 255]))
    assert ids_read(yard, "cityscapes19") == [0, 13, IGNORE], "without [ids] they count the classes"


def test_ids_are_what_they_say_under_a_built_in_set_and_under_none(yard: Path) -> None:
    for classes in ('class_set = "cityscapes19"\n', ""):
        (yard / "dataset.toml").write_text(classes + '[ids]\n7 = "sky"\n26 = "car"\n0 = "ignore"\n')
        assert ids_read(yard, "cityscapes19") == [10, 13, IGNORE]


@pytest.mark.parametrize(
    ("about", "asked", "read"),
    [
        ('class_set = "cityscapes19"', "cityscapes16", [9, 12, IGNORE]),  # sky, car; 9 is terrain, which 16 lacks
        ('class_set = "cityscapes16"', "cityscapes19", [10, 11, 15]),
        ('class_set = "cityscapes19"\nlabel_format = "gta5"', "cityscapes7", [1, 3, IGNORE]),
    ],
)
def test_another_built_in_set_than_the_files_reads_the_same_classes(
    yard: Path, about: str, asked: str, read: list[int]
) -> None:
    (yard / "dataset.toml").write_text(about)
    ids = {"cityscapes16": [9, 10, 13], "cityscapes19": [9, 10, 13], "cityscapes7": [0, 11, 21]}[asked]
    write_png(yard / "labels/train/a.png", id_map(ids))
    assert ids_read(yard, asked) == read


def test_classes_that_the_set_asked_for_lacks_are_named_when_a_label_is_read(yard: Path) -> None:
    (yard / "dataset.toml").write_text('classes = ["road", "tree", "bush"]')
    dataset = open_dataset("folder", yard, "train", "cityscapes19")
    assert dataset.read_image("train/a.png").shape == (24, 32, 3), "images need no classes"
    with pytest.raises(
        DataError, match=r"must be among those asked for, cityscapes19 .*dataset\.toml also has tree, bush\."
    ):
        dataset.read_label("train/a.png")
    report = data_check("folder", yard, "train", class_set_name="cityscapes19")
    assert [f.check for f in report.faults] == ["ids"]
    assert "also has tree, bush" in report.faults[0].message
    (yard / "dataset.toml").write_text('class_set = "cityscapes19"')
    with pytest.raises(DataError, match="also has road, sidewalk"):
        open_dataset("folder", yard, "train", "cityscapes7").read_label("train/a.png")


@pytest.mark.parametrize("count", [2, 40, 255])
def test_without_colours_each_class_gets_one_of_its_own(tmp_path: Path, count: int) -> None:
    write_png(tmp_path / "images/a.png", photo(0))
    (tmp_path / "dataset.toml").write_text(f"classes = {[f'c{i}' for i in range(count)]}")
    colors = open_dataset("folder", tmp_path, "all").class_set.colors
    assert len(set(colors)) == count


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("classes = [", "valid TOML"),
        ('classes = ["a", "b"]\nclases = 1\n[files]\nimage = "x"', "unknown key 'clases'; unknown key 'image'"),
        ('classes = ["a", "b"]\nids = 3', "ids must be a table"),
        ('classes = ["a", "b"]\n[ids]\n300 = "a"', "0..255"),
        ('classes = ["a", "b"]\n[ids]\n3 = "tree"', "classes are a, b"),
        ('classes = ["a", "b"]\ncolors = [[1, 2], [3, 4]]', "triples"),
        ('classes = ["a", "b"]\ncolors = [[1, 2, 300], [3, 4, 5]]', "triples"),
        ('classes = "a"', "must say its classes"),
        ('classes = ["a"]', "2 to 255 classes"),
        ('classes = ["a", "a", "c"]', "has a more than once"),
        ('classes = ["a", "b"]\nname = "camvid11"', "Only camvid11 itself"),
        ('class_set = "cities"', "must be one of"),
    ],
)
def test_a_wrong_description_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    write_png(tmp_path / "images/a.png", photo(0))
    (tmp_path / "dataset.toml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        open_dataset("folder", tmp_path, "all")


def test_names_that_would_collide_or_leave_the_folder_are_refused(yard: Path) -> None:
    (yard / "small.txt").write_text("../secret.png\n")
    with pytest.raises(DataError, match="below its folder"):
        open_dataset("folder", yard, "small")
    write_png(yard / "images/train/A.png", photo(9))
    with pytest.raises(DataError, match=r"name of its own.*train/A\.png, train/a\.png"):
        open_dataset("folder", yard, "train")


def test_a_byte_order_mark_before_the_description_is_no_part_of_it(yard: Path) -> None:
    (yard / "dataset.toml").write_text("\ufeff" + DESCRIPTION, encoding="utf-8")
    assert open_dataset("folder", yard, "train").class_set.name == "yard"


def test_hidden_files_are_no_images(yard: Path) -> None:
    (yard / "images/train/._a.png").write_bytes(b"resource fork")
    (yard / "images/train/Thumbs.db").write_bytes(b"")
    assert len(open_dataset("folder", yard, "train")) == 2
