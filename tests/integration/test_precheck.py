"""Every long run first looks at its data, refuses what it would trip over, and pays for that once."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import esl.pipelines.precheck as precheck
from esl.config import DataConfig, SelectionConfig
from esl.data.opening import open_dataset
from esl.errors import DataError
from esl.pipelines.extract import extract
from esl.pipelines.precheck import require_sound
from esl.pipelines.self_train import SelfTraining, self_train
from esl.pipelines.train import train
from esl.pipelines.translate_apply import ApplyPlan, apply_translation
from esl.pipelines.translate_train import train_translation
from esl.presets import MINENT
from tests.integration.extraction_world import FakeInfo, FakeSource
from tests.integration.test_translate import tiny as tiny_translation_config
from tests.integration.training_world import SIZE, make_world, tiny_config


@pytest.fixture
def world(tmp_path: Path) -> Path:
    return make_world(tmp_path / "world")


def count_examinations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Splits examined from now on, in order."""
    seen: list[str] = []
    examine = precheck.examine

    def counted(pairs, **options):  # type: ignore[no-untyped-def]
        seen.append(pairs.split)
        return examine(pairs, **options)

    monkeypatch.setattr(precheck, "examine", counted)
    return seen


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def test_a_run_checks_all_that_it_reads_and_a_resume_does_not_pay_again(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = count_examinations(monkeypatch)
    config = tiny_config(world, steps=2, method=MINENT)
    train(config, tmp_path / "run")
    assert seen == ["day_train", "dusk_train", "day_test"]
    train(config, tmp_path / "run")
    train(config, tmp_path / "other")
    assert len(seen) == 3
    truncate(world / "labels" / "day_train_1.png")
    with pytest.raises(DataError, match=r"day_train_1\.png"):
        train(config, tmp_path / "run")
    assert seen[3:] == ["day_train"]


def test_what_is_wrong_is_one_sentence_and_nothing_is_begun(world: Path, tmp_path: Path) -> None:
    truncate(world / "images" / "day_train_2.png")
    cv2.imwrite(str(world / "labels" / "day_train_3.png"), np.zeros((4, 4), np.uint8))
    with pytest.raises(DataError) as caught:
        train(tiny_config(world), tmp_path / "run")
    said = str(caught.value)
    assert "camvid day_train" in said
    assert "day_train_2.png" in said
    assert "1 more thing is wrong" in said
    assert "python -m esl data-check camvid --split day_train" in said
    assert not (tmp_path / "run" / "config.json").exists()


def test_every_long_run_begins_with_it(world: Path, tmp_path: Path) -> None:
    target = open_dataset("camvid", world, "dusk_train", "camvid11")
    run = tmp_path / "translation"
    train_translation(tiny_translation_config(world), run)
    truncate(world / "images" / "dusk_train_0.png")
    with pytest.raises(DataError, match=r"long run: camvid dusk_train.*dusk_train_0\.png"):
        extract(FakeSource(info=FakeInfo(num_classes=11)), target, tmp_path / "store")
    assert not (tmp_path / "store").exists()
    with pytest.raises(DataError, match="long run: camvid dusk_train"):
        train_translation(tiny_translation_config(world), tmp_path / "again")
    with pytest.raises(DataError, match="long run: camvid dusk_train"):
        apply_translation(run, tmp_path / "out", ApplyPlan(direction="to_source"))
    assert not (tmp_path / "out").exists()
    truncate(world / "images" / "day_test_0.png")
    plan = SelfTraining(score_on=DataConfig(dataset="camvid", root=world, split="day_test", size=SIZE))
    with pytest.raises(DataError, match="long run: camvid day_test"):
        self_train(tiny_config(world, selection=SelectionConfig()), tmp_path / "e", plan)
    assert not (tmp_path / "e").exists()


def test_target_labels_are_not_so_much_as_looked_for(world: Path) -> None:
    target = open_dataset("camvid", world, "dusk_train", "camvid11")
    report = require_sound(target, with_labels=False)
    assert report is not None
    assert (report.num_images, report.num_labels) == (4, 0)
    assert not any("label" in finding.message for finding in report.findings)
    (world / "labels" / "dusk_train_0.png").unlink()
    assert require_sound(target, with_labels=False) is None, "a target's label changes nothing"
    with pytest.raises(DataError, match="label"):
        require_sound(target, with_labels=True)


def test_a_missing_part_is_said_and_does_not_stop(world: Path, checked_data: Path) -> None:
    source = open_dataset("camvid", world, "day_train", "camvid11")
    said: list[str] = []
    require_sound(source, with_labels=True, say=said.append)
    assert any("images; 6 are there" in sentence for sentence in said)


def test_the_check_can_be_left_out(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truncate(world / "images" / "day_train_2.png")
    source = open_dataset("camvid", world, "day_train", "camvid11")
    monkeypatch.setenv("ESL_SKIP_DATA_CHECK", "1")
    assert require_sound(source, with_labels=True) is None


def test_without_a_cache_folder_it_is_checked_each_time(world: Path, checked_data: Path) -> None:
    checked_data.write_text("a file where the folder should be")
    source = open_dataset("camvid", world, "day_train", "camvid11")
    assert require_sound(source, with_labels=True) is not None
    assert require_sound(source, with_labels=True) is not None
