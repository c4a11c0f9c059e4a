"""Published files come in under their own key names, whoever wrote them."""

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from esl.errors import CheckpointError, ConfigError
from esl.models import published
from esl.models.deeplab_v2 import DeepLabV2, NetworkSpec, build_network
from esl.models.published import FamilyName, read_published
from esl.models.weights import import_weights, load_backbone_init, load_network

State = dict[str, Tensor]


def _network(multi_level: bool, num_classes: int = 19, backbone: str = "resnet18", trained: int = 4) -> DeepLabV2:
    """Random weights; the first `trained` branches differ from their start, as after a training."""
    torch.manual_seed(1)
    spec = NetworkSpec(num_classes=num_classes, backbone=backbone, multi_level=multi_level)  # type: ignore[arg-type]
    network = build_network(spec)
    for head in network.heads():
        for branch in head.conv2d_list[:trained]:
            torch.nn.init.normal_(branch.weight, 0, 0.013)  # type: ignore[arg-type]
    return network


def _state(network: DeepLabV2, *, prefix: str = "", single_as_layer5: bool = False, counters: bool = True) -> State:
    state = {}
    for key, value in network.state_dict().items():
        if not counters and key.endswith("num_batches_tracked"):
            continue
        name = key.replace("layer6.", "layer5.") if single_as_layer5 else key
        state[prefix + name] = value
    return state


@pytest.mark.parametrize(
    ("family", "multi_level", "as_layer5", "branches", "normalisation"),
    [
        ("adaptsegnet", True, False, 2, "caffe_bgr"),
        ("adaptsegnet", False, True, 2, "caffe_bgr"),
        ("bdl", False, True, 2, "caffe_bgr"),
        ("advent", True, False, 4, "caffe_bgr"),
        ("advent", False, False, 4, "caffe_bgr"),
        ("esl", True, False, 4, "caffe_bgr"),
        ("crst", False, True, 4, "imagenet_bgr"),
    ],
)
def test_each_family_comes_in_as_what_it_is(
    family: FamilyName, multi_level: bool, as_layer5: bool, branches: int, normalisation: str, tmp_path: Path
) -> None:
    network = _network(multi_level, trained=branches)
    save_file(
        {k: v.contiguous() for k, v in _state(network, single_as_layer5=as_layer5).items()}, tmp_path / "a.safetensors"
    )
    report = import_weights(tmp_path / "a.safetensors", tmp_path / "out", family=family)
    loaded, info = load_network(tmp_path / "out")
    assert (info.aspp_branches, info.multi_level, info.input_normalisation) == (branches, multi_level, normalisation)
    assert (info.backbone, info.num_classes, info.class_set, info.stride_on) == (
        "resnet18",
        19,
        "cityscapes19",
        "conv1",
    )
    assert not report.missing + report.unexpected + report.warnings
    for key, value in network.state_dict().items():
        assert torch.equal(loaded.state_dict()[key], value), key


def test_a_pth_of_old_torch_with_prefix_and_trainer_state(tmp_path: Path) -> None:
    network = _network(True)
    state = OrderedDict(_state(network, prefix="module.", counters=False))
    state["module.extra.weight"] = torch.zeros(2)
    torch.save({"state_dict": state, "iteration": 7}, tmp_path / "a.pth", _use_new_zipfile_serialization=False)
    report = import_weights(tmp_path / "a.pth", tmp_path / "b.safetensors", family="advent")
    assert report.unexpected == ("extra.weight",)
    assert all(k.endswith("num_batches_tracked") for k in report.missing)
    assert len(report.missing) == 20
    assert len(report.matched) + len(report.missing) == len(network.state_dict())
    assert report.info.provenance["imported_from"] == "a.pth"
    text = report.to_text()
    assert "extra.weight" in text
    assert report.info.sha256 in text
    loaded, _ = load_network(tmp_path / "b.safetensors")
    assert torch.equal(loaded.get_parameter("conv1.weight"), network.get_parameter("conv1.weight"))


