"""CBST as a strategy of self-training: the same labels as from the histograms, in every round."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from esl.cli import main
from esl.config import PseudoLabelConfig, SelectionConfig
from esl.errors import ConfigError
from esl.files import read_json
from esl.images import read_ids
from esl.labeling.class_balanced import class_balanced_divisors, class_balanced_thresholds, select_class_balanced
from esl.labeling.spatial_prior import SpatialPrior
from esl.pipelines.self_train import SelfTraining, self_train
from esl.presets import PRESETS
from esl.store.predictions import PredictionStore
from esl.training.class_balanced import class_balanced_labels
from esl.training.pseudo_labels import pseudo_label_source
from tests.integration.training_world import make_world, tiny_config

LABELS = PseudoLabelConfig(source="store", criterion="class_balanced", portion=0.3)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def experiment(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("experiment") / "e"
    config = tiny_config(world, steps=1, pseudo_labels=LABELS, selection=SelectionConfig())
    assert self_train(config, directory, SelfTraining(rounds=2))["exit_code"] == 0
    return directory


def test_the_portion_grows_from_round_to_round(experiment: Path) -> None:
    rounds = read_json(experiment / "experiment.json")["rounds"]
    assert [entry.get("portion") for entry in rounds] == [None, 0.3, 0.35]
    assert rounds[1]["criterion"] == "class_balanced"


def test_training_sees_the_labels_of_the_histograms(experiment: Path) -> None:
    store = PredictionStore.open(experiment / "round_0/store")
    config = PseudoLabelConfig(
        source="store", criterion="class_balanced", portion=0.3, path=experiment / "round_0/store"
    )
    source = pseudo_label_source(config, store.class_set, store.image_ids)
    thresholds = class_balanced_thresholds(store.histogram(), 0.3)
    kept = 0
    for image_id in store.image_ids:
        maps = store.maps(image_id, divisors=class_balanced_divisors(thresholds))
        expected = select_class_balanced(maps, thresholds)
        assert np.array_equal(source(image_id), expected)
        kept += int((expected != 255).sum())
    assert kept > 0
    recorded = read_json(experiment / "round_1/run/config.json")["data"]["pseudo_labels"]
    assert recorded == source.digest
    sampled = pseudo_label_source(
        PseudoLabelConfig(**vars(config) | {"sample_every": 4}), store.class_set, store.image_ids
    )
    assert sampled.digest != source.digest


def test_it_is_a_strategy_of_every_benchmark_and_comes_from_a_store() -> None:
    assert PRESETS["demo_advent_cbst"].pseudo_labels.criterion == "class_balanced"
    with pytest.raises(ConfigError, match="come from a store"):
        PseudoLabelConfig(source="recipe", criterion="class_balanced")
    with pytest.raises(ConfigError, match="portion"):
        PseudoLabelConfig(portion=0.0)


def test_spatial_priors_go_from_source_labels_into_training_export_and_audit(
    world: Path, experiment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store, prior = PredictionStore.open(experiment / "round_0/store"), tmp_path / "prior.npz"
    command = ["spatial-prior", "--dataset", "camvid", "--split", "day_train", "--data-root", str(world)]
    assert main([*command, "--size", "20", "30", "--out", str(prior)]) == 0
    assert "labels: 6" in capsys.readouterr().out
    assert SpatialPrior.load(prior).steps.shape == (11, 20, 30)
    # A network of one step may predict one class alone, and one that no label holds: a prior that moves any class.
    SpatialPrior(np.random.default_rng(0).integers(0, 65536, (11, 20, 30))).save(prior)
    config = PseudoLabelConfig(
        source="store", path=store.directory, criterion="class_balanced", portion=0.3, spatial_prior=prior
    )
    labels = pseudo_label_source(config, store.class_set, store.image_ids)
    plain = class_balanced_labels(store.directory, 0.3)
    assert labels.digest != plain.digest
    assert any((labels(i) != plain(i)).any() for i in store.image_ids)
    chosen = ["--store", str(store.directory), "--portion", "0.3", "--spatial-prior", str(prior)]
    assert main(["export", *chosen, "--criterion", "class_balanced", "--out", str(tmp_path / "out")]) == 0
    for image_id in store.image_ids:
        written = read_ids(tmp_path / "out" / Path(image_id).with_suffix(".png"))
        assert np.array_equal(written, labels(image_id))
    for folder in ("images", "lists"):
        shutil.copytree(world / folder, tmp_path / "no_labels" / folder)
    capsys.readouterr()
    assert main(["audit", *chosen, "--data-root", str(tmp_path / "no_labels"), "--json"]) == 0
    audited = json.loads(capsys.readouterr().out)
    assert audited["global"]["cbst"]["num_pixels"] == sum(int((labels(i) != 255).sum()) for i in store.image_ids)
    assert audited["class_balanced"]["spatial_prior"] == SpatialPrior.load(prior).digest
    assert main(["export", *chosen, "--out", str(tmp_path / "esl")]) == 2  # ESL takes no prior
    assert (
        main(["export", *chosen[:-1], str(tmp_path / "gone.npz"), "--criterion", "class_balanced", "--out", "x"]) == 2
    )
    with pytest.raises(ConfigError, match="spatial_prior belongs"):
        PseudoLabelConfig(spatial_prior=prior)


def test_an_export_writes_these_labels(experiment: Path, tmp_path: Path) -> None:
    store = PredictionStore.open(experiment / "round_0/store")
    command = [
        "export",
        "--store",
        str(store.directory),
        "--out",
        str(tmp_path / "out"),
        "--criterion",
        "class_balanced",
    ]
    assert main([*command, "--portion", "0.3"]) == 0
    assert main([*command, "--portion", "0.3"]) == 0, "the same command goes on"
    assert main([*command, "--portion", "0.4"]) == 2, "another portion is another export"
    labels = class_balanced_labels(store.directory, 0.3)
    for image_id in store.image_ids:
        written = read_ids(tmp_path / "out" / Path(image_id).with_suffix(".png"))
        assert np.array_equal(written, labels(image_id))
    manifest = read_json(tmp_path / "out/manifest.json")
    assert manifest["is_complete"]
    assert manifest["coverage"] == pytest.approx(np.mean([(labels(i) != 255).mean() for i in store.image_ids]))
    assert main([*command, "--portion", "0.3", "--kinds", "difference"]) == 2
