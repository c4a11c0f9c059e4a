"""Faults that only a process of its own can have: kill -9, signals, full disks, ranks."""

import json
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from esl.config import SelectionConfig, TrainConfig, config_to_json
from esl.pipelines.evaluate import evaluate_checkpoint
from esl.pipelines.train import train
from esl.presets import ADVENT
from esl.store.runs import RunDirectory
from esl.training.guards import LostProcessError
from esl.training.order import image_at, position_of
from tests.integration.training_world import SIZE, make_world, metrics_of, tiny_config, weights_of

REPOSITORY = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_world(tmp_path_factory.mktemp("world"))


def command(config: TrainConfig, run: Path, devices: int = 1) -> list[str]:
    path = run.with_suffix(".json")
    path.write_text(json.dumps(config_to_json(config)))
    return [sys.executable, "-m", "tests.integration.train_program", str(path), str(run), str(devices)]


def start(config: TrainConfig, run: Path, devices: int = 1, **options: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **options.pop("env", {})}
    return subprocess.Popen(
        command(config, run, devices), cwd=REPOSITORY, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options,
    )  # fmt: skip


def wait_for_step(process: subprocess.Popen[str], step: int) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if line.strip() == f"step {step}":
            return
    raise AssertionError(process.communicate()[1])


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_thirty_kills_at_random_moments_lose_nothing(world: Path, tmp_path: Path) -> None:
    # A checkpoint after every step: a moment drawn at random falls into a save as often as into a step.
    config = tiny_config(world, steps=60, schedule_steps=60, save_every=1, log_every=1, selection=SelectionConfig())
    run, path = tmp_path / "killed", tmp_path / "config.json"
    path.write_text(json.dumps(config_to_json(config)))
    program = [sys.executable, "-m", "tests.integration.kill_program", str(path), str(run), "30", "7"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(program, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert len(told["states"]) >= 10
    assert set(told["states"]) == {"crashed"}
    assert told["end"] == "done"
    train(config, tmp_path / "whole")
    assert weights_of(run) == weights_of(tmp_path / "whole")
    assert metrics_of(run) == metrics_of(tmp_path / "whole")
    assert not list(run.rglob("*.partial"))


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 143)])
def test_signals_save_and_end_with_their_code(world: Path, tmp_path: Path, number: signal.Signals, code: int) -> None:
    config = tiny_config(world, steps=10_000, schedule_steps=10_000, save_every=10_000, selection=SelectionConfig())
    process = start(config, tmp_path / "run")
    wait_for_step(process, 2)
    process.send_signal(number)
    process.communicate(timeout=120)
    assert process.returncode == code
    status = RunDirectory(tmp_path / "run").status()
    assert status.state == "stopped"
    latest = (tmp_path / "run" / "checkpoints" / "LATEST").read_text().strip()
    assert latest == f"step_{status.step:06d}"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 143)])
