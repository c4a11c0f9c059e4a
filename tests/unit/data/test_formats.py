"""Each format lists its pairs, and ids come out as the published tables say."""

import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from esl.classes import CITYSCAPES_7, CITYSCAPES_19, CLASS_SETS, IGNORE, class_set
from esl.data.mapillary import seven_class
from esl.data.opening import DATASETS, open_dataset
from esl.errors import ConfigError, DataError
from esl.images import read_ids, write_png
from tests.unit.data.trees import id_map, make_cityscapes, make_gta5, make_mapillary, make_synthia, photo

SETS = ("cityscapes19", "cityscapes16", "cityscapes13", "cityscapes7")


@pytest.mark.parametrize("classes", SETS)
@pytest.mark.parametrize(("name", "split"), [("cityscapes", "val"), ("gta5", "train"), ("synthia", "train")])
def test_labels_become_the_train_ids_of_the_table(tmp_path: Path, name: str, split: str, classes: str) -> None:
    {"cityscapes": make_cityscapes, "gta5": make_gta5, "synthia": make_synthia}[name](tmp_path)
    dataset = open_dataset(name, tmp_path, split, classes)
    table = class_set(classes).label_formats[name]
    for image_id in dataset.image_ids:
        label_path = dataset.sample(image_id).label_path
        assert label_path is not None
        ids = cv2.imread(str(label_path), cv2.IMREAD_UNCHANGED)[..., 2] if name == "synthia" else read_ids(label_path)
        expected = np.vectorize(table.__getitem__)(ids)
        assert np.array_equal(dataset.read_label(image_id), expected)
        assert dataset.read_image(image_id).shape[:2] == expected.shape


def test_official_synthia_labels_are_zeros_for_pillow_and_classes_for_us(tmp_path: Path) -> None:
    make_synthia(tmp_path)
    dataset = open_dataset("synthia", tmp_path, "train", "cityscapes16")
    path = dataset.sample("0000000.png").label_path
    assert path is not None
    assert not np.asarray(Image.open(path))[..., 0].any()
    label = dataset.read_label("0000000.png")
    assert set(np.unique(label).tolist()) == {*range(16), IGNORE}


@pytest.mark.parametrize("folder", ["GT/CLASSES", "GT/labels", "parsed_LABELS", "synthia_mapped_to_cityscapes"])
def test_synthia_copies_of_other_code_bases_give_the_same_labels(tmp_path: Path, folder: str) -> None:
    make_synthia(tmp_path / "official")
    make_synthia(tmp_path / "copy", labels=folder)
    official, copy = (open_dataset("synthia", tmp_path / name, "all") for name in ("official", "copy"))
    for image_id in official.image_ids:
        assert np.array_equal(official.read_label(image_id), copy.read_label(image_id))


def test_disagreements_between_code_bases_are_named_choices(tmp_path: Path) -> None:
    make_synthia(tmp_path)
    esl = open_dataset("synthia", tmp_path, "train", "cityscapes7")
    dada = open_dataset("synthia", tmp_path, "train", "cityscapes7", label_format="synthia_dada")
    path = esl.sample("0000000.png").label_path
    assert path is not None
    ids = read_ids(path, encoding="class_channel")
    flat, construction = CITYSCAPES_7.index("flat"), CITYSCAPES_7.index("construction")
    assert (esl.read_label("0000000.png")[ids == 22] == IGNORE).all()
    assert (dada.read_label("0000000.png")[ids == 22] == flat).all()
    assert (esl.read_label("0000000.png")[ids == 21] == construction).all()
    assert (dada.read_label("0000000.png")[ids == 21] == IGNORE).all()


def test_cityscapes_reads_label_ids_or_train_ids(tmp_path: Path) -> None:
    make_cityscapes(tmp_path)
    by_ids = open_dataset("cityscapes", tmp_path, "val")
    by_train_ids = open_dataset("cityscapes", tmp_path, "val", label_format="train_ids")
    first = by_ids.image_ids[0]
    assert first == "frankfurt/frankfurt_000000_000000_leftImg8bit.png"
    assert str(by_ids.sample(first).label_path).endswith("_gtFine_labelIds.png")
    assert set(np.unique(by_train_ids.read_label(first)).tolist()) == set(range(19))
    narrow = open_dataset("cityscapes", tmp_path, "val", "cityscapes16", label_format="train_ids")
    assert set(np.unique(narrow.read_label(first)).tolist()) == {*range(16), IGNORE}
    with pytest.raises(ConfigError, match="cityscapes7 must be read as cityscapes"):
        open_dataset("cityscapes", tmp_path, "val", "cityscapes7", label_format="train_ids")


