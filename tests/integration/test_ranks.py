"""Extraction and evaluation under torchrun: the bytes and numbers of one process, and a lost rank made up for."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from esl.cli import main
from esl.config import SelectionConfig
from esl.errors import ConfigError
from esl.pipelines.ranks import launched_share, require_launched, summed_over_ranks
from esl.pipelines.train import train
from tests.integration.test_extract import contents
from tests.integration.training_world import make_world, tiny_config

REPOSITORY = Path(__file__).resolve().parents[2]


def test_a_share_is_what_the_launcher_says() -> None:
    assert launched_share({}) == (0, 1)
    assert launched_share({"RANK": "1", "WORLD_SIZE": "3", "LOCAL_RANK": "1"}) == (1, 3)
    assert launched_share({"SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "4", "SLURM_LOCALID": "0"}) == (2, 4)
    assert launched_share({"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}) == (0, 1), "a job script that started no step"
    counts = np.arange(4, dtype=np.int64)
    assert summed_over_ranks(counts, (0, 1)) is counts


TORCHRUN = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1"}
SRUN = {"SLURM_PROCID": "1", "SLURM_STEP_NUM_TASKS": "2", "SLURM_LOCALID": "1"}


def test_a_rank_takes_a_gpu_only_where_one_may_compute(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    monkeypatch.setattr("esl.pipelines.ranks._take_gpu", taken.append)
    told = {"RANK": "1", "WORLD_SIZE": "3", "LOCAL_RANK": "1"}
    assert launched_share(told, device="cpu") == (1, 3)
    assert not taken
    launched_share(told)
    assert taken == [1]


@pytest.mark.parametrize("told", [TORCHRUN, SRUN])
def test_a_training_is_started_as_often_as_it_has_ranks(told: dict[str, str]) -> None:
    require_launched(2, told)
    for ranks in (1, 4):
        with pytest.raises(ConfigError, match=f"srun started 2, .* is {ranks}"):
            require_launched(ranks, told)
    with pytest.raises(ConfigError, match="torchrun or srun started 1,"):
        require_launched(2, {"RANK": "0", "WORLD_SIZE": "1"})
    for alone in ({}, {"SLURM_PROCID": "0", "SLURM_NTASKS": "4"}, {"SLURM_PROCID": "0", "SLURM_STEP_NUM_TASKS": "1"}):
        require_launched(1, alone)
        require_launched(4, alone)  # it starts the others itself


@pytest.mark.parametrize("told", [TORCHRUN, SRUN])
def test_what_cannot_be_shared_is_refused_before_anything_is_written(
    told: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    assert main(["train", "demo_source_only", "--run", str(tmp_path / "run")]) == 2
    assert "Say --devices" in capsys.readouterr().err
    for verb in ("self-train", "reproduce", "bdl", "translate"):
        assert main([verb]) == 2
        assert f"{verb} must be started as one process: torchrun or srun started 2" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="started 2"):
        train(tiny_config(tmp_path), tmp_path / "run")
    assert not list(tmp_path.iterdir())


def esl(*arguments: str, ranks: int = 1, **environment: str) -> subprocess.CompletedProcess[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={ranks}"] if ranks > 1 else []
    command = [sys.executable, *launcher, "-m", "esl", *arguments]
    settings = {**os.environ, "OMP_NUM_THREADS": "1", "ESL_SKIP_DATA_CHECK": "1", **environment}
    return subprocess.run(command, cwd=REPOSITORY, env=settings, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_two_ranks_give_the_bytes_and_the_score_of_one(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world")
    train(tiny_config(world, steps=1, selection=SelectionConfig()), tmp_path / "run")
    data = ["--checkpoint", str(tmp_path / "run"), "--dataset", "camvid", "--data-root", str(world), "--device", "cpu"]
    data += ["--precision", "fp32", "--json"]
    split = ["--split", "day_train"]
    one = esl("extract", *data, *split, "--store", str(tmp_path / "one"))
    assert one.returncode == 0, one.stderr
    # A rank of three did its share and was lost with the rest; the same work under two ranks makes up for it.
    part = esl("extract", *data, *split, "--store", str(tmp_path / "two"), RANK="1", WORLD_SIZE="3", LOCAL_RANK="0")
    assert json.loads(part.stdout)["is_complete"] is False
    two = esl("extract", *data, *split, "--store", str(tmp_path / "two"), ranks=2)
    assert two.returncode == 0, two.stderr
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    reports = [esl("evaluate", *data, "--split", "day_test", ranks=ranks) for ranks in (1, 2)]
    first, second = (json.loads(done.stdout) for done in reports)
    assert first == second
    assert first["num_images"] == 4


@pytest.mark.slow
def test_ranks_that_start_together_begin_one_store(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world")
    train(tiny_config(world, steps=1, selection=SelectionConfig()), tmp_path / "run")
    data = ["--checkpoint", str(tmp_path / "run"), "--dataset", "camvid", "--data-root", str(world), "--device", "cpu"]
    data += ["--split", "dusk_train", "--precision", "fp32", "--json"]
    whole = esl("extract", *data, "--store", str(tmp_path / "two"), ranks=2)
    assert whole.returncode == 0, whole.stderr
    assert esl("extract", *data, "--store", str(tmp_path / "one")).returncode == 0
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
