"""Checkpoints: one safetensors file and, beside it, a JSON that says what it is.

`X.safetensors` holds tensors under the published key names, `X.json` a `NetworkInfo`. Nothing here unpickles.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from esl.classes import ClassSet
from esl.errors import CheckpointError, ConfigError, DataError
from esl.files import read_json, sha256_of, write_bytes, write_json
from esl.models.checkpoint_paths import DEFAULT_NAME, resolve_checkpoint
from esl.models.deeplab_v2 import BatchNormMode, DeepLabV2, NetworkSpec, build_network

FORMAT = "esl-network"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class NetworkInfo(NetworkSpec):
    """What a checkpoint is: how to build its network, which classes it knows, where it comes from."""

    class_set: str
    """Name of the class set of the heads."""
    heads: Literal["trained", "none"] = "trained"
    """`none`: an imported backbone, which can only start a training."""
    sha256: str = ""
    """Hex digest of the safetensors file; filled when it is written."""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Where the weights come from: command, run, source file, licence, ...: plain JSON values."""

    def to_json(self) -> dict[str, Any]:
        """Plain values, as the JSON beside the weights holds them."""
        return {"format": FORMAT, "version": VERSION, **dataclasses.asdict(self)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: Path | str = "JSON") -> "NetworkInfo":
        """The inverse of `to_json`.

        Raises:
            CheckpointError: not a network's JSON, another version, or settings that make no sense.
        """
        fields = {k: v for k, v in value.items() if k not in ("format", "version")}
        if value.get("format") != FORMAT or value.get("version") != VERSION:
            raise CheckpointError(
                f"A checkpoint's JSON must say format {FORMAT!r}, version {VERSION}; {where} says "
                f"{value.get('format')!r}, version {value.get('version')!r}."
            )
        try:
            return cls(**fields)
        except (TypeError, ConfigError) as error:
            raise CheckpointError(f"A checkpoint's JSON must describe a network; {where} does not: {error}") from error


def save_network(path: Path | str, network: nn.Module, info: NetworkInfo) -> NetworkInfo:
    """Write weights and JSON, each whole or not at all.

    Args:
        path: a `.safetensors` file, or a folder that gets `network.safetensors`.
        network: its whole state dict is kept, under its own key names.
        info: what to write beside it; `sha256` is filled in.

    Returns:
        `info` with the digest of the file.

    Raises:
        DataError: the file cannot be written.
    """
    path = Path(path)
    file = path if path.suffix == ".safetensors" else path / DEFAULT_NAME
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    write_bytes(file, save(tensors, metadata={"format": "pt"}))
    info = dataclasses.replace(info, sha256=sha256_of(file))
    write_json(file.with_suffix(".json"), info.to_json())
    return info


def read_info(path: Path | str, *, prefer: Literal["best", "latest"] = "best") -> NetworkInfo:
    """What the checkpoint at `path` is, without opening its weights.

    Raises:
        CheckpointError: there is no checkpoint, or its JSON is missing or wrong.
    """
    file = resolve_checkpoint(path, prefer=prefer)
    try:
        return NetworkInfo.from_json(read_json(file.with_suffix(".json")), file.with_suffix(".json"))
    except DataError as error:
        raise CheckpointError(
            f"A checkpoint must have its JSON beside it: {file.with_suffix('.json')} cannot be used ({error}). "
            "Foreign weights come in through import-weights."
        ) from error


def load_network(
    path: Path | str,
    *,
    class_set: ClassSet | None = None,
    batch_norm: BatchNormMode = "batch",
    prefer: Literal["best", "latest"] = "best",
) -> tuple[DeepLabV2, NetworkInfo]:
    """Open a checkpoint: the network in evaluation mode on the CPU, and what it is.

    Args:
        path: what `resolve_checkpoint` takes.
        class_set: the classes that the caller needs; another number of classes is refused.
        batch_norm: how batch norm behaves should the network be trained.
        prefer: which checkpoint of a run.

    Raises:
        CheckpointError: missing, truncated, changed, of another format or class count, or with keys or shapes that
            do not fit.
    """
    file = resolve_checkpoint(path, prefer=prefer)
    info = read_info(file)
    if info.heads == "none":
        raise CheckpointError(
            f"A checkpoint must have trained heads; {file} holds a backbone only. Start a training from it with --init-weights."
        )
    if class_set is not None and info.num_classes != class_set.num_classes:
        raise CheckpointError(
            f"A checkpoint must have the classes of the data: {file} was trained for {info.num_classes} "
            f"({info.class_set}), {class_set.name} has {class_set.num_classes}. Choose a class set of "
            f"{info.num_classes} classes or another checkpoint."
        )
    state = read_safetensors(file)
    if info.sha256 and sha256_of(file) != info.sha256:
        raise CheckpointError(
            f"A checkpoint must have the sha256 in its JSON; {file} has another one, so the file was changed or the "
            "two do not belong together. Restore it from its source."
        )
    network = build_network(info, batch_norm=batch_norm)
    load_state(network, state, file)
    return network.eval(), info


def read_safetensors(file: Path | str) -> dict[str, Tensor]:
    """All tensors of a safetensors file.

    Raises:
        CheckpointError: missing, truncated, or not safetensors at all (a pickle that was only renamed, say).
    """
    try:
        return load_file(file)
    except FileNotFoundError as error:
        raise CheckpointError(f"A checkpoint must exist: there is no file {file}.") from error
    except (SafetensorError, OSError, ValueError) as error:
        with open(file, "rb") as stream:
            start = stream.read(4)
        if start.startswith((b"PK\x03\x04", b"\x80")):
            raise CheckpointError(
                f"A .safetensors file must be safetensors; {file} is a PyTorch pickle with that name. "
                "Bring it in with import-weights."
            ) from error
        raise CheckpointError(
            f"A checkpoint must be a whole safetensors file; {file} is truncated or damaged ({error}). "
            "Restore it from its source."
        ) from error


def load_state(network: nn.Module, state: Mapping[str, Tensor], where: Path | str) -> None:
    """Put `state` into `network`; every key must be there with its shape, every value finite.

    Files written before torch 0.4.1 lack `num_batches_tracked`, which nothing reads: those keys may be missing.

    Raises:
        CheckpointError: with all keys that are missing, left over, of another shape, or not finite.
    """
    own = network.state_dict()
    missing = sorted(k for k in own.keys() - state.keys() if not k.endswith("num_batches_tracked"))
    unexpected = sorted(state.keys() - own.keys())
    shapes = [
        f"{k} {tuple(state[k].shape)} instead of {tuple(own[k].shape)}"
        for k in sorted(own.keys() & state.keys())
        if own[k].shape != state[k].shape
    ]
    broken = [k for k in sorted(state) if state[k].is_floating_point() and not torch.isfinite(state[k]).all()]
    faults = [
        f"{what}: {_some(names)}"
        for what, names in (
            ("missing", missing), ("unexpected", unexpected), ("wrong shape", shapes), ("not finite", broken)
        )
        if names
    ]  # fmt: skip
    if faults:
        raise CheckpointError(f"Weights must fit the network; those of {where} do not. {'. '.join(faults)}.")
    network.load_state_dict({**own, **state})


def _some(names: list[str], limit: int = 4) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
