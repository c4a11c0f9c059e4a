"""Steps 1, 2 and 3 of the paper as one experiment."""

import shutil
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from esl.classes import IGNORE
from esl.config import DataConfig, PseudoLabelConfig, SelectionConfig, config_from_json
from esl.errors import CheckpointError, ConfigError, DataError
from esl.files import read_json, sha256_of, write_json
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import ThresholdRule, class_thresholds
from esl.pipelines.run_table import RunTable
from esl.pipelines.self_train import SelfTraining, _Stages, self_train
from esl.pipelines.train import train
from esl.progress import no_progress
from esl.store.predictions import PredictionStore
from esl.store.recipes import Recipe, save_recipe
from esl.training.guards import StopRequest
from esl.training.pseudo_labels import StoredPseudoLabels, pseudo_label_source
from tests.integration.training_world import SIZE, make_world, metrics_of, tiny_config, weights_of

FEW = {"steps": 2, "save_every": 1, "log_every": 1, "selection": SelectionConfig()}
LABELS = PseudoLabelConfig(source="store", criterion="entropy", nu_star=0.9)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def experiment(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("experiment") / "e"
    score_on = DataConfig(dataset="camvid", root=world, split="day_test", size=SIZE)
    self_train(tiny_config(world, pseudo_labels=LABELS, **FEW), directory, SelfTraining(score_on=score_on))
    return directory


def test_an_experiment_links_runs_stores_thresholds_and_scores(experiment: Path) -> None:
    record = read_json(experiment / "experiment.json")
    baseline, retrained = record["rounds"]
    assert (baseline["run"], baseline["store"]) == ("round_0/run", "round_0/store")
    assert baseline["store_hash"] == PredictionStore.open(experiment / "round_0" / "store").store_hash
    assert retrained["run"] == "round_1/run"
    assert len(retrained["thresholds"]) == 11
    store = PredictionStore.open(experiment / "round_0" / "store")
    used = class_thresholds(store.histogram(), ThresholdRule(nu_star=0.9))
    kept = [select_pseudo_label(store.maps(i), used, "entropy") != IGNORE for i in store.image_ids]
    assert retrained["coverage"] == pytest.approx(np.mean(kept)), "of all pixels"
    assert all(share == 0 or 0.5 <= share <= 1 for share in retrained["coverage_per_class"])
    assert 0 <= retrained["scores"]["miou"] <= 1
    told = config_from_json(read_json(experiment / "round_1" / "run" / "config.json")["config"])
    assert told.pseudo_labels.path == experiment / "round_0" / "store"
    assert "sl_main" in metrics_of(experiment / "round_1" / "run")[-1]
    assert "sl_main" not in metrics_of(experiment / "round_0" / "run")[-1]
    recipes = list((experiment / "round_1" / "run" / "recipe").glob("*.json"))
    assert [p.stem for p in recipes] == [retrained["recipe"]]
    assert read_json(experiment / "round_1" / "run" / "pseudo_labels.json") == {"coverage": retrained["coverage"]}
    rows = {row["name"]: row["coverage"] for row in RunTable(experiment.parent).rows()}
    assert rows == {f"{experiment.name}~round_0": None, f"{experiment.name}~round_1": retrained["coverage"]}


def test_an_interrupted_experiment_goes_on_to_the_same_bytes(world: Path, experiment: Path, tmp_path: Path) -> None:
    config = tiny_config(world, pseudo_labels=LABELS, **FEW)
    for stage in ("round 0: train", "round_0: extract", "round 1: train"):
        stop = StopRequest()

        def progress_of(name: str, stage: str = stage, stop: StopRequest = stop):  # type: ignore[no-untyped-def]
            def progress(done: int, total: int, note: str = "") -> None:
                if name == stage:
                    stop.ask(143)

            return progress

        assert (
            self_train(config, tmp_path / "e", SelfTraining(), progress_of=progress_of, stop=stop)["exit_code"] == 143
        )
    assert self_train(config, tmp_path / "e", SelfTraining())["exit_code"] == 0
    for run in ("round_0/run", "round_1/run"):
        assert weights_of(tmp_path / "e" / run) == weights_of(experiment / run)


def test_one_baseline_feeds_another_experiment(world: Path, experiment: Path, tmp_path: Path) -> None:
    baseline = experiment / "round_0" / "run"
    config = tiny_config(world, pseudo_labels=replace(LABELS, criterion="max_prob"), **FEW)
    record = self_train(config, tmp_path / "e", SelfTraining(baseline=baseline, start="previous"))
    assert record["rounds"][0]["run"] == baseline.as_posix()
    assert not (tmp_path / "e" / "round_0" / "run").exists()
    assert "Whole network loaded" in (tmp_path / "e" / "round_1" / "run" / "log.txt").read_text()


def test_another_experiment_in_the_folder_is_refused(world: Path, experiment: Path) -> None:
    with pytest.raises(ConfigError, match="seed: 1 -> 2"):
        self_train(tiny_config(world, pseudo_labels=LABELS, seed=2, **FEW), experiment, SelfTraining())


def test_a_round_that_would_start_from_other_weights_is_refused(
    world: Path, experiment: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = tmp_path / "weights.safetensors"
    weights.write_bytes(b"weights")
    config = tiny_config(world, pseudo_labels=LABELS, init_weights=weights, **FEW)
    started = tmp_path / "e"
    shutil.copytree(experiment, started)
    shutil.rmtree(started / "round_1")
    record = read_json(started / "experiment.json")
    assert record["init_weights"] == "", "random"
    with pytest.raises(
        ConfigError, match=rf"{started} started from random weights, this one would from .*{weights.name}"
    ):
        self_train(config, started, SelfTraining())
    with pytest.raises(ConfigError, match=r"round_0/run started from random weights"):
        self_train(config, tmp_path / "other", SelfTraining(baseline=experiment / "round_0" / "run"))
    assert not (tmp_path / "other").exists()

    def train_instead(config: object, run: Path, **settings: object) -> None:
        if run.parent.name == "round_1":
            raise DataError("trains")

    monkeypatch.setattr("esl.pipelines.self_train.train", train_instead)
    write_json(started / "experiment.json", {k: v for k, v in record.items() if k != "init_weights"})
    with pytest.raises(DataError, match="trains"):
        self_train(config, started, SelfTraining())
    assert "init_weights" not in read_json(started / "experiment.json"), "an older experiment goes on as it did"
    stop = StopRequest()
    stop.ask()
    self_train(config, tmp_path / "weights", SelfTraining(baseline=experiment / "round_0" / "run", start="previous"),
               stop=stop)  # fmt: skip
    assert read_json(tmp_path / "weights" / "experiment.json")["init_weights"] == sha256_of(weights)


def test_labels_on_the_fly_are_those_of_store_and_rule(world: Path, experiment: Path) -> None:
    store = PredictionStore.open(experiment / "round_0" / "store")
    config = replace(LABELS, path=store.directory, mode="median")
    labels = pseudo_label_source(config, store.class_set, store.image_ids)
    thresholds = class_thresholds(store.histogram(), ThresholdRule(nu_star=0.9, mode="median"))
    for image_id in store.image_ids:
        expected = select_pseudo_label(store.maps(image_id), thresholds, "entropy")
        np.testing.assert_array_equal(labels(image_id), expected)
    strict = pseudo_label_source(replace(config, keep_ties=False), store.class_set, store.image_ids)
    kept, kept_strictly = (sum(int((s(i) != 255).sum()) for i in store.image_ids) for s in (labels, strict))
    assert kept_strictly < kept


def test_a_round_without_ties_states_the_coverage_of_its_own_labels(
    world: Path, experiment: Path, tmp_path: Path
) -> None:
    store = PredictionStore.open(experiment / "round_0" / "store")
    config = replace(LABELS, path=store.directory, mode="median", keep_ties=False)
    labels = pseudo_label_source(config, store.class_set, store.image_ids)
    assert isinstance(labels, StoredPseudoLabels)
    (tmp_path / "round_0").symlink_to(experiment / "round_0")
    save_recipe(tmp_path / "round_1" / "run" / "recipe", labels.recipe)
    told = tiny_config(world, pseudo_labels=config, **FEW)
    stages = _Stages(
        told, tmp_path / "round_1", SelfTraining(), "cpu", lambda stage: no_progress, StopRequest(), print
    )  # fmt: skip
    described = stages._labels(1)
    kept = np.stack([labels(i) != IGNORE for i in store.image_ids])
    assert described["coverage"] == pytest.approx(kept.mean())
    assert sum(described["coverage_per_class"] * store.histogram().num_pixels) == pytest.approx(kept.sum())


def test_a_recipe_finds_its_store_and_no_other(world: Path, experiment: Path, tmp_path: Path) -> None:
    store = PredictionStore.open(experiment / "round_0" / "store")
    recipe = Recipe(store=store.store_hash, criterion="max_prob", store_path=str(store.directory))
    path = save_recipe(tmp_path, recipe)
    config = PseudoLabelConfig(source="recipe", path=path)
    labels = pseudo_label_source(config, store.class_set, store.image_ids)
    assert labels(store.image_ids[0]).shape == SIZE
    stale = save_recipe(tmp_path, replace(recipe, store="0" * 16))
    with pytest.raises(DataError, match="its own store"):
        pseudo_label_source(replace(config, path=stale), store.class_set, store.image_ids)
    with pytest.raises(ConfigError, match="--pseudo-labels.path"):
        pseudo_label_source(PseudoLabelConfig(source="store"), store.class_set, store.image_ids)
    with pytest.raises(DataError, match="1 have none"):
        pseudo_label_source(config, store.class_set, [*store.image_ids, "elsewhere.png"])


def test_a_folder_of_pngs_serves_as_well(world: Path, tmp_path: Path) -> None:
    folder = tmp_path / "labels"
    folder.mkdir()
    for i in range(4):
        cv2.imwrite(str(folder / f"dusk_train_{i}.png"), np.full(SIZE, i, np.uint8))
    labels = PseudoLabelConfig(source="folder", path=folder)
    config = tiny_config(world, pseudo_labels=labels, **{**FEW, "steps": 1})
    train(config, tmp_path / "run")
    assert metrics_of(tmp_path / "run")[-1]["sl_main"] > 0
    cv2.imwrite(str(folder / "dusk_train_0.png"), np.tile(np.arange(SIZE[1], dtype=np.uint8) % 11, (SIZE[0], 1)))
    with pytest.raises(CheckpointError, match="pseudo_labels"):
        train(config, tmp_path / "run")
    (folder / "dusk_train_3.png").unlink()
    with pytest.raises(DataError, match=r"1 have none.*dusk_train_3\.png"):
        train(config, tmp_path / "other")
