"""A folder with classes of its own, from predictions to scores: by the names of its classes, or refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from esl.classes import CITYSCAPES_19
from esl.data.opening import open_dataset
from esl.errors import CheckpointError, DataError
from esl.images import write_png
from esl.labeling.thresholds import ThresholdRule
from esl.pipelines.audit import audit_store
from esl.pipelines.evaluate import evaluate_checkpoint, evaluate_store
from esl.pipelines.extract import extract
from esl.pipelines.precheck import require_sound
from esl.pipelines.targets import Targets, open_targets_of
from esl.store.predictions import PredictionStore
from tests.unit.data.trees import id_map, photo

SIZE = (48, 96)
NAMES = list(CITYSCAPES_19.names)
ON_CPU: dict[str, Any] = {"size": SIZE, "device": "cpu", "precision": "fp32"}


@pytest.fixture
def checkpoint(repository: Path) -> Path:
    return repository / "assets/demo/demo_source_only.safetensors"


def street(root: Path, description: str, ids: list[int]) -> dict[str, Any]:
    """Where the split lies that has two images and labels of these ids, in the same places for as many ids."""
    for number in range(2):
        write_png(root / f"images/{number}.png", photo(number, SIZE))
        places = id_map(list(range(len(ids))), number, SIZE)
        write_png(root / f"labels/{number}.png", np.array(ids, np.uint8)[places])
    (root / "dataset.toml").write_text(description)
    return {"dataset": "folder", "root": root, "split": "all"}


def filled(checkpoint: Path, root: Path, store: Path) -> PredictionStore:
    return extract(checkpoint, open_dataset("folder", root, "all"), store, **ON_CPU)


def test_a_checkpoint_is_scored_by_the_names_of_a_folders_classes(checkpoint: Path, tmp_path: Path) -> None:
    own = street(
        tmp_path / "own", 'classes = ["car", "road"]\n[ids]\n0 = "car"\n1 = "road"\n255 = "ignore"', [0, 1, 255]
    )
    plain = street(tmp_path / "plain", 'class_set = "cityscapes19"', [13, 0, 255])
    by_name, by_id = (evaluate_checkpoint(checkpoint, **where, **ON_CPU) for where in (own, plain))
    assert by_name.iou == by_id.iou
    assert by_name.iou[0]
    assert by_name.class_set == "cityscapes19"


def test_classes_that_a_checkpoint_lacks_stop_a_score_and_a_training(checkpoint: Path, tmp_path: Path) -> None:
    where = street(tmp_path / "own", 'classes = ["car", "tree"]', [0, 1])
    with pytest.raises(DataError, match="also has tree"):
        evaluate_checkpoint(checkpoint, **where, **ON_CPU)
    pairs = open_dataset(*where.values(), "cityscapes19")
    require_sound(pairs, with_labels=False)
    with pytest.raises(DataError, match="also has tree"):
        require_sound(pairs, with_labels=True)


def test_a_class_set_of_another_size_is_refused_and_no_pixel_is_blamed(checkpoint: Path, tmp_path: Path) -> None:
    where = street(tmp_path / "plain", 'class_set = "cityscapes19"', [13, 0])
    with pytest.raises(CheckpointError, match="it has 19, cityscapes16 of folder has 16"):
        evaluate_checkpoint(checkpoint, **where, class_set_name="cityscapes16", **ON_CPU)


def test_a_store_of_own_classes_is_scored_as_its_checkpoint_is(checkpoint: Path, tmp_path: Path) -> None:
    where = street(tmp_path / "own", f"classes = {NAMES}\n[ids]\n7 = 'road'\n26 = 'car'", [7, 26])
    store = filled(checkpoint, where["root"], tmp_path / "store")
    by_store = evaluate_store(store, **where)
    assert by_store.class_set == "folder"
    assert by_store.iou == pytest.approx(evaluate_checkpoint(checkpoint, **where, **ON_CPU).iou, abs=1e-3)
    assert "  road " in by_store.to_text()


def test_an_audit_counts_anew_when_the_description_gives_ids_another_meaning(checkpoint: Path, tmp_path: Path) -> None:
    where = street(tmp_path / "own", f"classes = {NAMES}\n[ids]\n7 = 'road'\n26 = 'car'", [7, 26])
    store = filled(checkpoint, where["root"], tmp_path / "store")
    first = audit_store(store, ThresholdRule()).to_json()
    assert audit_store(store, ThresholdRule()).to_json() == first
    (where["root"] / "dataset.toml").write_text(f"classes = {NAMES}\n[ids]\n7 = 'ignore'\n26 = 'sky'")
    assert audit_store(store, ThresholdRule()).to_json() != first


def test_labels_of_other_classes_than_a_stores_are_refused(checkpoint: Path, tmp_path: Path) -> None:
    where = street(tmp_path / "own", f"classes = {NAMES}", [0, 13])
    store = filled(checkpoint, where["root"], tmp_path / "store")
    assert Targets.of(store.manifest).has_label("0.png")
    street(tmp_path / "own", f"classes = {[*NAMES[:17], 'bicycle', 'motorbike']}", [0, 13])
    told = "in folder of folder class 17 is bicycle instead of motorbike, and 1 more differ"
    with pytest.raises(DataError, match=told):
        evaluate_store(store, **where)
    with pytest.raises(DataError, match=told):
        open_targets_of(store.manifest)
    assert told in Targets.of(store.manifest).problem


def test_a_checkpoint_is_not_taken_for_classes_of_other_names(checkpoint: Path, tmp_path: Path) -> None:
    where = street(tmp_path / "own", f"classes = {[f'c{i}' for i in range(19)]}", [0, 13])
    with pytest.raises(CheckpointError, match="class 0 is c0 instead of road, and 18 more differ"):
        filled(checkpoint, where["root"], tmp_path / "store")
    assert not (tmp_path / "store").exists()
