"""Ranks of one machine end together, whichever of them ends first and however the others hang."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("how", "code", "words"),
    [
        ("fine", 0, ""),
        ("stopped", 143, ""),
        ("first fails", 1, "the first one says why"),
        ("another dies", 2, r"needs all of its 2 processes: process \d+ ended with code 3"),
        ("first is killed", -9, r"needs all of its 2 processes: process \d+, which started this one, is gone"),
        ("torchrun is killed", -9, r"needs all of its 2 processes: process \d+, which started this one, is gone"),
    ],
)
def test_ranks_end_together(how: str, code: int, words: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.unit.training.ranks_program", how, str(tmp_path)]
    environment = {
        k: v for k, v in os.environ.items() if k not in ("LOCAL_RANK", "ESL_LAUNCHER", "TORCHELASTIC_RUN_ID")
    }
    with open(tmp_path / "said", "wb") as said:
        assert subprocess.call(command, cwd=REPOSITORY, env=environment, stdout=said, stderr=said, timeout=120) == code
    deadline = time.monotonic() + 30
    for rank in tmp_path.glob("rank_*"):
        while Path("/proc", rank.read_text()).exists():
            assert time.monotonic() < deadline, rank
            time.sleep(0.05)
    assert re.search(words, (tmp_path / "said").read_text())
