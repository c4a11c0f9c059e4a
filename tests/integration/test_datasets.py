"""Real files in the formats of the published data sets are read, or refused for what is wrong with them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from esl.classes import CITYSCAPES_19, IGNORE
from esl.data.camvid import NUM_IMAGES
from esl.data.opening import open_dataset
from esl.errors import DataError
from esl.images import read_ids, write_png
from esl.pipelines.data_check import data_check


@pytest.fixture
def sample_folder(shared_data: Path) -> Callable[[str], Path]:
    def find(name: str) -> Path:
        path = shared_data / "samples" / name
        if not path.is_dir():
            pytest.skip(f"no real sample at {path}")
        return path

    return find


def test_gta5_frames_are_read_at_their_odd_sizes(sample_folder: Callable[[str], Path], tmp_path: Path) -> None:
    shutil.copytree(sample_folder("gta5"), tmp_path / "images")
    dataset = open_dataset("gta5", tmp_path, "train")
    shapes = {image_id: dataset.read_image(image_id).shape for image_id in dataset.image_ids}
    assert shapes == {"09903.png": (1052, 1914, 3), "24541.png": (1046, 1914, 3)}
    image, valid = dataset.read_input("24541.png", (720, 1280))
    assert image.shape == (720, 1280, 3)
    assert valid == (720, 1280)
    assert not dataset.has_label("24541.png")


def test_cityscapes_pair_agrees_between_label_ids_and_train_ids(sample_folder: Callable[[str], Path]) -> None:
    root = sample_folder("cityscapes")
    by_ids = open_dataset("cityscapes", root, "val")
    by_train_ids = open_dataset("cityscapes", root, "val", label_format="train_ids")
    (only,) = by_ids.image_ids
    assert by_ids.read_image(only).shape == (128, 256, 3)
    # The sample's two files were made small one by one, so a few pixels at edges (77 of 32,768) are of either class.
    assert (by_ids.read_label(only) == by_train_ids.read_label(only)).mean() > 0.997
    instances = by_ids.sample(only).label_path
    assert instances is not None
    with pytest.raises(DataError, match="16-bit 1-channel PNG"):
        read_ids(str(instances).replace("labelIds", "instanceIds"))


def test_carla_ids_need_their_own_map(sample_folder: Callable[[str], Path], tmp_path: Path) -> None:
    """Ids are train id + 1 with 0 = unlabelled, and more above 19; a folder's description says so."""
    source = sample_folder("carla")
    for folder, ending in (("images", "_img.png"), ("labels", "_labelIds.png")):
        (tmp_path / folder).mkdir()
        (path,) = source.glob(f"*{ending}")
        shutil.copy(path, tmp_path / folder)
    files = '[files]\nimage_ending = "_img.png"\nlabel_ending = "_labelIds.png"\n'
    (tmp_path / "dataset.toml").write_text('class_set = "cityscapes19"\n' + files)
    with pytest.raises(DataError, match="ids 20, 21, 22, 23, 24"):
        open_dataset("folder", tmp_path, "all").read_label("Town10HD_000033_5026200_img.png")
    names = list(CITYSCAPES_19.names)
    ids = [f'{i + 1} = "{name}"' for i, name in enumerate(names)] + [f'{i} = "ignore"' for i in (0, *range(20, 29))]
    (tmp_path / "dataset.toml").write_text(f"classes = {names}\n{files}[ids]\n" + "\n".join(ids))
    dataset = open_dataset("folder", tmp_path, "all")
    label = dataset.read_label(dataset.image_ids[0])
    assert label.shape == (1024, 2048)
    assert set(np.unique(label).tolist()) == {0, 1, 2, 5, 7, 8, 9, 10, 11, 13, 17, IGNORE}
    assert data_check("folder", tmp_path, "all", full=True).is_sound


def test_a_kitti_label_of_another_size_is_refused(sample_folder: Callable[[str], Path], tmp_path: Path) -> None:
    source = sample_folder("kitti")
    for folder, name in (("images", "image_000000_10.png"), ("labels", "label_000000_10.png")):
        (tmp_path / folder).mkdir()
        shutil.copy(source / name, tmp_path / folder / "000000_10.png")
    (tmp_path / "dataset.toml").write_text('class_set = "cityscapes19"\nlabel_format = "cityscapes"\n')
    dataset = open_dataset("folder", tmp_path, "all")
    with pytest.raises(DataError, match=r"expected \(370, 1224\).*got \(375, 1242\) in .*000000_10\.png"):
        dataset.read_label("000000_10.png", (185, 612))
    assert [f.check for f in data_check("folder", tmp_path, "all").faults] == ["size"]


def test_camvid_has_the_frames_its_lists_name(shared_data: Path) -> None:
    root = shared_data / "camvid"
    if not root.is_dir():
        pytest.skip(f"no CamVid at {root}")
    for split, count in NUM_IMAGES.items():
        assert len(open_dataset("camvid", root, split)) == count
    report = data_check("camvid", root, "dusk_train")
    assert report.is_sound, report.findings
    assert report.sizes == {"360x480": 62}
    assert set(open_dataset("camvid", root, "dusk_train").image_ids).isdisjoint(
        open_dataset("camvid", root, "dusk_test").image_ids
    )


def test_a_label_folder_that_must_not_be_entered_stays_closed(tmp_path: Path) -> None:
    """Everything but reading labels works where opening any file below `labels` is an error."""
    for i in range(3):
        write_png(tmp_path / f"images/{i}.png", np.full((8, 8, 3), i, np.uint8))
    (tmp_path / "labels").mkdir()
    for i in range(3):
        (tmp_path / f"labels/{i}.png").symlink_to(tmp_path / f"labels/{i}.png")  # whoever opens it fails: a loop
    dataset = open_dataset("folder", tmp_path, "all", "cityscapes19")
    for image_id in dataset.image_ids:
        dataset.read_input(image_id, (4, 4))
        assert not dataset.has_label(image_id)
    with pytest.raises(DataError, match="0.png"):
        dataset.read_label("0.png")
