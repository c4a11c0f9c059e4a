"""Checkpoints are whole or not there, and never fewer than one good one."""

from pathlib import Path

import pytest
import torch
from torch import nn

import esl.training.checkpoint as checkpoint
from esl.errors import CheckpointError, DataError
from esl.models.weights import NetworkInfo
from esl.training.checkpoint import (
    damage_of,
    load_optimizer_tensors,
    newest_checkpoint,
    optimizer_tensors,
    point_at,
    save_checkpoint,
    sweep_partial,
)

INFO = NetworkInfo(num_classes=2, class_set="none")


def save(root: Path, step: int, *, is_best: bool = False) -> Path:
    network = nn.Linear(2, 2)
    tensors = {"optim": {"weight/momentum": torch.full((2,), float(step))}}
    return save_checkpoint(root, step, network=network, info=INFO, tensors=tensors, state={"a": 1}, is_best=is_best)


def names(root: Path) -> list[str]:
    return sorted(p.name for p in root.iterdir() if p.is_dir())


def test_the_newest_two_and_the_best_are_kept(tmp_path: Path) -> None:
    for step in range(1, 6):
        save(tmp_path, step, is_best=step == 2)
    assert names(tmp_path) == ["step_000002", "step_000004", "step_000005"]
    assert (tmp_path / "LATEST").read_text() == "step_000005\n"
    assert (tmp_path / "BEST").read_text() == "step_000002\n"


def test_pointers_that_a_kill_left_behind_are_brought_up_to_a_checkpoint(tmp_path: Path) -> None:
    first, second = save(tmp_path, 1, is_best=True), save(tmp_path, 2)
    (tmp_path / "LATEST").unlink()
    point_at(second, is_best=False)
    assert [(tmp_path / name).read_text() for name in ("LATEST", "BEST")] == ["step_000002\n", "step_000001\n"]
    point_at(second, is_best=True)
    assert (tmp_path / "BEST").read_text() == "step_000002\n"
    written = (tmp_path / "BEST").stat().st_mtime_ns
    point_at(second, is_best=True)
    assert (tmp_path / "BEST").stat().st_mtime_ns == written
    assert not damage_of(first)


def test_saving_a_step_again_never_deletes_it_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = save(tmp_path, 3, is_best=True)
    monkeypatch.setattr(checkpoint, "_drop_others", lambda root, keep: None)  # killed before it
    second = save(tmp_path, 3)
    assert first != second
    assert names(tmp_path) == ["step_000003", "step_000003.1"]
    assert newest_checkpoint(tmp_path, print) == second


def test_as_many_steps_are_kept_as_were_asked_for(tmp_path: Path) -> None:
    for step in (1, *[2] * 12):
        newest = save(tmp_path, step)
        assert newest_checkpoint(tmp_path, print) == newest
    assert names(tmp_path) == ["step_000001", "step_000002.11"]


def test_a_million_comes_after_what_is_below_it(tmp_path: Path) -> None:
    save(tmp_path, 999_999)
    newest = save(tmp_path, 1_000_000)
    assert newest_checkpoint(tmp_path, print) == newest


@pytest.mark.parametrize("fault", ["cut", "flipped", "missing", "manifest"])
def test_a_damaged_newest_gives_way_to_the_one_before(tmp_path: Path, fault: str) -> None:
    save(tmp_path, 1)
    newest = save(tmp_path, 2)
    path = newest / ("manifest.json" if fault == "manifest" else "optim.safetensors")
    data = path.read_bytes()
    if fault == "missing":
        path.unlink()
    else:
        path.write_bytes(data[:-3] if fault in ("cut", "manifest") else data[:-1] + bytes([data[-1] ^ 1]))
    said: list[str] = []
    found = newest_checkpoint(tmp_path, said.append)
    assert found is not None
    assert found.name == "step_000001"
    assert "step_000002 is damaged" in said[0]
    assert not damage_of(found)


def test_all_damaged_is_an_error_and_none_is_a_start(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path / "nothing", print) is None
    (save(tmp_path, 1) / "state.json").unlink()
    with pytest.raises(CheckpointError, match=r"all in .* are damaged.*state\.json is missing"):
        newest_checkpoint(tmp_path, lambda message: None)


def test_a_save_that_fails_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path, 1)

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "write_bytes", full)
    with pytest.raises(DataError, match=r"No space left.*the checkpoint before it is whole"):
        save(tmp_path, 2)
    assert (tmp_path / "LATEST").read_text() == "step_000001\n"
    found = newest_checkpoint(tmp_path, print)
    assert found is not None
    assert found.name == "step_000001"
    sweep_partial(tmp_path)
    assert names(tmp_path) == ["step_000001"]


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_an_optimiser_s_state_comes_back_by_name(kind: type[torch.optim.Optimizer]) -> None:
    def trained(steps: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        torch.manual_seed(0)
        network = nn.Linear(3, 2)
        more = {"momentum": 0.9} if kind is torch.optim.SGD else {}
        optimizer = kind(network.parameters(), lr=0.1, **more)  # type: ignore[call-arg]
        advance(network, optimizer, steps)
        return network, optimizer

    def advance(network: nn.Module, optimizer: torch.optim.Optimizer, steps: int) -> None:
        for _ in range(steps):
            optimizer.zero_grad()
            network(torch.ones(1, 3)).square().sum().backward()
            optimizer.step()

    def by_name(network: nn.Module) -> dict[torch.Tensor, str]:
        return {p: n for n, p in network.named_parameters()}

    half, half_optimizer = trained(2)
    kept = {k: v.clone() for k, v in optimizer_tensors(half_optimizer, by_name(half)).items()}
    resumed, resumed_optimizer = trained(0)
    resumed.load_state_dict(half.state_dict())
    load_optimizer_tensors(resumed_optimizer, by_name(resumed), kept)
    advance(resumed, resumed_optimizer, 2)
    whole, _ = trained(4)
    for one, two in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("kind", [torch.optim.SGD, torch.optim.Adam])
def test_an_optimiser_s_state_lies_in_memory_as_its_weights_do(kind: type[torch.optim.Optimizer]) -> None:
    network = nn.Conv2d(4, 6, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    more = {"momentum": 0.9} if kind is torch.optim.SGD else {}
    optimizer = kind(network.parameters(), lr=0.1, **more)  # type: ignore[call-arg]
    network(torch.ones(1, 4, 5, 5)).square().sum().backward()
    optimizer.step()
    before = {slot: value.clone() for slot, value in optimizer.state[network.weight].items() if value is not None}
    names = {p: n for n, p in network.named_parameters()}
    kept = {k: v.detach().contiguous() for k, v in optimizer_tensors(optimizer, names).items()}
    optimizer.state.clear()
    load_optimizer_tensors(optimizer, names, kept)
    slots = optimizer.state[network.weight]
    assert slots.keys() == before.keys()
    for slot, value in slots.items():
        assert torch.equal(value, before[slot])
        assert not value.requires_grad
        if value.shape == network.weight.shape:
            assert value.stride() == network.weight.stride() != kept[f"weight/{slot}"].stride()
