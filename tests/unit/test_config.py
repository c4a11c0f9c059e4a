"""Configs check themselves, survive JSON, and say how they differ."""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from esl.config import (
    AugmentConfig,
    DataConfig,
    MethodConfig,
    PseudoLabelConfig,
    TrainConfig,
    config_differences,
    config_from_json,
    config_hash,
    config_to_json,
)
from esl.errors import ConfigError
from esl.presets import ADVENT, PRESETS, preset, with_data_root

BASE = preset("camvid_day_dusk_advent_esl")


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_survives_json(name: str) -> None:
    assert PRESETS[name].preset == name
    assert config_from_json(config_to_json(PRESETS[name])) == PRESETS[name]


def test_all_faults_come_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        replace(BASE, steps=-1, lr=float("nan"), momentum=2.0, batch_size=0)
    for part in ("steps must be", "lr must be", "momentum must be", "batch_size must be", "got nan"):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: MethodConfig(lambda_adv_main=float("nan")), "lambda_adv_main"),
        (lambda: PseudoLabelConfig(nu_star=1.5), "nu_star must be a number from 0 to 1"),
        (lambda: DataConfig(dataset="camvid"), "a split of camvid must be named"),
        (lambda: DataConfig(size=(100, 100), augment=AugmentConfig(crop=(128, 64))), "must fit into size"),
        (lambda: AugmentConfig(scale=(0.5, 1.0)), "scale needs a crop"),
        (lambda: replace(BASE, target=DataConfig()), "needs target.dataset"),
        (lambda: replace(BASE, schedule_steps=10), "schedule_steps must be at least steps"),
        (lambda: replace(BASE, class_set="cityscapes20"), "class_set must be one of"),
    ],
)
def test_what_makes_no_sense_is_refused(build, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ConfigError, match=message):
        build()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stepps": 3}, "known fields only; got stepps"),
        ({"steps": "3"}, "config.steps must be of type int"),
        ({"steps": True}, "config.steps must be of type int"),
        ({"precision": "fp16"}, "config.precision must be one of auto, fp32, bf16"),
        ({"source": 3}, "config.source must be a JSON object"),
        ({"config_version": 99}, "must have version 1"),
    ],
)
def test_json_that_is_no_config_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config_from_json(config_to_json(BASE) | change)


def test_differences_are_named_and_moved_data_is_none() -> None:
    changed = replace(BASE, lr=1e-3, method=replace(BASE.method, lambda_sl=0.5))
    assert config_differences(BASE, changed) == ["lr: 0.0005 -> 0.001", "method.lambda_sl: 1.0 -> 0.5"]
    assert config_hash(changed) != config_hash(BASE)
    moved = replace(with_data_root(BASE, "/elsewhere"), num_workers=3)
    assert config_differences(BASE, moved) == []
    assert config_hash(moved) == config_hash(BASE)
    assert len(config_differences(BASE, moved, free=True)) == 4


def test_overrides_keep_their_train_ids_through_json() -> None:
    labels = PseudoLabelConfig(source="store", path=Path("s"), nu_overrides={3: 0.2})
    config = replace(BASE, pseudo_labels=labels)
    assert config_from_json(config_to_json(config)).pseudo_labels.nu_overrides == {3: 0.2}


def test_the_paper_s_numbers_stand_in_its_presets() -> None:
    paper = preset("gta5_cityscapes_advent_esl")
    assert (paper.source.size, paper.target.size) == ((720, 1280), (512, 1024))
    assert (paper.lr, paper.momentum, paper.weight_decay, paper.poly_power) == (2.5e-4, 0.9, 5e-4, 0.9)
    assert (paper.steps, paper.schedule_steps, paper.batch_size) == (120_000, 250_000, 1)
    assert (paper.method.lambda_adv_main, paper.method.lambda_adv_aux, paper.method.lambda_sl) == (1e-3, 2e-4, 1.0)
    assert (paper.pseudo_labels.mu_star, paper.pseudo_labels.nu_star) == (0.9, 0.1)
    assert paper.backbone_lr_multiplier == 3.0
    assert not paper.source.augment.flip
    assert preset("synthia_cityscapes_advent").schedule_steps == 90_000
    assert preset("synthia_cityscapes_advent").class_set == "cityscapes16"
    assert preset("synthia_mapillary_advent_ssl").class_set == "cityscapes7"
    assert preset("gta5_cityscapes_adaptsegnet").network.aspp_branches == 2


def test_source_only_presets_do_not_use_the_target() -> None:
    assert not preset("gta5_cityscapes_source_only").uses_target
    assert preset("gta5_cityscapes_source_only_esl").uses_target
    assert ADVENT.is_adversarial


def test_an_unknown_preset_is_answered_with_those_that_come_near() -> None:
    with pytest.raises(ConfigError, match="camvid_day_source_only.*got 'camvid_night'"):
        preset("camvid_night")


def test_every_field_is_explained_or_plain() -> None:
    import ast
    import inspect

    import esl.config.parts
    import esl.config.train

    plain = {"network", "method", "source", "target", "selection", "pseudo_labels", "lr", "momentum", "augment", "backbone", "mu_star", "nu_star"}  # fmt: skip
    for module in (esl.config.parts, esl.config.train):
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef):
                explained = {
                    a.target.id
                    for a, b in zip(node.body, node.body[1:])
                    if isinstance(a, ast.AnnAssign) and isinstance(a.target, ast.Name)
                    and isinstance(b, ast.Expr) and isinstance(b.value, ast.Constant)
                }  # fmt: skip
                kind = getattr(module, node.name)
                assert {f.name for f in fields(kind)} - explained - plain == set(), node.name
    assert fields(TrainConfig)
