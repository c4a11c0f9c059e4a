"""Weights, the front door: keep and open checkpoints, and bring published `.pth` files in.

The parts are `network_file` (safetensors and JSON), `published` (whose file is this?) and `initialisation`
(a backbone to start from); `import_weights`, which puts them together, is here.
"""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from esl.classes import CLASS_SETS, class_set
from esl.errors import CheckpointError, ConfigError
from esl.files import sha256_of
from esl.models.checkpoint_paths import DEFAULT_NAME, resolve_checkpoint
from esl.models.deeplab_v2 import AUX_HEAD, MAIN_HEAD, DeepLabV2, NetworkSpec, build_network
from esl.models.initialisation import InitReport, load_backbone_init
from esl.models.network_file import NetworkInfo, load_network, load_state, read_info, save_network
from esl.models.published import (
    FAMILIES,
    Family,
    FamilyName,
    Published,
    read_published,
    recognise,
    require_family,
    understand,
)

__all__ = [
    "ImportReport",
    "InitReport",
    "NetworkInfo",
    "NetworkSpec",
    "import_weights",
    "load_backbone_init",
    "load_network",
    "read_info",
    "resolve_checkpoint",
    "save_network",
]


@dataclass(frozen=True, kw_only=True)
class ImportReport:
    """What an import found, and where it put it."""

    path: str
    """The safetensors file that was written."""
    family: str
    info: NetworkInfo
    is_backbone_only: bool
    """Whether the file can only start a training (`--init-weights`): it has no trained head."""
    matched: tuple[str, ...]
    missing: tuple[str, ...]
    """Keys that the file lacks and that were filled: counters that old versions of torch did not write."""
    unexpected: tuple[str, ...]
    """Keys of the file that have no place in the network; left out."""
    warnings: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**dataclasses.asdict(self), "info": self.info.to_json()}

    def to_text(self) -> str:
        """The report, for a terminal."""
        lines = [
            f"{self.family}: {self.info.backbone}, {self.info.num_classes} classes ({self.info.class_set}), "
            f"{self.info.aspp_branches} ASPP branches, {'two heads' if self.info.multi_level else 'one head'}, "
            f"input {self.info.input_normalisation}, stride on {self.info.stride_on}",
            f"matched {len(self.matched)} · missing {len(self.missing)} · unexpected {len(self.unexpected)}",
            *(f"  missing (filled): {name}" for name in self.missing[:8]),
            *(f"  unexpected (left out): {name}" for name in self.unexpected[:8]),
            *(f"warning: {warning}" for warning in self.warnings),
            f"written: {self.path} (sha256 {self.info.sha256})",
        ]
        return "\n".join(lines)


def import_weights(
    source: Path | str,
    out: Path | str,
    *,
    family: FamilyName = "auto",
    aspp_branches: int = 0,
    class_set_name: str = "",
) -> ImportReport:
    """Read a published file, write safetensors and JSON.

    Args:
        source: `.pth` (or safetensors with the same keys). Read with `weights_only=True` in a process of its own.
        out: a `.safetensors` file or a folder.
        family: which code base wrote it; `auto` goes by keys and shapes.
        aspp_branches: 2 or 4, against the family's own number; 0 takes the family's.
        class_set_name: the classes of the heads; empty takes the built-in set of that size.

    Raises:
        ConfigError: a family, class set or branch count that does not exist.
        CheckpointError: unreadable, unknown, tensors missing or of another shape, or the branch count is in doubt.
    """
    if aspp_branches not in (0, 2, 4):
        raise ConfigError(f"aspp_branches must be 2 or 4 (0: the family's); got {aspp_branches}.")
    require_family(family)
    published = understand(read_published(source), source)
    found = recognise(published, family, aspp_branches, source)
    info = _describe(published, found, class_set_name, source)
    network: nn.Module = build_network(info)
    assert isinstance(network, DeepLabV2)
    if found.is_backbone_only:
        _drop_heads(network)
    own = network.state_dict().keys()
    kept = {k: v for k, v in published.state.items() if k in own}
    load_state(network, kept, source)
    info = save_network(out, network, info)
    return ImportReport(
        path=str(_file(out)),
        family=_name_of(found, family, published),
        info=info,
        is_backbone_only=found.is_backbone_only,
        matched=tuple(sorted(kept)),
        missing=tuple(sorted(own - kept.keys())),
        unexpected=tuple(sorted(published.state.keys() - own)),
        warnings=_warnings(published, found),
    )


def _describe(published: Published, family: Family, class_set_name: str, source: Path | str) -> NetworkInfo:
    num_classes = 19 if family.is_backbone_only else published.heads["main"]
    spec = NetworkSpec(
        num_classes=num_classes,
        backbone=published.backbone,  # type: ignore[arg-type]  # one of RESNET_BLOCKS, by understand()
        aspp_branches=family.aspp_branches or 4,
        multi_level="aux" in published.heads and not family.is_backbone_only,
        input_normalisation=family.input_normalisation,
        stride_on=family.stride_on,
    )
    provenance = {"imported_from": Path(source).name, "source_sha256": sha256_of(source)}
    return NetworkInfo(
        **dataclasses.asdict(spec),
        class_set="none" if family.is_backbone_only else _class_set_of(num_classes, class_set_name),
        provenance=provenance,
        heads="none" if family.is_backbone_only else "trained",
    )


def _class_set_of(num_classes: int, name: str) -> str:
    fitting = [s.name for s in CLASS_SETS.values() if s.num_classes == num_classes]
    if name:
        if class_set(name).num_classes != num_classes:
            raise CheckpointError(
                f"Class set {name} has {class_set(name).num_classes} classes, the weights {num_classes}."
            )
        return name
    if len(fitting) != 1:
        raise CheckpointError(
            f"The class set must be named for weights of {num_classes} classes: {', '.join(fitting) or 'no set'} fits. "
            "Say --class-set."
        )
    return fitting[0]


def _drop_heads(network: DeepLabV2) -> None:
    for head in (AUX_HEAD, MAIN_HEAD):
        if hasattr(network, head):
            delattr(network, head)


def _file(out: Path | str) -> Path:
    out = Path(out)
    return out if out.suffix == ".safetensors" else out / DEFAULT_NAME


def _name_of(found: Family, asked: FamilyName, published: Published) -> str:
    if asked != "auto":
        return asked
    if published.has_scale_prefix:
        return "deeplab_init"
    return next(name for name, family in FAMILIES.items() if family == found)


def _warnings(published: Published, family: Family) -> tuple[str, ...]:
    untrained = len(published.untrained_branches)
    if family.aspp_branches == 4 and untrained:
        return (
            f"{untrained} of the 4 ASPP branches look untrained (still N(0, 0.01)): the network was probably trained "
            "with 2, and the others add noise. Compare --aspp-branches 2.",
        )
    if family.aspp_branches == 2 and not untrained:
        return ("All 4 ASPP branches look trained, but only 2 are summed. Compare --aspp-branches 4.",)
    return ()
