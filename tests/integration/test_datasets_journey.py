"""Tiny trees in the official layouts go from training to a score, for each class set."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from esl.config import AugmentConfig, DataConfig, SelectionConfig
from esl.data.opening import open_dataset
from esl.labeling.thresholds import ThresholdRule
from esl.pipelines.audit import audit_store
from esl.pipelines.data_check import data_check
from esl.pipelines.evaluate import evaluate_checkpoint, evaluate_store
from esl.pipelines.extract import extract
from esl.pipelines.train import train
from tests.integration.training_world import tiny_config
from tests.unit.data.trees import make_cityscapes, make_gta5, make_mapillary, make_synthia

JOURNEYS = (
    ("gta5", "cityscapes", "cityscapes19"),
    ("synthia", "cityscapes", "cityscapes16"),
    ("synthia", "cityscapes", "cityscapes13"),
    ("synthia", "mapillary", "cityscapes7"),
    ("gta5", "mapillary", "cityscapes7"),
)
MAKE = {"gta5": make_gta5, "synthia": make_synthia, "cityscapes": make_cityscapes, "mapillary": make_mapillary}
SPLITS = {"cityscapes": "val", "mapillary": "validation"}


@pytest.mark.slow
@pytest.mark.parametrize(("source", "target", "classes"), JOURNEYS)
def test_from_official_files_to_a_score(tmp_path: Path, source: str, target: str, classes: str) -> None:
    size, split = (32, 64), SPLITS[target]
    for name in (source, target):
        MAKE[name](tmp_path / name)
        assert not data_check(name, tmp_path / name, SPLITS.get(name, "train"), class_set_name=classes).stops_a_run
    view = AugmentConfig(crop=(0, 0))
    config = replace(
        tiny_config(tmp_path / source, steps=2, schedule_steps=2, selection=SelectionConfig()),
        class_set=classes,
        source=DataConfig(dataset=source, root=tmp_path / source, split="train", size=size, augment=view),
        target=DataConfig(dataset=target, root=tmp_path / target, split=split, size=size, augment=view),
    )
    assert train(config, tmp_path / "run").state == "done"

    pairs = open_dataset(target, tmp_path / target, split, classes)
    store = extract(tmp_path / "run", pairs, tmp_path / "store", size=size, precision="fp32", device="cpu")
    assert store.is_complete
    report = audit_store(store, ThresholdRule())
    assert (report.num_images, report.num_labelled) == (len(pairs), len(pairs))
    assert report.facts["dataset"] == target

    where = {"dataset": target, "root": tmp_path / target, "split": split}
    by_network = evaluate_checkpoint(tmp_path / "run", **where, size=size, precision="fp32", device="cpu")
    by_store = evaluate_store(store, **where)
    assert np.isfinite(by_network.miou)
    assert by_store.miou == pytest.approx(by_network.miou, abs=1e-3)
    if target == "mapillary":
        # A 20x60 image in a 32x64 frame: what is below its 21 rows is padding, in maps, labels and counts.
        (only,) = pairs.image_ids
        assert (store.maps(only).label[21:] == 255).all()
        assert (store.maps(only).label[:21] < 255).all()
        assert int(store.histogram().counts.sum()) == 2 * 21 * 64