def test_demo_videos_and_missing_ground_truth_read_without_labels(tmp_path: Path) -> None:
    write_png(tmp_path / "leftImg8bit/demoVideo/stuttgart_00/stuttgart_00_000000_000001_leftImg8bit.png", photo(1))
    dataset = open_dataset("cityscapes", tmp_path, "demoVideo")
    only = dataset.image_ids[0]
    assert not dataset.has_label(only)
    assert dataset.read_image(only).shape == (24, 32, 3)
    with pytest.raises(DataError, match="must have a label"):
        dataset.read_label(only)


def test_a_label_folder_that_nobody_may_enter_matters_only_to_who_reads_labels(tmp_path: Path) -> None:
    make_cityscapes(tmp_path)
    for path in (tmp_path / "gtFine" / "val").rglob("*.png"):
        path.write_bytes(b"not to be opened")
    dataset = open_dataset("cityscapes", tmp_path, "val")
    for image_id in dataset.image_ids:
        dataset.read_image(image_id)
    with pytest.raises(DataError, match="must be a PNG or JPEG"):
        dataset.read_label(dataset.image_ids[0])


@pytest.mark.parametrize("training", ["training", "train"])
@pytest.mark.parametrize("v2", [False, True])
def test_mapillary_keeps_the_aspect_ratio_and_pads(tmp_path: Path, training: str, v2: bool) -> None:
    make_mapillary(tmp_path, v2=v2, training=training)
    dataset = open_dataset("mapillary", tmp_path, "training")
    wide, tall = dataset.image_ids
    for image_id, expected in ((wide, (18, 24)), (tall, (18, 14))):
        image, valid = dataset.read_input(image_id, (18, 24))
        label = dataset.read_label(image_id, (18, 24))
        assert valid == expected
        assert image.shape == (18, 24, 3)
        assert not image[:, valid[1] :].any()
        assert (label[:, valid[1] :] == IGNORE).all()
        assert set(np.unique(label[:, : valid[1]]).tolist()) <= {*range(7), IGNORE}
    assert open_dataset("mapillary", tmp_path, "val").image_ids == ("vali000000000000000000.jpg",)


def test_a_padded_label_is_scored_where_its_image_lies(tmp_path: Path) -> None:
    make_mapillary(tmp_path)
    make_gta5(tmp_path)
    dataset = open_dataset("mapillary", tmp_path, "training")
    for image_id, own, padded in zip(dataset.image_ids, ((30, 40), (40, 30)), ((30, 40), (40, 51)), strict=True):
        label = dataset.read_scored_label(image_id, (18, 24))
        assert label.shape == padded
        assert np.array_equal(label[: own[0], : own[1]], dataset.read_label(image_id))
        assert (label[:, own[1] :] == IGNORE).all()
    assert open_dataset("gta5", tmp_path, "train").read_scored_label("00001.png", (10, 10)).shape == (24, 32)


def test_mapillary_v2_takes_its_classes_from_its_own_list(tmp_path: Path) -> None:
    make_mapillary(tmp_path, v2=True)
    dataset = open_dataset("mapillary", tmp_path, "training", label_format="mapillary_v2")
    path = dataset.sample(dataset.image_ids[0]).label_path
    assert path is not None
    assert "v2.0" in str(path)
    ids, label = read_ids(path), dataset.read_label(dataset.image_ids[0])
    for file_id, name in ((0, "flat"), (1, "sky"), (2, "vehicle")):
        assert (label[ids == file_id] == CITYSCAPES_7.index(name)).all()
    assert (label[ids >= 3] == IGNORE).all()
    assert pickle.loads(pickle.dumps(dataset)).class_set == dataset.class_set
    (tmp_path / "config_v2.0.json").write_text('{"labels": [{"name": "nature--sky"}]}')
    with pytest.raises(DataError, match=r"must name its 124 classes.*1 labels"):
        open_dataset("mapillary", tmp_path, "training", label_format="mapillary_v2")


