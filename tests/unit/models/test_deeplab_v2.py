import pytest
import torch

from esl.errors import ConfigError
from esl.models.backbones import BACKBONES
from esl.models.deeplab_v2 import DeepLabV2, NetworkSpec, build_network
from esl.models.discriminator import Discriminator


@pytest.mark.parametrize(
    ("multi_level", "keys", "params", "trainable"),
    [(True, 640, 44_601_560, 44_496_216), (False, 632, 43_901_068, 43_795_724)],
)
def test_resnet101_has_the_published_size(multi_level: bool, keys: int, params: int, trainable: int) -> None:
    network = build_network(NetworkSpec(num_classes=19, multi_level=multi_level))
    assert len(network.state_dict()) == keys
    assert sum(p.numel() for p in network.parameters()) == params
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) == trainable


@pytest.mark.parametrize("backbone", BACKBONES)
@pytest.mark.parametrize("multi_level", [True, False])
def test_each_backbone_gives_logits_at_one_eighth(backbone: str, multi_level: bool) -> None:
    spec = NetworkSpec(num_classes=7, backbone=backbone, multi_level=multi_level)  # type: ignore[arg-type]
    network = build_network(spec).eval()
    with torch.inference_mode():
        aux, main = network(torch.full((2, 3, 65, 97), 128.0))
    assert main.shape == (2, 7, 9, 13)
    assert (aux is not None) == multi_level
    assert aux is None or aux.shape == main.shape


def test_mobilenet_at_output_stride_16() -> None:
    spec = NetworkSpec(num_classes=7, backbone="mobilenet_v2", output_stride=16)
    with torch.inference_mode():
        _, main = build_network(spec).eval()(torch.zeros(1, 3, 65, 97))
    assert main.shape == (1, 7, 5, 7)


@pytest.mark.parametrize(
    ("height", "width", "h", "w"), [(512, 1024, 65, 129), (720, 1280, 91, 161), (760, 1280, 96, 161)]
)
def test_resnet_output_sizes_are_the_published_ones(height: int, width: int, h: int, w: int) -> None:
    with torch.device("meta"):
        network = build_network(NetworkSpec(num_classes=19)).eval()
        _, main = network(torch.empty(1, 3, height, width))
    assert main.shape == (1, 19, h, w)


def test_mobilenet_has_torchvisions_keys() -> None:
    torchvision = pytest.importorskip("torchvision")
    theirs = {k: v.shape for k, v in torchvision.models.mobilenet_v2(weights=None).features[:18].state_dict().items()}
    ours = build_network(NetworkSpec(num_classes=7, backbone="mobilenet_v2")).get_submodule("features").state_dict()
    assert {k: v.shape for k, v in ours.items()} == theirs


@pytest.mark.parametrize("backbone", ["resnet18", "resnet34", "resnet50", "resnet101"])
def test_resnets_have_torchvisions_keys(backbone: str) -> None:
    torchvision = pytest.importorskip("torchvision")
    with torch.device("meta"):
        theirs = {k: v.shape for k, v in getattr(torchvision.models, backbone)().state_dict().items() if k[:2] != "fc"}
        network = build_network(NetworkSpec(num_classes=7, backbone=backbone))  # type: ignore[arg-type]
    ours = {k: v.shape for k, v in network.state_dict().items() if k[:6] not in ("layer5", "layer6")}
    assert ours == theirs


@pytest.mark.parametrize("backbone", ["mobilenet_v2", "resnet50"])
def test_undilated_the_features_are_torchvisions(backbone: str) -> None:
    """Up to the first dilated stage the same weights give the same features, so imported weights mean the same."""
    torchvision = pytest.importorskip("torchvision")
    reference = getattr(torchvision.models, backbone)(weights=None).eval()
    network = build_network(NetworkSpec(num_classes=7, backbone=backbone, stride_on="conv2")).eval()  # type: ignore[arg-type]
    network.load_state_dict(reference.state_dict(), strict=False)
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        if backbone == "mobilenet_v2":
            want = reference.features[:7](x)
            got = network.get_submodule("features")[:7](x)  # type: ignore[index]
        else:
            network.get_submodule("maxpool").ceil_mode = False  # type: ignore[assignment]
            want, got = x, x
            for name in ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2"):
                want, got = reference.get_submodule(name)(want), network.get_submodule(name)(got)
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-4)  # batch norm is in the weights here


