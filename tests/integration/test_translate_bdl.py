"""BDL as one experiment: every stage once, and on from wherever it was stopped."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from esl.cli import main
from esl.config import DataConfig, SelectionConfig
from esl.data.opening import open_dataset
from esl.errors import CheckpointError, ConfigError
from esl.files import read_json, write_json
from esl.pipelines import reproduce, study
from esl.pipelines.bdl import bdl
from esl.pipelines.bdl_config import BdlPlan
from esl.progress import Progress
from esl.store.experiments import read_rows
from esl.training.guards import StopRequest
from tests.integration.bdl_world import STAGES, settings
from tests.integration.training_world import SIZE, make_world, tiny_config, weights_of

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


def test_networks_that_are_done_are_scored_when_another_split_is_asked_for(
    world: Path, finished: Path, tmp_path: Path
) -> None:
    """Rows are asked for afterwards, or the split changes: no network keeps the score of another one, or none."""
    directory = tmp_path / "bdl"
    shutil.copytree(finished, directory)
    small = DataConfig(dataset="camvid", root=world, split="day_test", size=SIZE)
    runs = [stage for stage in STAGES if stage.endswith("/run")]
    for on in (
        small,
        replace(small, size=(48, 64)),
        replace(small, split="day_train"),
        replace(small, split="day_train", label_format="camvid"),
    ):
        said: list[str] = []
        stages = bdl(settings(world, score_on=on), directory, say=said.append)["stages"]
        assert [line for line in said if line.startswith("BDL: ")] == [f"BDL: {name}" for name in runs]
        assert {stages[name]["scores"]["split"] for name in runs} == {on.split}
        assert all(f"input {on.size[0]}x{on.size[1]}" in stages[name]["scores"]["protocol"] for name in runs)
        kept = read_json(directory / "experiment.json")["stages"]
        assert [kept[name]["scores"]["protocol"] for name in runs] == [
            stages[name]["scores"]["protocol"] for name in runs
        ]
        said.clear()
        bdl(settings(world, score_on=on), directory, say=said.append)
        assert said == []
    shutil.rmtree(directory / "step_1/run/checkpoints")
    with pytest.raises(CheckpointError, match="step_1/run/checkpoints has none"):
        bdl(settings(world, score_on=small), directory)


def test_a_stage_that_would_start_from_other_weights_is_refused(world: Path, finished: Path, tmp_path: Path) -> None:
    directory, weights = tmp_path / "bdl", tmp_path / "weights.safetensors"
    shutil.copytree(finished, directory)
    weights.write_bytes(b"weights")
    record = read_json(directory / "experiment.json")
    assert record["init_weights"] == "", "random"
    del record["stages"]["step_2/run"]
    write_json(directory / "experiment.json", record)
    shutil.rmtree(directory / "step_2/run")
    told = settings(world)
    with pytest.raises(
        ConfigError, match=rf"{directory} started from random weights, this one would from .*{weights.name}"
    ):
        bdl(replace(told, adaptation=replace(told.adaptation, init_weights=weights)), directory)


def test_four_strategies_of_one_preset_fill_table_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command itself, on the tiny world: rows for both steps, which the report prints as the paper's lines."""
    from esl.cli import bdl as command_module

    world = make_world(tmp_path / "world")
    for label in (world / "labels").glob("dusk_*"):
        label.unlink()  # rows are made without target labels, too: then they say nothing of errors
    tiny = settings(world)
    on = DataConfig(dataset="camvid", root=world, split="day_test", size=SIZE)
    monkeypatch.setattr(command_module, "preset", lambda name: tiny.adaptation)
    monkeypatch.setattr(command_module, "translation_preset", lambda name: tiny.translation)
    monkeypatch.setattr(study, "scored_on", lambda benchmark, root: on)
    command = ["bdl", "demo", "--experiment", str(tmp_path / "e"), "--rows", str(tmp_path / "rows"),
               "--strategies", "ssl", "esl", "ssl+it", "esl+it"]  # fmt: skip
    assert main(command) == 0
    files = sorted(p.name for p in (tmp_path / "rows/demo").iterdir())
    assert files == sorted(
        f"bdl_step{step}-{strategy}-seed1.json"
        for step in (1, 2)
        for strategy in ("none", "ssl", "esl", "median+it", "ssl+it", "esl+it")
    )
    rows = {f"{r.method} {r.strategy}": r for r in read_rows(tmp_path / "rows", "demo")}
    assert rows["bdl_step2 none"].iou == rows["bdl_step1 median+it"].iou, "the network re-trained once is the teacher"
    assert rows["bdl_step1 esl"].pseudo_labels["coverage"] == rows["bdl_step1 esl+it"].pseudo_labels["coverage"]
    assert "--experiment DIR" in rows["bdl_step1 esl"].provenance["command"]
    assert str(tmp_path) not in rows["bdl_step1 esl"].provenance["command"]
    assert rows["bdl_step1 esl"].pseudo_labels["error_rate"] is None
    assert rows["bdl_step1 esl"].provenance["init_weights"] == ""
    stages = read_json(tmp_path / "e/experiment.json")["stages"]
    assert stages["step_1/ssl"]["source"] == "originals"
    assert stages["step_2/ssl+it"]["source"] == "step_2/translated"
    before = {p: p.read_bytes() for p in (tmp_path / "rows/demo").iterdir()}
    assert main(command) == 0
    assert {p: p.read_bytes() for p in (tmp_path / "rows/demo").iterdir()} == before
    assert main(["report", "demo", "--rows", str(tmp_path / "rows"), "--out", str(tmp_path / "out")]) == 0
    table = (tmp_path / "out/demo_table1.md").read_text()
    for line in ("BDL (step 1) | - |", "BDL (step 1) | SSL + IT |", "BDL (step 2) | ESL + IT |"):
        assert line in table
    # A change of the preset is another row, and says so.
    other = [*command[:3], str(tmp_path / "other"), *command[4:6], "--rounds", "1", "--lr", "0.002"]
    assert main(other) == 0
    assert (tmp_path / "rows/demo/bdl_step1-median+it-lr=0.002-seed1.json").is_file()
    # Another experiment under the same name is refused, not written over.
    path = tmp_path / "rows/demo/bdl_step1-none-seed1.json"
    path.write_text(path.read_text().replace('"iou": [', '"iou": [1.25,'))
    capsys.readouterr()
    assert main(command) == 2
    assert "never overwritten" in capsys.readouterr().err


