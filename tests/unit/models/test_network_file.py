import dataclasses
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from esl.classes import CITYSCAPES_16, CITYSCAPES_19
from esl.errors import CheckpointError
from esl.files import read_json, sha256_of, write_json
from esl.models.checkpoint_paths import list_checkpoints, resolve_checkpoint
from esl.models.weights import NetworkInfo, load_network, read_info, save_network
from tests.unit.models.conftest import SaveTiny


def test_what_was_saved_comes_back(save_tiny: SaveTiny) -> None:
    path, network = save_tiny()
    loaded, info = load_network(path, class_set=CITYSCAPES_19)
    assert not loaded.training
    assert info.sha256 == sha256_of(path)
    for name, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_saving_twice_gives_the_same_bytes(save_tiny: SaveTiny) -> None:
    first, network = save_tiny()
    info = read_info(first)
    network = network.to(memory_format=torch.channels_last)
    again = save_network(first.parent / "again", network, dataclasses.replace(info, provenance={"seed": 3}))
    assert again.sha256 == info.sha256
    assert read_info(first.parent / "again").provenance == {"seed": 3}


def test_another_number_of_classes_is_refused(save_tiny: SaveTiny) -> None:
    path, _ = save_tiny(num_classes=16)
    load_network(path, class_set=CITYSCAPES_16)
    with pytest.raises(CheckpointError, match=r"trained for 16 \(cityscapes16\), cityscapes19 has 19"):
        load_network(path, class_set=CITYSCAPES_19)


def test_a_truncated_file_is_named(save_tiny: SaveTiny) -> None:
    path, _ = save_tiny()
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match=r"tiny.safetensors is truncated or damaged"):
        load_network(path)


def test_one_changed_byte_is_noticed(save_tiny: SaveTiny) -> None:
    path, _ = save_tiny()
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="sha256"):
        load_network(path)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_renamed_pickle_is_named(save_tiny: SaveTiny, legacy: bool) -> None:
    path, network = save_tiny()
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=not legacy)
    with pytest.raises(CheckpointError, match="PyTorch pickle"):
        load_network(path)


def _rewrite(path: Path, state: dict[str, torch.Tensor]) -> None:
    save_file(state, path)
    write_json(path.with_suffix(".json"), {**read_json(path.with_suffix(".json")), "sha256": ""})


def test_every_misfit_is_listed(save_tiny: SaveTiny) -> None:
    path, _ = save_tiny()
    state = load_file(path)
    del state["layer1.0.conv1.weight"]
    state["bn1.bias"] = torch.zeros(3)
    state["extra"] = torch.zeros(1)
    state["bn1.weight"] = torch.full((64,), torch.nan)
    _rewrite(path, state)
    with pytest.raises(
        CheckpointError,
        match=r"missing: layer1.0.conv1.weight.*unexpected: extra.*bn1.bias \(3,\) instead of \(64,\).*not finite: bn1.weight",
    ):
        load_network(path)


def test_old_files_without_counters_load(save_tiny: SaveTiny) -> None:
    path, _ = save_tiny()
    _rewrite(path, {k: v for k, v in load_file(path).items() if not k.endswith("num_batches_tracked")})
    load_network(path)


@pytest.mark.parametrize("text", ["{}", "[]", "not json", '{"format": "esl-network", "version": 1, "num_classes": 19}'])
def test_a_wrong_json_is_refused(save_tiny: SaveTiny, text: str) -> None:
    path, _ = save_tiny()
    path.with_suffix(".json").write_text(text)
    with pytest.raises(CheckpointError, match=r"tiny\.json"):
        load_network(path)


def test_a_json_of_the_future_is_refused(save_tiny: SaveTiny) -> None:
    path, _ = save_tiny()
    with pytest.raises(CheckpointError, match="frobnicate"):
        NetworkInfo.from_json({**read_info(path).to_json(), "frobnicate": 1})


def test_a_missing_json_is_named(save_tiny: SaveTiny) -> None:
    path, _ = save_tiny()
    path.with_suffix(".json").unlink()
    with pytest.raises(CheckpointError, match="import-weights"):
        load_network(path)


def _run(root: Path, source: Path) -> Path:
    for name in ("step_10", "step_20"):
        folder = root / "checkpoints" / name
        folder.mkdir(parents=True)
        shutil.copy(source, folder / "network.safetensors")
        shutil.copy(source.with_suffix(".json"), folder / "network.json")
        (folder / "optimiser.safetensors").write_bytes(b"")
    return root


def test_resolve_takes_file_json_folder_and_run(save_tiny: SaveTiny, tmp_path: Path) -> None:
    file, _ = save_tiny()
    assert resolve_checkpoint(file) == file
    assert resolve_checkpoint(file.with_suffix(".json")) == file
    run = _run(tmp_path / "run", file)
    (run / "checkpoints" / "LATEST").write_text("step_20\n")
    latest = run / "checkpoints" / "step_20" / "network.safetensors"
    assert resolve_checkpoint(run) == latest
    assert resolve_checkpoint(run / "checkpoints") == latest
    assert resolve_checkpoint(run / "checkpoints" / "step_20") == latest
    (run / "checkpoints" / "BEST").write_text("step_10")
    assert resolve_checkpoint(run).parent.name == "step_10"
    assert resolve_checkpoint(run, prefer="latest") == latest


def test_a_step_that_was_saved_again_is_listed_once(tmp_path: Path) -> None:
    for name in ("step_000100", "step_000020.1", "step_000020", "step_1000000", "step_000200.partial"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    names = [path.name for path in list_checkpoints(tmp_path)]
    assert names == ["step_000020.1", "step_000100", "step_1000000"]


@pytest.mark.parametrize("target", ["../../../etc", "step_99", "", "/etc/passwd"])
def test_a_pointer_must_stay_inside(save_tiny: SaveTiny, tmp_path: Path, target: str) -> None:
    run = _run(tmp_path / "run", save_tiny()[0])
    (run / "checkpoints" / "BEST").write_text(target)
    with pytest.raises(CheckpointError, match="BEST must name"):
        resolve_checkpoint(run)


def test_what_is_no_checkpoint_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nothing at"):
        resolve_checkpoint(tmp_path / "gone")
    with pytest.raises(CheckpointError, match="holds none"):
        resolve_checkpoint(tmp_path)
    (tmp_path / "a.pth").write_bytes(b"x")
    with pytest.raises(CheckpointError, match="import-weights"):
        resolve_checkpoint(tmp_path / "a.pth")