@pytest.mark.parametrize("name", ["caffe_bgr", "imagenet", "imagenet_bgr", "symmetric"])
def test_normalisation_is_inside_and_leaves_no_key(name: str) -> None:
    network = build_network(NetworkSpec(num_classes=2, backbone="mobilenet_v2", input_normalisation=name))  # type: ignore[arg-type]
    rgb = torch.tensor([10.0, 100.0, 250.0]).reshape(1, 3, 1, 1)
    imagenet = [(10 / 255 - 0.485) / 0.229, (100 / 255 - 0.456) / 0.224, (250 / 255 - 0.406) / 0.225]
    want = {
        "caffe_bgr": [250 - 104.00698793, 100 - 116.66876762, 10 - 122.67891434],
        "imagenet": imagenet,
        "imagenet_bgr": imagenet[::-1],
        "symmetric": [10 / 127.5 - 1, 100 / 127.5 - 1, 250 / 127.5 - 1],
    }[name]
    torch.testing.assert_close(network.normalise(rgb).flatten(), torch.tensor(want), atol=1e-5, rtol=1e-5)
    assert not {"scale", "shift"} & network.state_dict().keys()


def _tiny(batch_norm: str) -> DeepLabV2:
    spec = NetworkSpec(num_classes=3, backbone="resnet18")
    return build_network(spec, batch_norm=batch_norm).train()  # type: ignore[arg-type]


@pytest.mark.parametrize(("batch_norm", "moves"), [("batch", True), ("trained", True), ("frozen", False)])
def test_batch_norm_modes(batch_norm: str, moves: bool) -> None:
    network = _tiny(batch_norm)
    before = network.get_buffer("bn1.running_mean").clone()
    network(torch.full((1, 3, 33, 33), 200.0))
    assert torch.equal(before, network.get_buffer("bn1.running_mean")) != moves
    assert network.get_parameter("bn1.weight").requires_grad == (batch_norm == "trained")


def test_parameter_groups_name_each_trainable_parameter_once() -> None:
    network = build_network(NetworkSpec(num_classes=19))
    backbone, heads = network.parameter_groups()
    assert len(backbone) == 104  # the published code lists these 314 times
    assert len(heads) == 16
    assert len({id(p) for p in backbone + heads}) == 120


def test_heads_start_small() -> None:
    torch.manual_seed(0)
    head = build_network(NetworkSpec(num_classes=19, backbone="resnet18")).get_parameter("layer6.conv2d_list.0.weight")
    assert abs(float(head.detach().std()) - 0.01) < 2e-4


def test_two_branches_ignore_the_others() -> None:
    network = build_network(NetworkSpec(num_classes=3, backbone="resnet18", aspp_branches=2, multi_level=False)).eval()
    x = torch.randn(1, 3, 33, 33)
    with torch.inference_mode():
        before = network.main_logits(x)
        for branch in (2, 3):
            network.get_parameter(f"layer6.conv2d_list.{branch}.weight").zero_()
        assert torch.equal(network.main_logits(x), before)
        network.get_parameter("layer6.conv2d_list.1.weight").zero_()
        assert not torch.equal(network.main_logits(x), before)


def test_settings_are_checked_together() -> None:
    with pytest.raises(ConfigError, match=r"num_classes.*aspp_branches"):
        NetworkSpec(num_classes=1, aspp_branches=3)
    with pytest.raises(ConfigError, match="Backbone must be one of"):
        build_network(NetworkSpec(num_classes=3, backbone="vgg"))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="Output stride"):
        build_network(NetworkSpec(num_classes=3, backbone="resnet18", output_stride=16))


def test_discriminator_has_the_published_size() -> None:
    discriminator = Discriminator(19)
    assert sorted({k.split(".")[0] for k in discriminator.state_dict()}) == ["0", "2", "4", "6", "8"]
    assert sum(p.numel() for p in discriminator.parameters()) == 2_781_121
    assert discriminator(torch.zeros(1, 19, 128, 256)).shape == (1, 1, 4, 8)
