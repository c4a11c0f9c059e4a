import hashlib
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from esl.classes import CITYSCAPES_19, IGNORE, class_set
from esl.data import demo
from esl.data.cityscapes import open_cityscapes
from esl.data.demo_canvas import Role
from esl.data.demo_palettes import DUSK, MIDDAY
from esl.data.demo_render import draw_label, render_source, render_target
from esl.data.demo_scene import build_scene
from esl.errors import ConfigError, DataError

SMALL = (128, 256)


@pytest.fixture
def short_splits(monkeypatch):
    short = {name: replace(split, count=3) for name, split in demo.DEMO_SPLITS.items()}
    monkeypatch.setattr(demo, "DEMO_SPLITS", short)
    return short


def test_a_seed_gives_the_same_bytes_in_another_process():
    script = (
        "import hashlib; from esl.data.demo import DEMO_SPLITS, draw_pair\n"
        "for n in ('source_train', 'target_val'):\n"
        "    print(*(hashlib.sha256(a.tobytes()).hexdigest() for a in draw_pair(DEMO_SPLITS[n], 7)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    pairs = [demo.draw_pair(demo.DEMO_SPLITS[name], 7) for name in ("source_train", "target_val")]
    here = [hashlib.sha256(array.tobytes()).hexdigest() for pair in pairs for array in pair]
    assert done.stdout.split() == here
    assert len(set(here)) == 4


def test_every_class_appears_again_and_again():
    images = 20
    seen = np.zeros(256, np.int64)
    for number in range(images):
        label = draw_label(build_scene((9, number)))
        counts = np.bincount(label.ravel(), minlength=256)
        seen += counts >= 60
    names = CITYSCAPES_19.names
    assert {names[c]: int(seen[c]) for c in range(19) if seen[c] < 0.2 * images} == {}
    assert seen[19:IGNORE].sum() == 0
    assert seen[IGNORE] > 0


def test_both_looks_show_one_geometry():
    scene = build_scene(3)
    noon, dusk, label = render_source(scene), render_target(scene, 3), draw_label(scene)
    assert noon.shape == dusk.shape == (*label.shape, 3) == (256, 512, 3)
    assert noon.dtype == dusk.dtype == label.dtype == np.uint8
    sky, road = label == CITYSCAPES_19.index("sky"), label == CITYSCAPES_19.index("road")
    for image in (noon, dusk):
        assert image[sky].mean() > image[road].mean()
    assert noon[sky].mean() - dusk[sky].mean() > 15
    flat = [np.abs(np.diff(image[200:, 100:400].astype(int), axis=1)).mean() for image in (noon, dusk)]
    assert flat[1] > 2 * flat[0]


def test_the_images_of_a_split_differ_and_splits_share_none():
    pictures = {demo.draw_pair(split, n, SMALL)[1].tobytes() for split in demo.DEMO_SPLITS.values() for n in range(4)}
    assert len(pictures) == 16


def test_each_surface_has_a_color_in_both_looks():
    assert set(MIDDAY) == set(DUSK) == set(Role)


def test_a_split_is_drawn_once_and_read_as_pairs(tmp_path, short_splits):
    first = demo.open_demo(tmp_path, "target_val")
    stamps = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.png")}
    again = demo.open_demo(tmp_path, "target_val")
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*.png")} == stamps
    assert len(stamps) == 9
    assert again.image_ids == first.image_ids
    image, label = demo.draw_pair(short_splits["target_val"], 2)
    assert (first.read_image(first.image_ids[2]) == image).all()
    assert (first.read_label(first.image_ids[2]) == label).all()
    assert [p.name for p in (tmp_path / "demo-v1-512x256").iterdir()] == ["target_val"]


def test_the_cache_lies_where_xdg_says(tmp_path, monkeypatch, short_splits):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert demo.open_demo(split="source_val").root.is_relative_to(tmp_path / "esl-inspector")


def test_many_may_open_a_split_at_once(tmp_path, short_splits):
    with ThreadPoolExecutor(4) as pool:
        opened = list(pool.map(lambda _: demo.open_demo(tmp_path, "target_val"), range(4)))
    for dataset in opened:
        assert dataset.read_label(dataset.image_ids[0]).shape == (256, 512)
    assert [p.name for p in (tmp_path / "demo-v1-512x256").iterdir()] == ["target_val"]


def test_nothing_is_left_of_a_split_that_could_not_be_drawn(tmp_path, short_splits, monkeypatch):
    def full_disk(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo, "_write_plainly", full_disk)
    with pytest.raises(DataError, match="No space left"):
        demo.open_demo(tmp_path, "target_val")
    assert list((tmp_path / "demo-v1-512x256").iterdir()) == []


def test_the_written_world_is_two_cityscapes_trees(tmp_path, short_splits):
    calls = []
    counts = demo.write_demo(
        tmp_path, size=SMALL, limit=2, progress=lambda done, total, note="": calls.append((done, total))
    )
    assert counts == dict.fromkeys(demo.DEMO_SPLITS, 2)
    assert calls == [(k, 8) for k in range(1, 9)]
    for domain in ("source", "target"):
        for part in ("train", "val"):
            by_ids = open_cityscapes(tmp_path / domain, part, CITYSCAPES_19)
            by_train_ids = open_cityscapes(tmp_path / domain, part, CITYSCAPES_19, "train_ids")
            assert by_ids.image_ids == by_train_ids.image_ids
            for image_id in by_ids.image_ids:
                assert by_ids.read_image(image_id).shape == (*SMALL, 3)
                assert (by_ids.read_label(image_id) == by_train_ids.read_label(image_id)).all()


def test_a_written_world_is_opened_where_it_lies(tmp_path, short_splits):
    demo.write_demo(tmp_path, splits=("target_val",))
    dataset = demo.open_demo(tmp_path, "target_val", class_set("cityscapes7"))
    assert dataset.root == tmp_path / "target"
    assert not (tmp_path / "demo-v1-512x256").exists()
    assert set(np.unique(dataset.read_label(dataset.image_ids[0]))) <= {*range(7), IGNORE}


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="target_val"):
        demo.open_demo(tmp_path, "val")
    with pytest.raises(ConfigError, match="32 pixels"):
        demo.write_demo(tmp_path, size=(8, 8))
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="writable"):
        demo.open_demo(tmp_path / "file", "target_val")
