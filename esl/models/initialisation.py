"""Starting a training from somebody's backbone: ImageNet ResNets, MobileNetV2, the DeepLab initialisation.

Heads keep their random start, as in all published methods: a segmentation head of another task is left out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from esl.errors import CheckpointError
from esl.models.deeplab_v2 import AUX_HEAD, MAIN_HEAD, DeepLabV2
from esl.models.network_file import load_state
from esl.models.published import plain_names, read_published

_HEADS = (AUX_HEAD, MAIN_HEAD)
# Classifiers of the networks that backbones are taken from, and MobileNetV2's last convolution (1280 channels).
_LEFT_OUT = ("layer5.", "layer6.", "fc.", "classifier.", "features.18.")


@dataclass(frozen=True, kw_only=True)
class InitReport:
    """What an initialisation did."""

    path: str
    matched: tuple[str, ...]
    """Keys that were loaded."""
    left_out: tuple[str, ...]
    """Keys of the file that the backbone has no use for: classifiers and heads."""

    def to_text(self) -> str:
        """One line for a log."""
        return f"{len(self.matched)} backbone tensors loaded from {self.path}; left out: {', '.join(self.left_out) or 'none'}"


def load_backbone_init(network: DeepLabV2, path: Path | str) -> InitReport:
    """Load a backbone's weights; the heads keep what they have.

    Args:
        network: gets the weights.
        path: `.safetensors` (torchvision's MobileNetV2 or ResNet, or a checkpoint of this tool) or a published `.pth`
            (the `Scale.`-prefixed DeepLab initialisation, torchvision's ResNet).

    Raises:
        CheckpointError: a backbone tensor is missing, has another shape, or the file holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"Initial weights must exist: there is no file {path}.")
    state = read_published(path)
    matched, left_out = _divide(plain_names(state))
    head_state = {k: v for k, v in network.state_dict().items() if k.startswith(tuple(f"{h}." for h in _HEADS))}
    load_state(network, {**matched, **head_state}, path)
    return InitReport(path=str(path), matched=tuple(sorted(matched)), left_out=tuple(sorted(left_out)))


def _divide(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    left_out = {k: v for k, v in state.items() if k.startswith(_LEFT_OUT)}
    return {k: v for k, v in state.items() if k not in left_out}, left_out
