"""`translate` and `bdl` on the command line: what they say, and how flags reach the settings."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from esl.cli import main
from esl.config import DataConfig, SelectionConfig
from esl.pipelines import bdl as bdl_module
from esl.pipelines import translate_train
from esl.pipelines.translate_apply import on_translated_source
from esl.pipelines.translate_train import TranslationResult
from esl.presets import preset

SOURCE_SELECTED = replace(
    preset("gta5_cityscapes_advent"), selection=SelectionConfig(data=DataConfig(dataset="gta5", split="val"), every=10)
)


@pytest.mark.parametrize(
    "words", [["translate", "train", "demo"], ["translate", "apply"], ["bdl", "demo"], ["bdl", "gta5_cityscapes"]]
)
def test_every_form_has_help(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    assert "usage" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["translate", "train", "gta6"], "translation preset"),
        (["translate", "train"], "translation preset"),
        (["translate", "draw"], "train or apply"),
        (["translate", "apply", "--run", "RUN", "--out", "OUT", "--split", "val"], "add --dataset"),
        (["bdl", "--rounds", "2"], "needs a preset"),
        (["bdl", "camvid_day_dusk_advent"], "benchmark with image translation"),
    ],
)
def test_mistakes_are_named(words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert sentence in capsys.readouterr().err


def test_flags_reach_a_translation(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    told: list[Any] = []

    def train_translation(config: Any, run: Any, **rest: Any) -> TranslationResult:
        told.append(config)
        return TranslationResult(run_dir=run, state="stopped", step=3, exit_code=143)

    monkeypatch.setattr(translate_train, "train_translation", train_translation)
    command = ["translate", "train", "demo", "--run", str(tmp_path), "--cycle", "5", "--data-root", "world"]
    assert main([*command, "--source.augment.crop", "64", "64", "--target.augment.crop", "64", "64"]) == 143
    assert told[0].cycle == 5
    assert told[0].source.augment.crop == told[0].target.augment.crop == (64, 64)
    assert told[0].source.root.name == "world"


def test_flags_reach_an_experiment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    told: list[Any] = []

    def bdl(config: Any, directory: Any, **rest: Any) -> dict[str, Any]:
        told.append(config)
        return {"stages": {}, "exit_code": 0}

    monkeypatch.setattr(bdl_module, "bdl", bdl)
    command = ["bdl", "demo", "--experiment", str(tmp_path), "--criterion", "max_prob", "--rounds", "1", "--steps", "7"]
    assert main([*command, "--no-image-translation", "--translation.steps", "2000", "--lr", "0.5"]) == 0
    (config,) = told
    assert (config.plan.steps, config.plan.image_translation) == (1, False)
    assert (config.adaptation.steps, config.adaptation.lr) == (7, 0.5)
    assert config.adaptation.pseudo_labels.criterion == "max_prob"
    assert not config.adaptation.network.multi_level


@pytest.mark.parametrize("name", ["demo_adaptsegnet_esl", "gta5_cityscapes_adaptsegnet_esl"])
def test_every_preset_can_train_on_its_translated_source(name: str, tmp_path: Path) -> None:
    config = preset(name)
    translated = on_translated_source(config, tmp_path)
    assert (translated.source.dataset, translated.source.size) == ("folder", config.source.size)
    assert translated.target == config.target
    # The demo's domains are splits of one data set: its source split cannot be told from the target's by its name.
    assert bool(translated.selection.data) == (bool(config.selection.data) and not name.startswith("demo"))
    assert on_translated_source(SOURCE_SELECTED, tmp_path).selection == SOURCE_SELECTED.selection
