"""Reference values and the rule that makes their inputs (see golden/README.md)."""

import json
import os
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn


def golden_folder() -> Path:
    """The committed copy, or the folder named by `ESL_GOLDEN`."""
    return Path(os.environ.get("ESL_GOLDEN", Path(__file__).parent / "golden"))


def seed() -> str:
    """S of golden/README.md."""
    value = json.loads((golden_folder() / "seed.json").read_text())
    return str(value["seed"])


def rng(key: str) -> np.random.Generator:
    """A fresh generator for `key`."""
    return np.random.default_rng(zlib.crc32(f"{seed()}:{key}".encode()))


def golden_input(key: str, shape: tuple[int, ...], scale: float = 1.0) -> Tensor:
    """Seeded normal input as float32."""
    return torch.from_numpy((scale * rng(f"input:{key}").standard_normal(shape)).astype(np.float32))


def weight(name: str, shape: tuple[int, ...]) -> Tensor:
    """The value of the entry published as `name`."""
    g, last = rng(name), name.rsplit(".", 1)[-1]
    if last == "num_batches_tracked":
        return torch.tensor(0)
    if last == "running_var":
        value = 0.5 + g.random(shape)
    elif last in ("running_mean", "bias"):
        value = 0.1 * g.standard_normal(shape)
    elif len(shape) == 1:
        value = (1 + 0.1 * g.standard_normal(shape)) * (0.2 if ".bn3." in f".{name}" else 1.0)
    else:
        value = g.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
    return torch.from_numpy(np.asarray(value, np.float32))


def published_state(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """A whole state dict under published names."""
    return {name: weight(name, shape) for name, shape in shapes.items()}


def fill(network: nn.Module, renamed: Iterable[tuple[str, str]] = ()) -> nn.Module:
    """Fill `network`; `renamed` gives (our prefix, published prefix) where the names differ."""
    state = {}
    for name, value in network.state_dict().items():
        published = name
        for ours, theirs in renamed:
            if name.startswith(f"{ours}."):
                published = theirs + name[len(ours) :]
                break
        state[name] = weight(published, tuple(value.shape))
    network.load_state_dict(state)
    return network
