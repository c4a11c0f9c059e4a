"""The form is the config: its help, its kinds, its faults, and a command line that gives the same config back."""

from dataclasses import replace
from pathlib import Path

import pytest
import tyro

from esl.config import AugmentConfig, DataConfig, TrainConfig
from esl.config.form import command_flags, form_fields, with_values
from esl.errors import ConfigError

BASE = TrainConfig(
    source=DataConfig(dataset="demo", split="source_train", size=(256, 512)), steps=10, schedule_steps=10
)


def test_every_field_has_its_kind_value_and_help() -> None:
    fields = {f.path: f for f in form_fields(BASE)}
    assert fields["steps"].kind == "integer"
    assert fields["steps"].value == 10
    assert "Updates" in fields["steps"].help
    assert fields["precision"].choices == ("auto", "fp32", "bf16")
    assert fields["source.size"].value == [256, 512]
    assert "NaN" not in repr(fields)
    without_help = {p for p, f in fields.items() if not f.help}
    assert without_help <= {"momentum", "network.backbone", "pseudo_labels.mu_star", "pseudo_labels.nu_star"}


def test_values_of_a_form_make_a_config() -> None:
    made = with_values(
        BASE,
        {
            "steps": "8",
            "lr": "1e-3",
            "source.augment.flip": "true",
            "source.augment.crop": "64, 128",
            "source.root": "a b",
        },
    )
    expected = replace(
        BASE,
        steps=8,
        lr=1e-3,
        source=replace(BASE.source, root=Path("a b"), augment=AugmentConfig(flip=True, crop=(64, 128))),
    )
    assert made == expected


@pytest.mark.parametrize(
    ("values", "said"),
    [({"steps": "-1"}, "steps must be"), ({"method.lambda_adv_main": "nan"}, "lambda_adv_main must be a finite number"), ({"steps": "many"}, "whole number"),
     ({"step": 1}, "step"), ({"precision": "fp16"}, "one of its choices"), ({"source.size": "3"}, "numbers"), ({"compile": "maybe"}, "true or false"),
     ({"source.root": "a\0b"}, "path"), ({"steps": 1.5}, "whole")],
)  # fmt: skip
def test_nonsense_is_named_with_its_field(values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        with_values(BASE, values)


def test_the_command_line_gives_the_config_back() -> None:
    config = with_values(
        BASE,
        {"steps": 9, "seed": 7, "compile": True, "source.augment.crop": [64, 64], "source.augment.flip": True, "method.name": "my own",
         "pseudo_labels.mu_overrides": {"3": 0.5}, "source.root": "/data/a b", "precision": "fp32"},
    )  # fmt: skip
    flags = command_flags(BASE, config)
    assert "--source.augment.flip" in flags
    assert tyro.cli(TrainConfig, default=BASE, args=flags) == config
    assert command_flags(config, config) == []
    back = command_flags(config, BASE)
    assert "--no-compile" in back
