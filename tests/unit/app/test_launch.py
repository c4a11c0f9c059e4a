"""The command line refuses what would open the server to strangers or make no sense: one sentence, exit code 2."""

import subprocess
import sys
from pathlib import Path

import pytest

from esl.errors import ConfigError
from launch import LaunchConfig, main


@pytest.mark.parametrize(
    ("config", "says"),
    [
        (LaunchConfig(host="0.0.0.0"), "needs a login"),
        (LaunchConfig(port=0), "1 to 65535"),
        (LaunchConfig(checkpoint=Path("c.safetensors")), "--dataset"),
        (LaunchConfig(dataset="camvid", split="dusk"), "--checkpoint"),
        (LaunchConfig(auth=Path("no-such-file")), "--auth"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(config: LaunchConfig, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        main(config)


@pytest.mark.slow
def test_a_store_that_is_none_ends_with_one_sentence(repository: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(repository / "launch.py"), "--store", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300, check=False)
    assert done.returncode == 2
    assert "manifest.json" in done.stderr
    assert "Traceback" not in done.stderr
