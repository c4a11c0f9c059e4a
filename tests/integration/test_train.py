"""A run ends where it must, wherever and however it was interrupted."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from esl.cli import main
from esl.config import DataConfig, SelectionConfig, TrainConfig, config_from_json
from esl.errors import CheckpointError, ConfigError, DataError, EslError
from esl.files import read_json, sha256_of
from esl.metrics.confusion import ConfusionMatrix
from esl.models.checkpoint_paths import list_checkpoints
from esl.pipelines.evaluate import evaluate_checkpoint, evaluate_on
from esl.pipelines.scoring import score
from esl.pipelines.train import TrainResult, train
from esl.presets import ADAPTSEGNET, ADVENT, MINENT
from esl.progress import never_stop, no_progress
from esl.store.runs import RunDirectory
from esl.training.guards import NonFiniteError, StopRequest
from tests.integration.training_world import SIZE, make_world, metrics_of, tiny_config, weights_of


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def finished(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("finished") / "run"
    train(tiny_config(world), run)
    return run


def stop_after(step: int, stop: StopRequest):  # type: ignore[no-untyped-def]
    def progress(done: int, total: int, note: str = "") -> None:
        if done == step:
            stop.ask(143)

    return progress


def interrupted(world: Path, run: Path, step: int, **changes: object) -> TrainResult:
    stop = StopRequest()
    return train(tiny_config(world, **changes), run, stop=stop, progress=stop_after(step, stop))


def test_a_run_says_everything_about_itself(world: Path, finished: Path) -> None:
    record = read_json(finished / "config.json")
    assert config_from_json(record["config"]) == tiny_config(world)
    assert record["resolved"] == {"accelerator": "cpu", "precision": "fp32", "world_size": 1}
    status = RunDirectory(finished).status()
    assert (status.state, status.step, status.steps) == ("done", 6, 6)
    assert [(m["kind"], m["step"]) for m in metrics_of(finished)] == [
        ("train", 2), ("evaluation", 3), ("train", 4), ("train", 6), ("evaluation", 6)
    ]  # fmt: skip
    log = (finished / "log.txt").read_text()
    assert "camvid day_test" in log
    assert "All weights start at random" in log
    info = read_json(finished / "checkpoints" / "step_000006" / "model.json")
    assert info["provenance"]["chosen_on"] == "camvid day_test"


def test_training_learns(world: Path, tmp_path: Path) -> None:
    config = tiny_config(
        world, steps=16, schedule_steps=16, lr=5e-3, selection=SelectionConfig(), log_every=4, save_every=99
    )
    train(config, tmp_path / "run")
    losses = [m["seg_main"] for m in metrics_of(tmp_path / "run")]
    assert losses[-1] < 0.7 * losses[0]


@pytest.mark.parametrize("step", [1, 3, 4])
def test_a_stopped_run_goes_on_to_the_same_bytes(world: Path, finished: Path, tmp_path: Path, step: int) -> None:
    run = tmp_path / "run"
    result = interrupted(world, run, step)
    assert (result.state, result.step, result.exit_code) == ("stopped", step, 143)
    assert RunDirectory(run).status().state == "stopped"
    end = train(tiny_config(world, num_workers=2), run)
    assert end.state == "done"
    assert weights_of(run) == weights_of(finished)
    assert [list(line.items()) for line in metrics_of(run)] == [list(line.items()) for line in metrics_of(finished)]


def test_a_cache_of_resized_images_changes_no_number(world: Path, finished: Path, tmp_path: Path) -> None:
    run, cache = tmp_path / "run", tmp_path / "cache"
    interrupted(world, run, 3, cache_dir=cache)
    assert list(cache.rglob("*.rgb"))
    train(tiny_config(world, cache_dir=cache, num_workers=1), run)
    assert weights_of(run) == weights_of(finished)
    assert metrics_of(run) == metrics_of(finished)


def test_a_finished_run_stays_as_it_is(world: Path, finished: Path) -> None:
    before = weights_of(finished), metrics_of(finished)
    assert train(tiny_config(world), finished).step == 6
    assert (weights_of(finished), metrics_of(finished)) == before


@pytest.mark.parametrize("method", [ADAPTSEGNET, ADVENT, MINENT], ids=lambda m: m.name)
def test_every_method_goes_on_exactly(world: Path, tmp_path: Path, method) -> None:  # type: ignore[no-untyped-def]
    changes = {
        "method": replace(method, discriminator_width=4),
        "selection": SelectionConfig(),
        "steps": 3,
        "accumulate": 2,
    }
    train(tiny_config(world, **changes), tmp_path / "whole")
    interrupted(world, tmp_path / "parts", 1, **changes)
    train(tiny_config(world, **changes), tmp_path / "parts")
    assert weights_of(tmp_path / "parts") == weights_of(tmp_path / "whole")
    assert metrics_of(tmp_path / "parts") == metrics_of(tmp_path / "whole")
    has_adversary = method.discriminator_input != "none"
    assert ("disc_main.safetensors" in weights_of(tmp_path / "whole")) == has_adversary


def test_a_damaged_checkpoint_is_reported_and_the_one_before_it_used(
    world: Path, finished: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    interrupted(world, run, 5)
    newest = run / "checkpoints" / "step_000005" / "optim.safetensors"
    newest.write_bytes(newest.read_bytes()[:-7])
    said: list[str] = []
    train(tiny_config(world), run, say=said.append)
    assert any("step_000005 is damaged" in s for s in said)
    assert any("step 4" in s for s in said)
    assert weights_of(run) == weights_of(finished)
    assert metrics_of(run) == metrics_of(finished)


def test_a_stop_right_after_a_checkpoint_saves_it_once(world: Path, tmp_path: Path) -> None:
    run, stop = tmp_path / "run", StopRequest()
    interrupted(world, run, 2, selection=SelectionConfig())
    stop.ask(143)
    assert train(tiny_config(world, selection=SelectionConfig()), run, stop=stop).step == 2
    assert [path.name for path in (run / "checkpoints").glob("step_*")] == ["step_000002"]


def stopped_in_evaluation(config: TrainConfig, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = StopRequest()

    def stopped(*told: Any, **options: Any) -> ConfusionMatrix:
        stop.ask(143)
        return score(*told, **options)

    with monkeypatch.context() as patched:
        patched.setattr("esl.pipelines.selection_score.score", stopped)
        assert train(config, run, stop=stop).state == "stopped"
    folder = list_checkpoints(run)[-1]
    assert not read_json(folder / "state.json")["is_evaluated"]


def test_a_stop_during_an_evaluation_leaves_one_checkpoint_and_one_score_of_its_step(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, config = tmp_path / "run", tiny_config(world, steps=3)
    stopped_in_evaluation(config, run, monkeypatch)
    with monkeypatch.context() as patched, pytest.raises(RuntimeError, match="crash"):
        patched.setattr("esl.training.loop.save_checkpoint", crash)
        train(config, run)
    train(config, run)
    assert [path.name for path in list_checkpoints(run)] == ["step_000002", "step_000003.1"]
    assert not (run / "checkpoints" / "step_000003").exists()
    assert [line["step"] for line in metrics_of(run) if line["kind"] == "evaluation"] == [3]


def test_a_kill_between_a_checkpoint_and_its_pointers_is_made_up_for(world: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(tiny_config(world, steps=3), run)
    (run / "checkpoints" / "LATEST").write_text("step_000002\n")
    (run / "checkpoints" / "BEST").unlink()
    train(tiny_config(world, steps=3), run)
    for pointer in ("LATEST", "BEST"):
        assert (run / "checkpoints" / pointer).read_text() == "step_000003\n"


def test_a_changed_setting_is_refused_with_the_difference(world: Path, finished: Path) -> None:
    with pytest.raises(ConfigError, match=r"lr: 0\.001 -> 0\.002"):
        train(tiny_config(world, lr=2e-3), finished)
    with pytest.raises(ConfigError, match="class_set: camvid11 -> cityscapes19"):
        train(tiny_config(world, class_set="cityscapes19", selection=SelectionConfig()), finished)


def test_other_images_are_refused(world: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    interrupted(world, run, 1)
    smaller = make_world(tmp_path / "smaller")
    (smaller / "lists" / "day_train.txt").write_text("day_train_0\nday_train_1\n")
    with pytest.raises(CheckpointError, match="the list changed.*--allow-data-change"):
        train(tiny_config(smaller), run)
    assert train(tiny_config(smaller), run, allow_data_change=True).state == "done"


def crash(*told: Any, **options: Any) -> None:
    raise RuntimeError("crash")


def crashed(world: Path, run: Path, **changes: object) -> None:
    """Begin a run and lose it before its first checkpoint."""
    with pytest.raises(RuntimeError, match="crash"):
        train(tiny_config(world, save_every=99, **changes), run, progress=crash)


def test_a_run_keeps_to_the_weights_that_it_started_from(world: Path, finished: Path, tmp_path: Path) -> None:
    run, weights = tmp_path / "run", tmp_path / "weights.safetensors"
    weights.write_bytes((finished / "checkpoints" / "step_000003" / "model.safetensors").read_bytes())
    changes = {"steps": 2, "save_every": 99, "selection": SelectionConfig()}
    crashed(world, run, init_weights=weights, steps=2, selection=SelectionConfig())
    digests = read_json(run / "config.json")["data"]
    assert digests["init_weights"] == sha256_of(weights)
    with pytest.raises(CheckpointError, match=r"must go on with the weights .* this is random weights"):
        train(tiny_config(world, **changes), run)
    interrupted(world, run, 1, init_weights=weights, **changes)
    weights.unlink()
    assert train(tiny_config(world, init_weights=tmp_path / "others", **changes), run).state == "done"
    record = read_json(run / "config.json")
    assert (record["config"]["init_weights"], record["data"]) == (str(weights), digests)


def test_a_run_directory_serves_one_process(world: Path, tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run").create()
    with run.lock(), pytest.raises(CheckpointError, match="one process at a time"):
        train(tiny_config(world), run.path)


def test_a_loss_that_is_not_finite_stops_before_the_update(world: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(NonFiniteError, match=r"at step \d.*camvid:day_train_\d\.png.*last good checkpoint"):
        train(tiny_config(world, lr=1e30, weight_decay=0.0, selection=SelectionConfig()), run)
    status = RunDirectory(run).status()
    assert status.state == "failed"
    assert "not finite" in status.message or "must be finite" in status.message


@pytest.mark.parametrize("num_workers", [0, 1])
def test_an_image_damaged_in_mid_epoch_is_named_and_nothing_is_lost(
    finished: Path, tmp_path: Path, num_workers: int
) -> None:
    damaged = make_world(tmp_path / "damaged")
    path = damaged / "images" / "day_train_2.png"
    sound = path.read_bytes()
    path.write_bytes(sound[:700] + bytes([sound[700] ^ 1]) + sound[701:])  # beyond what the check at the start can see
    run = tmp_path / "run"
    with pytest.raises(DataError, match=r"day_train_2\.png is damaged"):
        train(tiny_config(damaged, num_workers=num_workers), run)
    status = RunDirectory(run).status()
    assert status.state == "failed"
    assert "day_train_2.png" in status.message
    path.write_bytes(sound)
    assert train(tiny_config(damaged), run).state == "done"
    assert weights_of(run) == weights_of(finished)
    assert metrics_of(run) == metrics_of(finished)


def test_target_labels_choose_only_when_told_to(world: Path) -> None:
    chosen_on = DataConfig(dataset="camvid", root=world, split="dusk_train", size=SIZE)
    with pytest.raises(ConfigError, match="allow-target-labels"):
        tiny_config(world, selection=SelectionConfig(data=chosen_on))
    assert tiny_config(world, selection=SelectionConfig(data=chosen_on, allow_target_labels=True)).steps == 6


def test_source_only_never_opens_a_target_image(world: Path, tmp_path: Path) -> None:
    config = tiny_config(
        world, target=DataConfig(dataset="camvid", root=tmp_path / "nowhere", split="dusk_train", size=SIZE)
    )
    assert train(replace(config, steps=1), tmp_path / "run").state == "done"


def test_all_ignored_labels_are_counted_and_harmless(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import cv2

    monkeypatch.setenv("ESL_SKIP_DATA_CHECK", "1")  # which would not let such a set pass
    ignored = make_world(tmp_path / "ignored")
    for path in (ignored / "labels").glob("day_train_*.png"):
        cv2.imwrite(str(path), np.full(SIZE, 11, np.uint8))
    config = tiny_config(ignored, steps=2, weight_decay=0.0, momentum=0.0, selection=SelectionConfig())
    train(config, tmp_path / "run")
    last = metrics_of(tmp_path / "run")[-1]
    assert last["images_without_labels"] == 2
    assert last["seg_main"] == 0.0


def test_evaluation_of_a_run_says_its_protocol(world: Path, finished: Path) -> None:
    report = evaluate_checkpoint(finished, dataset="camvid", root=world, split="day_test", size=SIZE, precision="fp32")
    assert report.num_images == 4
    assert "logits resized" in report.protocol
    assert "mIoU" in report.to_text()
    assert json.loads(json.dumps(report.to_json()))["miou"] == pytest.approx(report.miou)
    logged = max(m["miou"] for m in metrics_of(finished) if m["kind"] == "evaluation")
    assert report.miou == pytest.approx(logged, abs=1e-4)


def test_a_score_reads_labels_in_the_format_that_its_split_names(world: Path, finished: Path) -> None:
    on = DataConfig(dataset="camvid", root=world, split="day_test", size=SIZE, label_format="morse")
    told = {"device": "cpu", "progress": no_progress, "should_stop": never_stop}
    with pytest.raises(EslError, match="'morse'"):
        evaluate_on(finished, on, "", **told)  # type: ignore[arg-type]
    assert evaluate_on(finished, replace(on, label_format=""), "", **told).num_images == 4  # type: ignore[arg-type]


def test_all_snapshots_of_a_run_are_scored_in_order(
    world: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "run"
    train(tiny_config(world, keep_checkpoints=3, selection=SelectionConfig()), run)
    assert len(list((run / "checkpoints").glob("step_*"))) == 3
    where = ["--dataset", "camvid", "--data-root", str(world), "--split", "day_test", "--precision", "fp32"]
    told = ["evaluate", "--checkpoint", str(run), *where, "--all", "--last", "2", "--json"]
    assert main(told) == 0
    series = json.loads(capsys.readouterr().out)
    names = [Path(report["predictions"]).name for report in series["checkpoints"]]
    assert names == ["step_000002", "step_000004", "step_000006"]
    mious = [report["miou"] for report in series["checkpoints"]]
    assert series["miou_mean"] == pytest.approx(np.mean(mious[1:]))
    assert series["miou_deviation"] == pytest.approx(np.std(mious[1:], ddof=1))
    assert main([*told[:-3], "--flip", "--scales", "0.5", "1"]) == 0
    text = capsys.readouterr().out
    assert "scales 0.5, 1 with flip, probabilities averaged" in text
    assert "Mean of the last 3" in text
    assert main([*told[:-2], "4"]) == 2
    assert "--last must be 0 (all) to 3" in capsys.readouterr().err


def test_learning_rates_are_those_of_the_step(world: Path, finished: Path) -> None:
    lines = {m["step"]: m["lr"] for m in metrics_of(finished) if m["kind"] == "train"}
    assert lines[2] == pytest.approx(1e-3 * (1 - 1 / 12) ** 0.9)
    assert torch.get_num_threads() >= 1
