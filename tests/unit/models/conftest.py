"""Small networks on disk."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from esl.models.deeplab_v2 import DeepLabV2, build_network
from esl.models.weights import NetworkInfo, save_network

SaveTiny = Callable[..., tuple[Path, DeepLabV2]]


@pytest.fixture
def save_tiny(tmp_path: Path) -> SaveTiny:
    """Save a ResNet-18 network with random weights and statistics; gives the file and the network."""

    def save(
        name: str = "tiny.safetensors", num_classes: int = 19, backbone: str = "resnet18"
    ) -> tuple[Path, DeepLabV2]:
        torch.manual_seed(0)
        info = NetworkInfo(num_classes=num_classes, backbone=backbone, class_set=f"cityscapes{num_classes}")  # type: ignore[arg-type]
        network = build_network(info)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.1)  # type: ignore[union-attr]
                module.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
                torch.nn.init.normal_(module.weight, 1, 0.1)
                torch.nn.init.normal_(module.bias, 0, 0.1)
        for head in network.heads():
            for branch in head.conv2d_list:
                torch.nn.init.normal_(branch.weight, 0, 0.05)  # type: ignore[arg-type]
        save_network(tmp_path / name, network, info)
        return tmp_path / name, network.eval()

    return save
