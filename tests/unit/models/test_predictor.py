import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from esl.errors import CheckpointError, ShapeError
from esl.models import predictor
from esl.models.deeplab_v2 import NetworkSpec, build_network
from esl.models.device import has_native_bf16
from esl.models.memory import OutOfMemoryError
from esl.models.predictor import Predictor, fold_batch_norm
from tests.unit.models.conftest import SaveTiny


def _images(count: int = 2, size: tuple[int, int] = (65, 97)) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, *size, 3), np.uint8)


def test_logits_are_the_networks_main_head(save_tiny: SaveTiny) -> None:
    path, network = save_tiny()
    images = _images()
    logits = Predictor.load(path, device="cpu", precision="fp32").predict(images)
    with torch.inference_mode():
        _, want = network(torch.from_numpy(images).permute(0, 3, 1, 2).float())
    assert logits.dtype == np.float32
    assert logits.shape == (2, 19, 9, 13)
    assert logits.flags.c_contiguous
    assert np.abs(logits - want.numpy()).max() < 1e-4 * np.abs(want.numpy()).max()


def test_on_a_gpu_cudnn_stays_on_and_rounds_nothing() -> None:
    cudnn = torch.backends.cudnn
    before = (cudnn.enabled, cudnn.allow_tf32, cudnn.deterministic)
    with predictor._alone_on_gpu("cpu"):
        assert (cudnn.enabled, cudnn.allow_tf32, cudnn.deterministic) == before
    with predictor._alone_on_gpu("cuda"):
        assert (cudnn.enabled, cudnn.allow_tf32, cudnn.deterministic) == (True, False, True)
    assert (cudnn.enabled, cudnn.allow_tf32, cudnn.deterministic) == before


def test_threads_take_turns_on_a_gpu() -> None:
    inside = threading.Event()
    with predictor._alone_on_gpu("cuda"):
        other = threading.Thread(target=lambda: _enter_and(inside.set))
        other.start()
        assert not inside.wait(0.2)
    other.join(10)
    assert inside.is_set()


def _enter_and(act: Callable[[], None]) -> None:
    with predictor._alone_on_gpu("cuda"):
        act()


def test_a_network_that_memory_does_not_hold_is_a_sentence(
    save_tiny: SaveTiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = save_tiny()
    loaded = Predictor.load(path, device="cpu", precision="fp32")

    def fail(*args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(loaded, "_main_logits", fail)
    with pytest.raises(OutOfMemoryError, match=r"--size.*--batch-size.*--device cpu"):
        loaded.predict(_images(1))
    monkeypatch.setattr(torch.nn.Module, "to", fail)
    with pytest.raises(OutOfMemoryError, match="--size"):
        Predictor.load(path, device="cpu", precision="fp32")


def test_an_image_does_not_depend_on_its_batch(save_tiny: SaveTiny) -> None:
    path, _ = save_tiny()
    predict = Predictor.load(path, device="cpu", precision="fp32").predict
    images = _images()
    alone = predict(images[1:])
    assert np.abs(predict(images)[1:] - alone).max() < 1e-5 * np.abs(alone).max()


def test_arrays_that_are_not_contiguous_are_fine(save_tiny: SaveTiny) -> None:
    path, _ = save_tiny()
    predict = Predictor.load(path, device="cpu", precision="fp32").predict
    images = _images()
    flipped = images[:, :, ::-1]
    assert np.array_equal(predict(flipped), predict(flipped.copy()))


@pytest.mark.skipif(not has_native_bf16("cpu"), reason="this CPU has no native bf16")
def test_bf16_gives_float16_relative_to_the_maximum(save_tiny: SaveTiny) -> None:
    path, _ = save_tiny()
    images = _images()
    full = Predictor.load(path, device="cpu", precision="fp32").predict(images)
    half = Predictor.load(path, device="cpu", precision="bf16")
    logits = half.predict(images)
    assert half.precision == "bf16"
    assert logits.dtype == np.float16
    assert (logits.max(1) == 0).all()
    relative = full - full.max(1, keepdims=True)
    assert np.abs(logits - relative).max() < 0.05 * np.abs(relative).max()


@pytest.mark.parametrize("backbone", ["resnet18", "resnet50", "mobilenet_v2"])
def test_folding_changes_nothing_but_the_speed(backbone: str, save_tiny: SaveTiny) -> None:
    _, network = save_tiny(backbone=backbone)
    x = torch.randn(1, 3, 65, 65, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        want = network.main_logits(x)
    fold_batch_norm(network)
    assert not [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    with torch.inference_mode():
        got = network.main_logits(x)
    assert float((got - want).abs().max() / want.abs().max()) < 1e-4


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((4, 4, 3), np.uint8),
        np.zeros((1, 4, 4, 3), np.float32),
        np.zeros((1, 3, 4, 4), np.uint8),
        np.zeros((0, 4, 4, 3), np.uint8),
    ],
)
def test_what_is_no_batch_of_images_is_refused(save_tiny: SaveTiny, images: NDArray[np.uint8]) -> None:
    path, _ = save_tiny()
    with pytest.raises(ShapeError, match="uint8 RGB"):
        Predictor.load(path, device="cpu", precision="fp32").predict(images)


def test_a_missing_checkpoint_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="nothing at"):
        Predictor.load(tmp_path / "gone")


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_cuda_gives_what_the_cpu_gives(save_tiny: SaveTiny) -> None:
    path, _ = save_tiny()
    images = _images()
    want = Predictor.load(path, device="cpu", precision="fp32").predict(images)
    got = Predictor.load(path, device="cuda", precision="fp32").predict(images)
    assert np.abs(got - want).max() < 1e-3 * np.abs(want).max()


def test_the_head_runs_in_float32_whatever_the_precision() -> None:
    network = build_network(NetworkSpec(num_classes=3, backbone="resnet18"))
    predictor._backbone_to(network, torch.bfloat16)
    assert network.get_parameter("layer6.conv2d_list.0.weight").dtype == torch.float32
    assert network.get_parameter("layer4.1.conv2.weight").dtype == torch.bfloat16
    assert network.scale.dtype == torch.float32


def test_half_logits_are_finite_exactly_where_the_networks_are() -> None:
    logits = torch.tensor([[1e6, 0.0, -1e9], [5.0, float("-inf"), 0.0], [1.0, float("nan"), 0.0]])[:, :, None, None]
    half = predictor._relative_half(logits)[:, :, 0, 0]
    assert half.dtype == torch.float16
    assert half[0].tolist() == [0, -65504, -65504]
    assert half[1, 1].isnan()
    assert half[2].isnan().any()
