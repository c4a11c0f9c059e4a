"""Recognising the checkpoints that papers published, by their keys and shapes.

What distinguishes the families is in `docs/decisions/0009-aspp-branches.md`: AdaptSegNet and BDL trained two ASPP
branches, the others four, and a single head is called `layer5` by some and `layer6` by others.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from torch import Tensor

from esl.errors import CheckpointError, ConfigError
from esl.models import unpickle
from esl.models.backbones import RESNET_BLOCKS, StrideOn
from esl.models.deeplab_v2 import InputNormalisation
from esl.models.network_file import read_safetensors

FamilyName = Literal["auto", "adaptsegnet", "advent", "bdl", "esl", "crst", "deeplab_init", "torchvision_resnet"]

MAX_BYTES = 4 << 30
"""Larger files are refused: the biggest published one has 180 MB."""
READ_SECONDS = 600

DISCRIMINATOR_NAMES: Mapping[str, str] = MappingProxyType(
    {"conv1": "0", "conv2": "2", "conv3": "4", "conv4": "6", "classifier": "8"}
)
"""AdaptSegNet's names of the discriminator's layers -> ours, which are ADVENT's."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """What all checkpoints of one code base have in common."""

    aspp_branches: int
    """0 for backbones without a segmentation head."""
    input_normalisation: InputNormalisation = "caffe_bgr"
    stride_on: StrideOn = "conv1"

    @property
    def is_backbone_only(self) -> bool:
        """Whether such a file starts a training rather than being a finished network."""
        return self.aspp_branches == 0


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "adaptsegnet": Family(aspp_branches=2),
        "advent": Family(aspp_branches=4),
        "bdl": Family(aspp_branches=2),
        "esl": Family(aspp_branches=4),
        "crst": Family(aspp_branches=4, input_normalisation="imagenet_bgr"),
        "deeplab_init": Family(aspp_branches=0),
        "torchvision_resnet": Family(aspp_branches=0, input_normalisation="imagenet", stride_on="conv2"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Published:
    """A foreign state dict, understood."""

    state: Mapping[str, Tensor]
    """Tensors under our key names."""
    backbone: str
    has_scale_prefix: bool
    heads: Mapping[str, int]
    """`aux` and `main` -> number of classes, for the heads there are."""
    head_name: str
    """The file's own name of the main head; empty without heads."""
    untrained_branches: tuple[int, ...]
    """ASPP branches of the main head that look like their random start, N(0, 0.01)."""


def read_published(path: Path | str) -> dict[str, Tensor]:
    """Tensors of a `.pth` file, under the names in the file, read in a process of its own under limits.

    Raises:
        CheckpointError: the file is missing, too large, no pickle of tensors, or asks for more memory than it should.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"Weights must exist: there is no file {path}.")
    if path.stat().st_size > MAX_BYTES:
        raise CheckpointError(f"Weights must have at most {MAX_BYTES >> 30} GiB; {path} is larger.")
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "tensors.safetensors"
        command = [sys.executable, "-I", unpickle.__file__, str(path.resolve()), str(target)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=READ_SECONDS, check=False)
        except subprocess.TimeoutExpired as error:
            raise CheckpointError(f"Weights must be readable in {READ_SECONDS} s; {path} was not.") from error
        if done.returncode != 0:
            reason = (done.stderr.strip().splitlines() or [f"the reader died with code {done.returncode}"])[-1]
            raise CheckpointError(f"Weights must be a PyTorch file of plain tensors; {path} is not: {reason}")
        return read_safetensors(target)


def understand(raw: Mapping[str, Tensor], where: Path | str) -> Published:
    """Strip prefixes, find backbone and heads, and give the heads our names (aux `layer5`, main `layer6`).

    Raises:
        CheckpointError: no ResNet of a known depth is in it, or its head has an unknown form.
    """
    state = plain_names(raw)
    backbone = _resnet_of(state, where)
    inputs = {h: state[w].shape[1] for h in ("layer5", "layer6") if (w := f"{h}.conv2d_list.0.weight") in state}
    wide = 512 if backbone in ("resnet18", "resnet34") else 2048
    main = next((h for h in ("layer6", "layer5") if inputs.get(h) == wide), "")
    if inputs and not main:
        raise CheckpointError(f"A main head must read {wide} channels; the heads of {where} read {inputs}.")
    if main == "layer5":
        state = {re.sub(r"^layer5\.", "layer6.", k): v for k, v in state.items()}
    heads = {"main": _classes(state, "layer6")} if main else {}
    if main == "layer6" and "layer5" in inputs:
        heads["aux"] = _classes(state, "layer5")
    return Published(
        state=MappingProxyType(state),
        backbone=backbone,
        has_scale_prefix=any(k.startswith("Scale.") for k in raw),
        heads=MappingProxyType(heads),
        head_name=main,
        untrained_branches=_untrained_branches(state),
    )


def require_family(family: str) -> None:
    """Refuse a name that no family has.

    Raises:
        ConfigError: there is no such family.
    """
    if family != "auto" and family not in FAMILIES:
        raise ConfigError(f"Family must be auto or one of {', '.join(FAMILIES)}; got {family!r}.")


def recognise(published: Published, family: FamilyName, aspp_branches: int, where: Path | str) -> Family:
    """The family of a file: as told, or by its keys where they leave no doubt.

    Args:
        published: from `understand`.
        family: `auto`, or a family's name.
        aspp_branches: 2 or 4 where the caller knows; 0 asks the family.
        where: for messages.

    Raises:
        ConfigError: there is no such family.
        CheckpointError: keys and family disagree, or several families fit and differ in branches.
    """
    require_family(family)
    if family == "auto":
        family = _only_family(published, aspp_branches, where)
    found = FAMILIES[family]
    if not found.is_backbone_only and not published.heads:
        raise CheckpointError(f"Weights of {family} must have a segmentation head; {where} has none.")
    if found.is_backbone_only or not aspp_branches:
        return found
    return Family(aspp_branches=aspp_branches, input_normalisation=found.input_normalisation, stride_on=found.stride_on)


def _only_family(published: Published, aspp_branches: int, where: Path | str) -> FamilyName:
    if published.has_scale_prefix:
        return "deeplab_init"
    if not published.heads:
        return "torchvision_resnet"
    if aspp_branches == 2:
        return "adaptsegnet"
    if published.head_name == "layer6" and "aux" not in published.heads:
        return "advent"  # the only code base that calls a single head layer6
    if aspp_branches == 4:
        return "advent"
    fitting = (
        "adaptsegnet (2), advent (4) or esl (4)" if "aux" in published.heads else "adaptsegnet (2), bdl (2) or crst (4)"
    )
    hint = (
        f" Branches {', '.join(str(b + 1) for b in published.untrained_branches)} look untrained, which speaks for 2."
        if published.untrained_branches
        else " All four branches look trained, which speaks for 4."
    )
    raise CheckpointError(
        f"The number of ASPP branches must be known: keys and shapes of {where} fit {fitting}.{hint} "
        "Say --family or --aspp-branches."
    )


def plain_names(raw: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`raw` in float32, without the prefixes that wrappers leave: `module.` (DataParallel), `Scale.` (DeepLab's init)."""
    return {
        re.sub(r"^(?:module\.|Scale\.)+", "", k): (v.float() if v.is_floating_point() else v) for k, v in raw.items()
    }


def _classes(state: Mapping[str, Tensor], head: str) -> int:
    return int(state[f"{head}.conv2d_list.0.weight"].shape[0])


def _resnet_of(state: Mapping[str, Tensor], where: Path | str) -> str:
    blocks = tuple(
        len({m[1] for k in state if (m := re.match(rf"layer{layer}\.(\d+)\.conv1\.weight", k))})
        for layer in range(1, 5)
    )
    is_bottleneck = "layer1.0.conv3.weight" in state
    for name, known in RESNET_BLOCKS.items():
        if blocks == known and is_bottleneck == (name in ("resnet50", "resnet101")):
            return name
    raise CheckpointError(
        f"Weights must hold a ResNet-18, 34, 50 or 101; {where} has {blocks} blocks in layer1 to layer4."
    )


def _untrained_branches(state: Mapping[str, Tensor]) -> tuple[int, ...]:
    """Branches whose weights still have the mean and deviation of N(0, 0.01), to four standard errors."""
    found = []
    for branch in range(4):
        weight = state.get(f"layer6.conv2d_list.{branch}.weight")
        if weight is None:
            continue
        tolerance = 4 * 0.01 / weight.numel() ** 0.5
        if abs(float(weight.mean())) < tolerance and abs(float(weight.std()) - 0.01) < tolerance:
            found.append(branch)
    return tuple(found)