@pytest.mark.parametrize("trained", [2, 4])
def test_branches_in_doubt_are_asked_for_with_the_evidence(trained: int, tmp_path: Path) -> None:
    save_file(_state(_network(True, trained=trained)), tmp_path / "a.safetensors")
    evidence = r"3, 4 look untrained, which speaks for 2" if trained == 2 else "look trained, which speaks for 4"
    with pytest.raises(CheckpointError, match=rf"number of ASPP branches must be known.*{evidence}"):
        import_weights(tmp_path / "a.safetensors", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    for branches in (2, 4):
        report = import_weights(tmp_path / "a.safetensors", tmp_path / "out", aspp_branches=branches)
        assert report.info.aspp_branches == branches
        assert bool(report.warnings) == (branches != trained)


def test_a_single_head_called_layer6_is_advents(tmp_path: Path) -> None:
    save_file(_state(_network(False)), tmp_path / "a.safetensors")
    report = import_weights(tmp_path / "a.safetensors", tmp_path / "out")
    assert (report.family, report.info.aspp_branches) == ("advent", 4)


@pytest.mark.parametrize("kind", ["deeplab_init", "torchvision_resnet"])
def test_backbones_come_in_to_start_a_training(kind: str, tmp_path: Path) -> None:
    network = _network(False)
    if kind == "deeplab_init":
        state = _state(network, prefix="Scale.", single_as_layer5=True, counters=False)
    else:
        state = {k: v for k, v in _state(network).items() if not k.startswith("layer6")} | {
            "fc.weight": torch.zeros(1000, 512)
        }
    torch.save(state, tmp_path / "init.pth")
    report = import_weights(tmp_path / "init.pth", tmp_path / "out")
    assert (report.family, report.is_backbone_only) == (kind, True)
    with pytest.raises(CheckpointError, match="--init-weights"):
        load_network(tmp_path / "out")
    for path in (tmp_path / "init.pth", tmp_path / "out" / "network.safetensors"):
        fresh = build_network(NetworkSpec(num_classes=7, backbone="resnet18"))
        heads = {k: v.clone() for k, v in fresh.state_dict().items() if k.startswith(("layer5", "layer6"))}
        init = load_backbone_init(fresh, path)
        assert "backbone tensors loaded" in init.to_text()
        assert torch.equal(fresh.get_parameter("layer4.1.conv2.weight"), network.get_parameter("layer4.1.conv2.weight"))
        for key, value in heads.items():
            assert torch.equal(fresh.state_dict()[key], value), key


def test_mobilenet_starts_from_torchvisions_names(shared_data: Path) -> None:
    weights = shared_data / "weights" / "mobilenet_v2_imagenet.safetensors"
    if not weights.is_file():
        pytest.skip(f"no weights at {weights}")
    network = build_network(NetworkSpec(num_classes=11, backbone="mobilenet_v2", input_normalisation="symmetric"))
    report = load_backbone_init(network, weights)
    assert len(report.matched) == 306
    assert set(report.left_out) >= {"classifier.1.weight", "features.18.0.weight"}
    with torch.inference_mode():
        features = network.eval().get_submodule("features")(network.normalise(torch.full((1, 3, 64, 64), 90.0)))
    assert torch.isfinite(features).all()
    assert float(features.std()) > 0.01


def test_another_backbone_is_refused_with_names(tmp_path: Path) -> None:
    save_file(_state(_network(True)), tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=r"missing: .*layer1"):
        load_backbone_init(build_network(NetworkSpec(num_classes=7, backbone="resnet34")), tmp_path / "a.safetensors")


class _Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("evil",)


def test_a_hostile_pickle_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.pth").write_bytes(pickle.dumps({"conv1.weight": _Evil()}))
    with pytest.raises(CheckpointError, match=r"evil\.pth is not"):
        read_published("evil.pth")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", b"PK\x03\x04 cut"])
def test_damaged_files_are_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(CheckpointError, match="plain tensors"):
        import_weights(tmp_path / "a.pth", tmp_path / "out")


def test_what_is_wrong_with_a_file_is_said_without_torchs_words(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(1000)}, tmp_path / "cut.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "cut.pth").read_bytes()[:999])
    (tmp_path / "text.pth").write_text("hello")
    for old in (False, True):
        torch.save(torch.nn.Linear(2, 2), tmp_path / f"module{old}.pth", _use_new_zipfile_serialization=not old)
    for name, reason in (
        ("moduleFalse", r"objects of Python .* state_dict\(\) alone"),
        ("moduleTrue", r"objects of Python .* state_dict\(\) alone"),
        ("text", "is not: it does not begin as one"),
        ("cut", "it is damaged"),
    ):
        with pytest.raises(CheckpointError, match=reason) as raised:
            read_published(tmp_path / f"{name}.pth")
        assert str(raised.value).isprintable(), "no code for a terminal's colours"
    with pytest.raises(CheckpointError, match=r"^Weights must be a PyTorch file"):
        load_backbone_init(_network(False), tmp_path / "text.pth")
    with pytest.raises(ConfigError, match="Family must be"):
        import_weights(tmp_path / "text.pth", tmp_path / "out", family="nope")  # type: ignore[arg-type]


def test_missing_and_huge_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match="no file"):
        import_weights(tmp_path / "gone.pth", tmp_path / "out")
    (tmp_path / "big.pth").write_bytes(b"12345")
    monkeypatch.setattr(published, "MAX_BYTES", 4)
    with pytest.raises(CheckpointError, match="at most"):
        read_published(tmp_path / "big.pth")


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    state = _state(_network(True))
    save_file({k: v for k, v in state.items() if k != "bn1.weight"}, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match=r"missing: bn1\.weight"):
        import_weights(tmp_path / "a.safetensors", tmp_path / "out", family="esl")
    save_file({"w": torch.zeros(2)}, tmp_path / "b.safetensors")
    with pytest.raises(CheckpointError, match="must hold a ResNet"):
        import_weights(tmp_path / "b.safetensors", tmp_path / "out")
    with pytest.raises(ConfigError, match="Family must be"):
        import_weights(tmp_path / "a.safetensors", tmp_path / "out", family="fcn")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="aspp_branches must be"):
        import_weights(tmp_path / "a.safetensors", tmp_path / "out", aspp_branches=3)
    backbone = {k: v for k, v in state.items() if not k.startswith(("layer5", "layer6"))}
    save_file(backbone, tmp_path / "c.safetensors")
    with pytest.raises(CheckpointError, match="must have a segmentation head"):
        import_weights(tmp_path / "c.safetensors", tmp_path / "out", family="advent")


def test_class_sets_go_by_size_or_by_name(tmp_path: Path) -> None:
    for num_classes, want in ((16, "cityscapes16"), (7, "cityscapes7")):
        save_file(_state(_network(False, num_classes)), tmp_path / "a.safetensors")
        assert import_weights(tmp_path / "a.safetensors", tmp_path / "out").info.class_set == want
    save_file(_state(_network(False, 21)), tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="--class-set"):
        import_weights(tmp_path / "a.safetensors", tmp_path / "out")
    with pytest.raises(CheckpointError, match="19 classes, the weights 21"):
        import_weights(tmp_path / "a.safetensors", tmp_path / "out", class_set_name="cityscapes19")


def test_half_precision_weights_become_float32(tmp_path: Path) -> None:
    state = {k: v.half() if v.is_floating_point() else v for k, v in _state(_network(False)).items()}
    save_file(state, tmp_path / "a.safetensors")
    import_weights(tmp_path / "a.safetensors", tmp_path / "out")
    network, _ = load_network(tmp_path / "out")
    assert network.get_parameter("conv1.weight").dtype == torch.float32
    assert np.isfinite(network.get_parameter("conv1.weight").detach().numpy()).all()