def test_a_stop_of_the_whole_group_leaves_the_loading_processes_to_the_run(
    world: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    # As the page (killpg), a terminal (Ctrl-C), torchrun and SLURM send it: to the workers, too.
    config = tiny_config(
        world, steps=10_000, schedule_steps=10_000, save_every=10_000, num_workers=2, selection=SelectionConfig()
    )
    steps: list[int] = []
    for _ in range(2):  # the second goes on where the first was stopped
        process = start(config, tmp_path / "run", start_new_session=True)
        wait_for_step(process, (steps[-1] if steps else 0) + 2)
        workers = children_of(process.pid)
        assert len(workers) == 2
        os.killpg(process.pid, number)
        _, said = process.communicate(timeout=120)
        assert process.returncode == code, said
        status = RunDirectory(tmp_path / "run").status()
        assert status.state == "stopped"
        steps.append(status.step)
        assert (tmp_path / "run" / "checkpoints" / "LATEST").read_text().strip() == f"step_{status.step:06d}"
        assert not any(is_running(worker) for worker in workers)
    assert steps[1] >= steps[0] + 2


def test_a_killed_run_leaves_no_loading_process_behind(world: Path, tmp_path: Path) -> None:
    config = tiny_config(world, steps=10_000, schedule_steps=10_000, num_workers=2, selection=SelectionConfig())
    process = start(config, tmp_path / "run", start_new_session=True)
    wait_for_step(process, 2)
    workers = children_of(process.pid)
    assert len(workers) == 2
    process.kill()
    deadline = time.monotonic() + 60
    while any(is_running(worker) for worker in workers):
        assert time.monotonic() < deadline, workers
        time.sleep(0.1)
    process.communicate()


def test_a_full_disk_keeps_the_last_checkpoint_whole(world: Path, tmp_path: Path) -> None:
    config = tiny_config(world, steps=4, save_every=2, selection=SelectionConfig())
    run = tmp_path / "run"
    process = start(replace(config), run)
    wait_for_step(process, 2)
    process.kill()
    process.communicate()
    kept = weights_of(run)

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    full = start(config, run, preexec_fn=limit)
    _, said = full.communicate(timeout=180)
    assert full.returncode == 2
    assert "must be writable" in said
    assert "Free disk space" in said
    assert weights_of(run) == kept
    end = start(config, run)
    end.communicate(timeout=180)
    assert end.returncode == 0
    assert not list(run.rglob("*.partial"))


def test_two_ranks_equal_one_process_with_the_doubled_batch(world: Path, tmp_path: Path) -> None:
    method = replace(ADVENT, discriminator_width=4)
    config = tiny_config(world, method=method, steps=3, batch_size=1)
    ranks = start(config, tmp_path / "ranks", devices=2)
    _, said = ranks.communicate(timeout=300)
    assert ranks.returncode == 0, said
    train(replace(config, batch_size=2), tmp_path / "one")
    for name in ("model", "disc_main"):
        folder = "checkpoints/step_000003"
        one, two = (load_file(tmp_path / r / folder / f"{name}.safetensors") for r in ("one", "ranks"))
        for key, value in one.items():
            torch.testing.assert_close(two[key], value, rtol=0, atol=1e-5, msg=key)
    scores = [[m["miou"] for m in metrics_of(tmp_path / r) if m["kind"] == "evaluation"] for r in ("one", "ranks")]
    assert scores[0] == pytest.approx(scores[1], abs=0.02)


def test_ranks_score_the_network_that_they_keep(world: Path, tmp_path: Path) -> None:
    config = tiny_config(world, steps=12, schedule_steps=24, lr=5e-3, save_every=12)
    # Each rank's running statistics are of its own images.
    config = replace(config, network=replace(config.network, batch_norm="batch"))
    ranks = start(config, tmp_path / "run", devices=2)
    _, said = ranks.communicate(timeout=300)
    assert ranks.returncode == 0, said
    last = tmp_path / "run" / "checkpoints" / "step_000012"
    kept = evaluate_checkpoint(last, dataset="camvid", root=world, split="day_test", size=SIZE, precision="fp32")
    scored = [m["iou"] for m in metrics_of(tmp_path / "run") if m["kind"] == "evaluation"]
    assert scored[-1] == pytest.approx(list(kept.iou), abs=1e-4)


def test_a_loss_gone_wrong_in_one_rank_stops_all(world: Path, tmp_path: Path) -> None:
    config = tiny_config(world, steps=50, schedule_steps=50, selection=SelectionConfig())
    began = time.monotonic()
    ranks = start(config, tmp_path / "run", devices=2, env={"POISON_RANK": "1"})
    _, said = ranks.communicate(timeout=300)
    assert ranks.returncode != 0
    assert "must be finite" in said
    # Rank 1's images alone are named: the second of each pair of positions.
    message = RunDirectory(tmp_path / "run").status().message
    step = int(re.findall(r"at step (\d+)", message)[0])
    number = image_at(position_of(step, 1, 0, world_size=2, batch_size=1), 6, config.seed, 0)
    assert re.findall(r"camvid:day_train_\d+", message) == [f"camvid:day_train_{number}"]
    assert time.monotonic() - began < 240
    status = RunDirectory(tmp_path / "run").status()
    assert (status.state, status.step) == ("failed", status.step)
    assert "must be finite" in status.message


@pytest.mark.parametrize(("moment", "step"), [("start", 0), ("step", 3), ("evaluation", 4)])
def test_a_stop_that_one_rank_was_told_of_stops_all_at_the_same_place(
    world: Path, tmp_path: Path, moment: str, step: int
) -> None:
    config = tiny_config(world, steps=6, save_every=10)
    config = replace(config, selection=replace(config.selection, every=4))
    ranks = start(config, tmp_path / "run", devices=2, env={"STOP_AT": f"1:{moment}"})
    _, said = ranks.communicate(timeout=300)
    assert ranks.returncode == 143, said
    status = RunDirectory(tmp_path / "run").status()
    assert (status.state, status.step) == ("stopped", step)
    assert moment == "start" or not any(m["kind"] == "evaluation" for m in metrics_of(tmp_path / "run"))
    again = start(config, tmp_path / "run", devices=2)
    _, said = again.communicate(timeout=300)
    assert again.returncode == 0, said
    assert [m["step"] for m in metrics_of(tmp_path / "run") if m["kind"] == "evaluation"] == [4, 6]


@pytest.mark.parametrize("lost", ["0", "1"])
def test_a_killed_rank_stops_the_others_and_nothing_is_lost(world: Path, tmp_path: Path, lost: str) -> None:
    config = tiny_config(world, steps=4, save_every=1, selection=SelectionConfig())
    ranks = start(config, tmp_path / "run", devices=2, env={"DIE_RANK": lost})
    _, said = ranks.communicate(timeout=300)
    assert ranks.returncode != 0
    assert "needs all of its 2 processes" in said
    assert RunDirectory(tmp_path / "run").status().state == ("failed" if lost == "1" else "crashed")
    again = start(config, tmp_path / "run", devices=2)
    _, said = again.communicate(timeout=300)
    assert again.returncode == 0, said
    assert "Continuing from step" in (tmp_path / "run" / "log.txt").read_text()
    if lost == "1":
        whole = start(config, tmp_path / "whole", devices=2)
        whole.communicate(timeout=300)
        assert weights_of(tmp_path / "run") == weights_of(tmp_path / "whole")
        assert metrics_of(tmp_path / "run") == metrics_of(tmp_path / "whole")


def test_a_killed_loading_process_is_a_sentence_and_nothing_is_lost(world: Path, tmp_path: Path) -> None:
    config = tiny_config(world, steps=12, save_every=1, num_workers=1, selection=SelectionConfig())

    def kill_workers(done: int, total: int, note: str = "") -> None:
        for child in multiprocessing.active_children() if done == 2 else ():
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)

    with pytest.raises(LostProcessError, match=r"a worker died.*fewer workers"):
        train(config, tmp_path / "run", progress=kill_workers)
    assert RunDirectory(tmp_path / "run").status().state == "failed"
    assert train(config, tmp_path / "run").state == "done"
    train(replace(config, num_workers=0), tmp_path / "whole")
    assert weights_of(tmp_path / "run") == weights_of(tmp_path / "whole")


def test_another_number_of_ranks_is_refused(world: Path, tmp_path: Path) -> None:
    config = tiny_config(world, steps=2, selection=SelectionConfig())
    train(config, tmp_path / "run")
    ranks = start(config, tmp_path / "run", devices=2)
    _, said = ranks.communicate(timeout=300)
    assert ranks.returncode != 0
    assert "world_size: 1 -> 2" in said
