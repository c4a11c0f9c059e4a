"""BDL as one experiment: every stage once, and on from wherever it was stopped."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from esl.config import DataConfig
from esl.data.opening import open_dataset
from esl.errors import ConfigError
from esl.files import read_json
from esl.pipelines.bdl import bdl
from esl.progress import Progress
from esl.training.guards import StopRequest
from tests.integration.bdl_world import STAGES, settings
from tests.integration.training_world import SIZE, make_world, weights_of

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


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


@pytest.mark.slow
def test_killed_at_every_stage_it_ends_the_same(world: Path, finished: Path, tmp_path: Path) -> None:
    directory = tmp_path / "bdl"
    program = [sys.executable, "-m", "tests.integration.kill_bdl_program", str(world), str(directory), "7"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(program, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["end"] == 0, done.stderr
    # Every stage was met as it began; a short one may end before the second kill falls.
    assert [moment for moment in told["killed"] if moment.startswith("begin")] == [f"begin {s}" for s in STAGES]
    assert len(told["killed"]) >= len(STAGES) + 4
    kept, whole = (read_json(d / "experiment.json")["stages"] for d in (directory, finished))
    assert kept == whole
    for stage in STAGES:
        if stage.endswith(("run", "translation")):
            assert weights_of(directory / stage) == weights_of(finished / stage), stage
        if stage.endswith("translated"):
            for made in sorted((finished / stage).rglob("*.png")):
                assert (directory / made.relative_to(finished)).read_bytes() == made.read_bytes()
    # Runs sweep by a rule of their own (test_train_faults.py).
    assert not list(directory.glob("*.partial"))
    assert not list(directory.glob("*/translated/**/*.partial"))


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
