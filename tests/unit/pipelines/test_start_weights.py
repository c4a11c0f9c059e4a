"""What a run is held to when it goes on."""

from pathlib import Path
from typing import Any

import pytest

from esl.config import DataConfig, TrainConfig, config_to_json
from esl.errors import CheckpointError
from esl.files import sha256_of, write_json
from esl.pipelines.start_weights import held_to_its_start, init_weights_digest
from esl.store.runs import RunDirectory


def told(**changes: Any) -> TrainConfig:
    return TrainConfig(source=DataConfig(dataset="camvid", split="day_train"), **changes)


def weights(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


def begun(folder: Path, config: TrainConfig, data: dict[str, Any]) -> RunDirectory:
    run = RunDirectory(folder).create()
    write_json(run.config_path, {"config": config_to_json(config), "data": data})
    return run


def test_initial_weights_are_known_by_their_file(tmp_path: Path) -> None:
    path = weights(tmp_path / "a.safetensors", "a")
    assert init_weights_digest(told()) == ""
    assert init_weights_digest(told(init_weights=path)) == sha256_of(path)
    folder = tmp_path / "run" / "checkpoints"
    for step in ("step_1", "step_2"):
        (folder / step).mkdir(parents=True)
        weights(folder / step / "model.safetensors", step)
        weights(folder / step / "model.json", "{}")
    weights(folder / "LATEST", "step_2")
    weights(folder / "BEST", "step_1")
    whole = told(init_weights=tmp_path / "run", init_part="network")
    assert init_weights_digest(whole) == sha256_of(folder / "step_2" / "model.safetensors")


@pytest.mark.parametrize("part", ["backbone", "network"])
def test_initial_weights_that_are_not_there_are_named(tmp_path: Path, part: Any) -> None:
    with pytest.raises(CheckpointError, match=r"must exist: there is .*nowhere"):
        init_weights_digest(told(init_weights=tmp_path / "nowhere", init_part=part))


def test_a_run_without_a_checkpoint_begins_anew_from_the_same_weights_only(tmp_path: Path) -> None:
    old, moved, new = (weights(tmp_path / name, name[:1]) for name in ("old", "old_moved", "new"))
    config, start = held_to_its_start(told(init_weights=old), RunDirectory(tmp_path / "run"))
    assert start == {"init_weights": sha256_of(old)}
    run = begun(tmp_path / "run", config, start)
    assert held_to_its_start(told(init_weights=moved), run) == (told(init_weights=moved), start)
    with pytest.raises(CheckpointError, match=r"began with .*old \(sha256 .*this is .*new \(sha256"):
        held_to_its_start(told(init_weights=new), run)
    with pytest.raises(CheckpointError, match="this is random weights"):
        held_to_its_start(told(), run)
    random = begun(tmp_path / "random", told(), {})
    assert held_to_its_start(told(), random) == (told(), {})
    with pytest.raises(CheckpointError, match="began with random weights"):
        held_to_its_start(told(init_weights=new), random)


def test_a_run_with_a_checkpoint_keeps_what_it_once_started_from(tmp_path: Path) -> None:
    config = told(init_weights=tmp_path / "gone")
    run = begun(tmp_path / "run", config, {"init_weights": "0123"})
    (run.checkpoints_dir / "step_000001").mkdir(parents=True)
    for other in (told(), told(init_weights=tmp_path / "new"), config):
        assert held_to_its_start(other, run) == (config, {"init_weights": "0123"})


def test_a_run_that_recorded_no_digest_goes_on_as_it_did(tmp_path: Path) -> None:
    old, new = (weights(tmp_path / name, name) for name in ("old", "new"))
    run = begun(tmp_path / "run", told(init_weights=old), {})
    other = told(init_weights=new)
    assert held_to_its_start(other, run) == (other, {"init_weights": sha256_of(new)})
    (run.checkpoints_dir / "step_000001").mkdir(parents=True)
    assert held_to_its_start(other, run) == (told(init_weights=old), {})
