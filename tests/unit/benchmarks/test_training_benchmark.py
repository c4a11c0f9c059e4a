"""The training benchmark times the same iteration on both sides."""

from pathlib import Path

import pytest

from benchmarks.measure import Measurement
from benchmarks.training import SETTINGS, config_of, run, table, write_world


def test_both_sides_make_a_step(tmp_path: Path) -> None:
    setting = SETTINGS["tiny"]
    write_world(tmp_path / "w", setting.files)
    for name in ("reference", "ours_fp32"):
        measured = run(name, setting, tmp_path / "w", "cpu", 1)
        assert measured.seconds > 0
    assert config_of(setting, tmp_path / "w").method.name == "advent"


def test_the_table_gives_ratios() -> None:
    rows = [
        Measurement(name=name, seconds=s, peak_mb=m, own_mb=0.0) for name, s, m in (("a", 4.0, 100.0), ("b", 2.0, 50.0))
    ]
    assert "| b | 2.000 | 2.00 | 50 | 0.50 |" in table(rows, "tiny", "cpu")


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_those_of_the_paper_s_method(name: str, tmp_path: Path) -> None:
    config = config_of(SETTINGS[name], tmp_path)
    assert config.network.multi_level
    assert config.backbone_lr_multiplier == 3.0
