"""The suite passes on reference values of another seed, so it rests on no number of the committed ones."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_the_suite_passes_on_another_seed(tmp_path: Path) -> None:
    folder = tmp_path / "golden"
    subprocess.run(
        [sys.executable, "-m", "tests.parity.other_seed", str(folder), "another"], cwd=REPOSITORY, check=True
    )
    chosen = ["tests/parity", "--deselect", "tests/parity/test_other_seed.py", "--ignore-glob", "*viewer*"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *chosen],
        cwd=REPOSITORY,
        env=os.environ | {"ESL_GOLDEN": str(folder)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
