"""What a run needs is known before it starts, and a full disk is said beside the button."""

import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from esl.models.deeplab_v2 import NetworkSpec, build_network
from esl.pipelines.launching import Launch, plan_launch
from esl.pipelines.resources import PARAMETERS, checkpoint_bytes, resources_for
from esl.presets import preset

Usage = namedtuple("Usage", ("total", "used", "free"))


@pytest.mark.parametrize("backbone", PARAMETERS)
def test_numbers_of_parameters_are_those_of_the_networks(backbone: str) -> None:
    with torch.device("meta"):
        network = build_network(NetworkSpec(num_classes=19, backbone=backbone))  # type: ignore[arg-type]
    count = sum(p.numel() for p in network.parameters())
    assert count == pytest.approx(PARAMETERS[backbone], rel=0.1)


def test_a_checkpoint_of_an_adversarial_run_holds_its_discriminators() -> None:
    plain, adversarial = (checkpoint_bytes(preset(f"gta5_cityscapes_{m}")) for m in ("minent", "adaptsegnet"))
    assert adversarial - plain == pytest.approx(2 * 12 * 2.76e6, rel=0.01)


def test_what_is_free_is_what_the_system_says(tmp_path: Path) -> None:
    found = resources_for(preset("demo_advent"), tmp_path / "not" / "there" / "yet", ("cpu",))
    assert found.disk_free == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.2)
    assert found.memory_free is not None
    assert found.memory_free > 1 << 20
    assert resources_for(preset("demo_advent"), tmp_path, ("cuda:99",)).memory_free is None


def test_a_run_that_does_not_fit_on_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    launch = Launch(job_id="j", run="r", preset="demo_advent", kind="self-train", rounds=2)
    places = {"runs_dir": tmp_path, "stores_dir": tmp_path, "roots": (tmp_path,)}
    assert plan_launch(launch, **places).faults == {}  # type: ignore[arg-type]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9, 10**7))
    plan = plan_launch(launch, **places)  # type: ignore[arg-type]
    assert "GB are free" in plan.faults[""]
    assert plan.resources is not None
    one = plan_launch(replace(launch, kind="train"), **places).resources  # type: ignore[arg-type]
    assert one is not None
    assert plan.resources.disk_needed == 3 * one.disk_needed