def test_translated_source_against_source_only_is_a_study(
    finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`reproduce` trains on the result of `translate apply` and leaves a row, which it never runs again."""
    world = make_world(tmp_path / "world")
    tiny = tiny_config(world, steps=2, selection=SelectionConfig())
    on = DataConfig(dataset="camvid", root=world, split="day_test", size=SIZE)
    monkeypatch.setattr(study, "preset", lambda name: replace(tiny, preset=name))
    monkeypatch.setattr(reproduce, "scored_on", lambda benchmark, root: on)
    command = ["reproduce", "table1", "--preset", "demo", "--methods", "source_only", "--strategies", "none", "it",
               "--seeds", "1", "2", "--translated", str(finished / "step_1/translated"), "--work", str(tmp_path / "work"),
               "--rows", str(tmp_path / "rows"), "--out", str(tmp_path / "out")]  # fmt: skip
    assert main(command) == 0
    rows = {f"{r.strategy} {r.seed}": r for r in read_rows(tmp_path / "rows", "demo")}
    assert sorted(rows) == ["it 1", "it 2", "none 1", "none 2"]
    manifest = read_json(finished / "step_1/translated/manifest.json")
    assert manifest["sheet"] == "sheet.png"
    assert rows["it 1"].provenance["translated"] == manifest["generator"]
    assert "translated" not in rows["none 1"].provenance
    runs = tmp_path / "work/demo"
    assert weights_of(runs / "source_only-it-seed1/run") != weights_of(runs / "source_only-none-seed1/run")
    assert "| IT |" in (tmp_path / "out/demo_table1.md").read_text()
    monkeypatch.setattr(reproduce, "train", lambda *a, **k: pytest.fail("a row is never run twice"))
    assert main(command) == 0


def test_a_strategy_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"ssl\+it"):
        BdlPlan(strategies=("esl", "nothing"))


def test_another_experiment_is_refused(world: Path, finished: Path) -> None:
    other = settings(world)
    with pytest.raises(ConfigError, match="translation.cycle: 10.0 -> 1.0"):
        bdl(replace(other, translation=replace(other.translation, cycle=1.0)), finished)
    with pytest.raises(ConfigError, match="plan.image_translation: True -> False"):
        bdl(settings(world, image_translation=False), finished)
    with pytest.raises(ConfigError, match="lr"):
        bdl(replace(other, adaptation=replace(other.adaptation, lr=0.5)), finished)
