"""Image translation, trained, stopped and applied: on a world of 32 by 48 pixels."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from esl.config import AugmentConfig, DataConfig
from esl.config.translation import TranslationConfig
from esl.data.opening import open_dataset
from esl.errors import CheckpointError, ConfigError, DataError
from esl.files import read_json
from esl.images import read_image, read_label
from esl.pipelines.train import train
from esl.pipelines.translate_apply import ApplyPlan, apply_translation
from esl.pipelines.translate_train import TranslationResult, train_translation
from esl.store.runs import RunDirectory
from esl.training.guards import NonFiniteError, StopRequest
from tests.integration.training_world import SIZE, make_world, metrics_of, tiny_config, weights_of

_VIEW = AugmentConfig(crop=(32, 32), flip=True)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


def tiny(world: Path, **changes: Any) -> TranslationConfig:
    config = TranslationConfig(
        class_set="camvid11",
        source=DataConfig(dataset="camvid", root=world, split="day_train", size=SIZE, augment=_VIEW),
        target=DataConfig(dataset="camvid", root=world, split="dusk_train", size=SIZE, augment=_VIEW),
        num_blocks=1, generator_width=4, discriminator_width=4, discriminator_layers=2,
        steps=4, constant_steps=2, batch_size=2, pool_size=3, log_every=2, save_every=2, precision="fp32",
    )  # fmt: skip
    return replace(config, **changes)


@pytest.fixture(scope="module")
def finished(world: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("finished") / "run"
    assert train_translation(tiny(world), run).state == "done"
    return run


def stopped_after(step: int, config: TranslationConfig, run: Path) -> TranslationResult:
    stop = StopRequest()

    def progress(done: int, total: int, note: str = "") -> None:
        if done == step:
            stop.ask(143)

    return train_translation(config, run, stop=stop, progress=progress)


def test_a_run_says_everything_about_itself(world: Path, finished: Path) -> None:
    record = read_json(finished / "config.json")
    assert record["kind"] == "translation"
    assert TranslationConfig.from_json(record["config"]) == tiny(world)
    status = RunDirectory(finished).status()
    assert (status.state, status.step, status.steps) == ("done", 4, 4)
    lines = metrics_of(finished)
    assert [line["step"] for line in lines] == [2, 4]
    assert {"gan_target", "cycle_source", "identity_target", "d_source", "d_target", "lr"} <= lines[0].keys()
    assert lines[1]["lr"] == pytest.approx(1e-4)
    assert "optim.safetensors" in weights_of(finished)


def test_a_stop_right_after_a_checkpoint_saves_it_once(world: Path, tmp_path: Path) -> None:
    stopped_after(2, tiny(world), tmp_path / "run")
    assert [path.name for path in (tmp_path / "run" / "checkpoints").glob("step_*")] == ["step_000002"]


@pytest.mark.parametrize("step", [1, 3])
def test_a_stopped_run_ends_with_the_same_bytes(world: Path, finished: Path, tmp_path: Path, step: int) -> None:
    assert stopped_after(step, tiny(world), tmp_path / "run").exit_code == 143
    assert RunDirectory(tmp_path / "run").status().state == "stopped"
    assert train_translation(tiny(world), tmp_path / "run").state == "done"
    assert weights_of(tmp_path / "run") == weights_of(finished)
    assert metrics_of(tmp_path / "run") == metrics_of(finished)


def test_other_settings_and_other_networks_are_refused(world: Path, finished: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cycle: 10.0 -> 5.0"):
        train_translation(tiny(world, cycle=5.0), finished)
    with pytest.raises(ConfigError, match="perceptual_network"):
        tiny(world, perceptual=1.0)
    with pytest.raises(ConfigError, match="multiples of 4"):
        tiny(world, source=replace(tiny(world).source, augment=AugmentConfig(crop=(30, 30))))
    with RunDirectory(finished).lock(), pytest.raises(CheckpointError, match="one process at a time"):
        train_translation(tiny(world), finished)


def test_a_loss_that_is_not_finite_stops_the_run(world: Path, tmp_path: Path) -> None:
    with pytest.raises(NonFiniteError, match="camvid:"):
        train_translation(tiny(world, lr=1e30, steps=4), tmp_path / "run")
    assert RunDirectory(tmp_path / "run").status().state == "failed"


def test_the_perceptual_network_is_read_and_stays_as_it_is(world: Path, tmp_path: Path) -> None:
    train(tiny_config(world, steps=1), tmp_path / "segmenter")
    before = weights_of(tmp_path / "segmenter")
    config = tiny(world, perceptual=1.0, perceptual_network=tmp_path / "segmenter", steps=1, constant_steps=1)
    train_translation(config, tmp_path / "run")
    (line,) = metrics_of(tmp_path / "run")
    assert line["perceptual_in_target"] > 0
    assert line["perceptual_source_again"] > 0
    assert weights_of(tmp_path / "segmenter") == before
    assert len(read_json(tmp_path / "run" / "config.json")["data"]["perceptual_network"]) == 64


def test_a_translated_set_opens_with_its_labels(world: Path, finished: Path, tmp_path: Path) -> None:
    manifest = apply_translation(finished, tmp_path / "out", ApplyPlan())
    assert manifest["complete"]
    before = open_dataset("camvid", world, "day_train")
    after = open_dataset("folder", tmp_path / "out", "day_train", "camvid11")
    assert after.image_ids == before.image_ids
    for image_id in after.image_ids:
        assert after.read_image(image_id).shape == (*SIZE, 3)
        assert np.array_equal(after.read_label(image_id), before.read_label(image_id))
    assert (tmp_path / "out" / "labels" / after.image_ids[0]).is_symlink()
    sheet = read_image(tmp_path / "out" / "sheet.png")
    assert sheet.shape == (6 * 196 - 4, 2 * 288 + 4, 3)
    assert len(open_dataset("folder", tmp_path / "out", "all")) == 6


def test_an_application_goes_on_where_it_stopped(finished: Path, tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    apply_translation(finished, whole, ApplyPlan())
    counts = iter(range(9))
    assert not apply_translation(finished, out, ApplyPlan(), should_stop=lambda: next(counts) >= 2)["complete"]
    first = {p.name: p.stat().st_mtime_ns for p in (out / "images").iterdir()}
    assert len(first) == 2
    with pytest.raises(DataError, match="direction"):
        apply_translation(finished, out, ApplyPlan(direction="to_source"))
    apply_translation(finished, out, ApplyPlan())
    for path in (whole / "images").iterdir():
        assert (out / "images" / path.name).read_bytes() == path.read_bytes()
    assert all((out / "images" / name).stat().st_mtime_ns == time for name, time in first.items())


def test_the_other_direction_translates_target_images(finished: Path, tmp_path: Path) -> None:
    manifest = apply_translation(finished, tmp_path / "out", ApplyPlan(direction="to_source", size=(20, 28)))
    assert manifest["split"] == "dusk_train"
    assert len(manifest["images"]) == 4
    assert read_image(next((tmp_path / "out" / "images").iterdir())).shape == (20, 28, 3)
    assert not (tmp_path / "out" / "labels").exists(), "labels of the target are never opened"


def test_images_of_any_size_keep_it_and_labels_follow_a_given_size(finished: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    for folder in ("images/day", "labels/day"):
        (own / folder).mkdir(parents=True)
    (own / "dataset.toml").write_text('classes = ["road", "car"]\n')
    rng = np.random.default_rng(3)
    for number, shape in enumerate([(33, 47), (8, 9), (50, 31)]):
        cv2.imwrite(str(own / f"images/day/{number}.jpg"), rng.integers(0, 256, (*shape, 3), np.uint8))
        cv2.imwrite(str(own / f"labels/day/{number}.png"), rng.integers(0, 2, shape, np.uint8))
    data = DataConfig(dataset="folder", root=own, split="day")
    apply_translation(finished, tmp_path / "any", ApplyPlan(data=data))
    after = open_dataset("folder", tmp_path / "any", "day")
    assert [after.read_image(i).shape[:2] for i in after.image_ids] == [(33, 47), (8, 9), (50, 31)]
    assert after.class_set.names == ("road", "car")
    apply_translation(finished, tmp_path / "sized", ApplyPlan(data=data, size=(24, 36)))
    label = read_label(tmp_path / "sized/labels/day/0.png", after.class_set.lookup("train_ids"))
    assert label.shape == (24, 36)


def test_a_folder_with_ids_of_its_own_keeps_its_classes_when_translated(finished: Path, tmp_path: Path) -> None:
    own = tmp_path / "own"
    for folder in ("images/day", "labels/day"):
        (own / folder).mkdir(parents=True)
    (own / "dataset.toml").write_text('class_set = "camvid11"\n[ids]\n70 = "road"\n80 = "car"\n')
    rng = np.random.default_rng(3)
    cv2.imwrite(str(own / "images/day/0.png"), rng.integers(0, 256, (16, 24, 3), np.uint8))
    cv2.imwrite(str(own / "labels/day/0.png"), rng.choice(np.uint8([70, 80]), (16, 24)))
    data = DataConfig(dataset="folder", root=own, split="day")
    apply_translation(finished, tmp_path / "out", ApplyPlan(data=data))
    before, after = (open_dataset("folder", root, "day", "camvid11") for root in (own, tmp_path / "out"))
    assert set(np.unique(after.read_label("day/0.png")).tolist()) == {3, 8}
    assert np.array_equal(after.read_label("day/0.png"), before.read_label("day/0.png"))


def test_a_run_of_segmentation_is_not_taken_for_translation(world: Path, tmp_path: Path) -> None:
    train(tiny_config(world, steps=1), tmp_path / "run")
    with pytest.raises(CheckpointError, match="no generators"):
        apply_translation(tmp_path / "run", tmp_path / "out", ApplyPlan())


def test_what_a_killed_call_left_half_written_is_swept_and_is_no_foreign_file(finished: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for left in (".manifest.json.a1.partial", "images/.day_train_0.png.b2.partial"):
        (out / left).parent.mkdir(parents=True, exist_ok=True)
        (out / left).write_bytes(b"half")
    with pytest.raises(DataError, match="empty folder"):
        apply_translation(finished, out, ApplyPlan())  # images/ is there, but no manifest
    (out / "images/.day_train_0.png.b2.partial").unlink()
    (out / "images").rmdir()
    stops = iter((False, True))
    apply_translation(finished, out, ApplyPlan(), should_stop=lambda: next(stops))
    (out / "images/.day_train_0.png.b2.partial").write_bytes(b"half")
    assert apply_translation(finished, out, ApplyPlan())["complete"]
    assert not list(out.rglob("*.partial"))
