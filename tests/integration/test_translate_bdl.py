"""BDL as one experiment: every stage once, and on from wherever it was stopped."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from esl.config import DataConfig, PseudoLabelConfig, SelectionConfig
from esl.config.translation import TranslationConfig
from esl.data.opening import open_dataset
from esl.errors import ConfigError
from esl.files import read_json
from esl.pipelines.bdl import BdlConfig, BdlPlan, bdl
from esl.presets import ADAPTSEGNET
from esl.progress import Progress
from esl.training.guards import StopRequest
from tests.integration.training_world import SIZE, make_world, tiny_config, weights_of

STAGES = [
    "step_1/translation", "step_1/translated", "adapt/run", "step_1/store", "step_1/run",
    "step_2/translation", "step_2/translated", "step_2/store", "step_2/run",
]  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


def settings(world: Path, **plan: Any) -> BdlConfig:
    labels = PseudoLabelConfig(source="store", criterion="entropy", mode="median")
    method = replace(ADAPTSEGNET, discriminator_width=4)
    adaptation = tiny_config(world, steps=2, method=method, pseudo_labels=labels, selection=SelectionConfig())
    translation = TranslationConfig(
        class_set="camvid11", source=adaptation.source, target=adaptation.target,
        num_blocks=1, generator_width=4, discriminator_width=4, discriminator_layers=2,
        steps=2, constant_steps=1, batch_size=1, pool_size=2, log_every=1, save_every=1, precision="fp32",
    )  # fmt: skip
    return BdlConfig(translation=translation, adaptation=adaptation, plan=BdlPlan(**plan))


@pytest.fixture(scope="module")
def finished(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("bdl") / "whole"
    assert bdl(settings(world), directory)["exit_code"] == 0
    return directory


def test_all_stages_are_linked(world: Path, finished: Path) -> None:
    stages = read_json(finished / "experiment.json")["stages"]
    assert sorted(stages) == sorted(STAGES)
    assert stages["step_1/translation"]["observed_by"] == ""
    assert stages["step_2/translation"]["observed_by"] == "step_1/run"
    assert (stages["step_1/store"]["network"], stages["step_2/store"]["network"]) == ("adapt/run", "step_1/run")
    assert stages["adapt/run"]["pseudo_labels"] == "none"
    assert stages["step_2/run"]["pseudo_labels"] == "entropy"
    assert stages["step_2/run"]["source"] == "step_2/translated"
    assert len(open_dataset("folder", finished / "step_2/translated", "day_train", "camvid11")) == 6
    trained_on = read_json(finished / "step_2/run/config.json")["config"]["source"]
    assert (trained_on["dataset"], trained_on["split"]) == ("folder", "day_train")


def test_stopped_at_every_stage_it_ends_the_same(world: Path, finished: Path, tmp_path: Path) -> None:
    directory = tmp_path / "bdl"
    for stage in STAGES:
        stop = StopRequest()

        def progress_of(name: str, at: str = stage, asked: StopRequest = stop) -> Progress:
            def progress(done: int, total: int, note: str = "") -> None:
                if name == at and done >= 1:
                    asked.ask(143)

            return progress

        assert bdl(settings(world), directory, progress_of=progress_of, stop=stop)["exit_code"] == 143
        assert stage not in read_json(directory / "experiment.json")["stages"]
    assert bdl(settings(world), directory)["exit_code"] == 0
    assert weights_of(directory / "step_2/run") == weights_of(finished / "step_2/run")


def test_a_finished_experiment_does_nothing_again(world: Path, finished: Path) -> None:
    said: list[str] = []
    bdl(settings(world), finished, say=said.append)
    assert said == []


def test_without_image_translation_originals_are_re_trained_on(world: Path, tmp_path: Path) -> None:
    on = DataConfig(dataset="camvid", root=world, split="day_test", size=SIZE)
    record = bdl(settings(world, steps=1, image_translation=False, score_on=on), tmp_path / "bdl")
    assert record["stages"]["adapt/run"]["source"] == "step_1/translated"
    assert record["stages"]["step_1/run"]["source"] == "originals"
    assert 0 <= record["stages"]["step_1/run"]["scores"]["miou"] <= 1


def test_another_experiment_is_refused(world: Path, finished: Path) -> None:
    other = settings(world)
    with pytest.raises(ConfigError, match="translation.cycle: 10.0 -> 1.0"):
        bdl(replace(other, translation=replace(other.translation, cycle=1.0)), finished)
    with pytest.raises(ConfigError, match="plan.image_translation: True -> False"):
        bdl(settings(world, image_translation=False), finished)
    with pytest.raises(ConfigError, match="lr"):
        bdl(replace(other, adaptation=replace(other.adaptation, lr=0.5)), finished)
