"""What is timed must be the same work on both sides."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import extraction, our_way, reference_way
from benchmarks.extraction import HEADS, PIPELINES, head, main, table, write_images
from benchmarks.measure import Measurement, in_process, measure
from esl.labeling.maps import derive_maps
from esl.models.deeplab_v2 import NetworkSpec, build_network
from esl.models.predictor import Predictor
from esl.models.weights import NetworkInfo
from esl.store.predictions import PredictionStore


def test_both_heads_give_the_same_maps() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (19, 9, 17)).astype(np.float32)
    size = (65, 129)
    ours = derive_maps(logits, size)
    batch = torch.from_numpy(logits)[None]
    label, max_prob, entropy = reference_way.maps_in_torch(batch, size)
    assert (label[0].numpy() == ours.label).mean() > 0.999
    assert np.abs(max_prob[0].numpy() - ours.max_prob / 65535).max() < 2e-5
    assert np.abs(entropy[0].numpy() - ours.entropy / 65535).max() < 2e-5
    numpy_label, numpy_entropy = reference_way.maps_of(batch, size)
    assert (numpy_label == label[0].numpy()).mean() > 0.999
    assert np.abs(numpy_entropy - entropy[0].numpy()).max() < 1e-5


def test_a_head_works_on_the_device_and_ends_in_main_memory() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (19, 9, 17)).astype(np.float32)
    label, *_ = head("eager_torch", logits, (33, 65), "cpu")()
    assert label.device.type == "cpu"
    with pytest.raises(
        NotImplementedError, match="meta"
    ):  # a device without numbers, which cannot come back from there
        head("eager_torch", logits, (33, 65), "meta")()


def test_the_device_reaches_every_contender(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[tuple[str, ...]] = []

    def in_process(module: str, arguments: tuple[str, ...]) -> Measurement:
        started.append(arguments)
        return Measurement(name="x", seconds=1.0, peak_mb=1.0, own_mb=1.0)

    monkeypatch.setattr(extraction, "in_process", in_process)
    monkeypatch.setattr(extraction, "hardware", lambda: "a machine")
    main(["--images", "1", "--device", "cuda"])
    assert len(started) == 2 * len(HEADS) + len(PIPELINES)
    given: list[str] = []
    for name in ("run_head", "run_pipeline"):
        monkeypatch.setattr(extraction, name, lambda *arguments: given.append(arguments[-1]))
    monkeypatch.setattr(extraction, "report", lambda measured: None)
    for arguments in started:
        main(arguments)
    assert given == ["cuda"] * len(started)


def test_the_reference_reads_bgr_minus_mean(tmp_path: Path) -> None:
    write_images(tmp_path, 1)
    values = reference_way.read(tmp_path / "000.png", (64, 128))
    assert values.shape == (1, 3, 64, 128)
    assert values.min() >= -123
    assert values.max() <= 255 - 104


def test_a_measurement_counts_time_and_memory() -> None:
    held = []
    result = measure("work", lambda: held.append(np.ones(5_000_000)), repeats=3, images=2)
    assert 0 < result.seconds < 1
    assert result.own_mb >= 40
    assert result.peak_mb > result.own_mb


def test_a_failing_contender_is_no_number() -> None:
    with pytest.raises(RuntimeError, match="no_such_module"):
        in_process("benchmarks.no_such_module", [])


def test_ratios_are_against_the_first_row() -> None:
    rows = [Measurement(name=n, seconds=s, peak_mb=1, own_mb=1) for n, s in (("a", 2.0), ("b", 0.5))]
    assert "| b | 0.5000 | 0.250 |" in table("T", rows)


def test_our_side_ends_with_a_store_and_thresholds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path, 2)
    info = NetworkInfo(num_classes=19, backbone="mobilenet_v2", multi_level=False, class_set="cityscapes19")
    predictor = Predictor(build_network(info), info, device="cpu", precision="fp32")
    thresholds = our_way.extract(sorted(tmp_path.glob("*.png")), (64, 128), predictor, tmp_path / "store")
    assert len(thresholds.mu) == 19
    assert PredictionStore.open(tmp_path / "store").is_complete
    predicted: list[int] = []
    predict = predictor.predict
    monkeypatch.setattr(predictor, "predict", lambda images: predicted.append(len(images)) or predict(images))
    again = our_way.extract(sorted(tmp_path.glob("*.png")), (64, 128), predictor, tmp_path / "store")
    np.testing.assert_array_equal(again.mu, thresholds.mu)
    assert predicted == [1, 1], "what is timed is done anew, and no more than that"


def test_the_reference_side_ends_with_thresholds(tmp_path: Path) -> None:
    write_images(tmp_path, 2)
    network = build_network(NetworkSpec(num_classes=19, backbone="mobilenet_v2")).eval()
    thresholds = reference_way.extract(sorted(tmp_path.glob("*.png")), (64, 128), network)
    assert len(thresholds) == 19
    assert min(thresholds) >= 0.1