# fmt: off
MAPILLARY_NAMES = ["animal--bird", "animal--ground-animal", "construction--barrier--curb", "construction--barrier--fence", "construction--barrier--guard-rail", "construction--barrier--other-barrier", "construction--barrier--wall", "construction--flat--bike-lane", "construction--flat--crosswalk-plain", "construction--flat--curb-cut", "construction--flat--parking", "construction--flat--pedestrian-area", "construction--flat--rail-track", "construction--flat--road", "construction--flat--service-lane", "construction--flat--sidewalk", "construction--structure--bridge", "construction--structure--building", "construction--structure--tunnel", "human--person", "human--rider--bicyclist", "human--rider--motorcyclist", "human--rider--other-rider", "marking--crosswalk-zebra", "marking--general", "nature--mountain", "nature--sand", "nature--sky", "nature--snow", "nature--terrain", "nature--vegetation", "nature--water", "object--banner", "object--bench", "object--bike-rack", "object--billboard", "object--catch-basin", "object--cctv-camera", "object--fire-hydrant", "object--junction-box", "object--mailbox", "object--manhole", "object--phone-booth", "object--pothole", "object--street-light", "object--support--pole", "object--support--traffic-sign-frame", "object--support--utility-pole", "object--traffic-light", "object--traffic-sign--back", "object--traffic-sign--front", "object--trash-can", "object--vehicle--bicycle", "object--vehicle--boat", "object--vehicle--bus", "object--vehicle--car", "object--vehicle--caravan", "object--vehicle--motorcycle", "object--vehicle--on-rails", "object--vehicle--other-vehicle", "object--vehicle--trailer", "object--vehicle--truck", "object--vehicle--wheeled-slow", "void--car-mount", "void--ego-vehicle", "void--unlabeled"]
# fmt: on


def test_the_rule_for_names_gives_the_published_table_of_the_66_classes() -> None:
    assert len(MAPILLARY_NAMES) == 66
    table = CITYSCAPES_7.label_formats["mapillary"]
    assert {i: seven_class(name, CITYSCAPES_7) for i, name in enumerate(MAPILLARY_NAMES)} == dict(table)


def test_labels_are_checked_against_their_image_before_they_are_resized(tmp_path: Path) -> None:
    make_gta5(tmp_path)
    dataset = open_dataset("gta5", tmp_path, "train")
    assert dataset.read_label("00002.png").shape == (22, 32)
    assert dataset.read_label("00002.png", (10, 10)).shape == (10, 10)
    write_png(tmp_path / "labels/00001.png", id_map([7], size=(10, 10)))
    with pytest.raises(DataError, match=r"expected \(24, 32\).*got \(10, 10\)"):
        dataset.read_label("00001.png", (10, 10))


def test_camvid_follows_its_lists(tmp_path: Path) -> None:
    for number, name in enumerate(("b", "a")):
        write_png(tmp_path / f"images/{name}.png", photo(number))
        write_png(tmp_path / f"labels/{name}.png", id_map(list(range(12))))
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/day_train.txt").write_text("b\na\n")
    dataset = open_dataset("camvid", tmp_path, "day_train")
    assert dataset.image_ids == ("b.png", "a.png")
    assert set(np.unique(dataset.read_label("a.png")).tolist()) == {*range(11), IGNORE}
    with pytest.raises(DataError, match="day_train"):
        open_dataset("camvid", tmp_path, "dusk")
    (tmp_path / "lists/day_train.txt").write_text("a\nmissing\n")
    with pytest.raises(DataError, match="lacks 1 of the 2.*missing"):
        open_dataset("camvid", tmp_path, "day_train")
    (tmp_path / "lists/day_train.txt").write_text("a\na\n")
    with pytest.raises(DataError, match="name of its own"):
        open_dataset("camvid", tmp_path, "day_train")


def test_a_whole_split_survives_pickling_for_worker_processes(tmp_path: Path) -> None:
    make_synthia(tmp_path)
    dataset = open_dataset("synthia", tmp_path, "train")
    copy = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(copy.read_label("0000001.png"), dataset.read_label("0000001.png"))


def test_wrong_names_splits_and_roots_are_one_sentence(tmp_path: Path) -> None:
    make_gta5(tmp_path / "gta")
    for arguments, message in (
        (("kitti", tmp_path, "train"), f"must be one of {', '.join(DATASETS)}"),
        (("gta5", None, "train"), "needs its folder; name it as the data folder"),
        (("gta5", tmp_path / "gta", "val"), "train or all"),
        (("mapillary", tmp_path, "night"), "training"),
        (("gta5", tmp_path / "gta", "train", "camvid11"), "must be one of cityscapes19"),
        (("cityscapes", tmp_path / "gta", "train"), "leftImg8bit/train does not exist.*holds images, labels"),
        (("gta5", tmp_path / "nowhere", "train"), "does not exist"),
    ):
        with pytest.raises((ConfigError, DataError), match=message) as caught:
            open_dataset(*arguments)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    (tmp_path / "empty/images").mkdir(parents=True)
    with pytest.raises(DataError, match="must hold images"):
        open_dataset("gta5", tmp_path / "empty", "train")
    with pytest.raises(DataError, match="has no 'x.png'"):
        open_dataset("gta5", tmp_path / "gta", "train").read_image("x.png")


def test_the_nineteen_classes_name_every_known_format() -> None:
    assert {"cityscapes", "gta5", "synthia", "train_ids"} <= set(CITYSCAPES_19.label_formats)
    assert all("train_ids" in s.label_formats for s in CLASS_SETS.values())
