"""TensorBoard events say what metrics.jsonl says, and show pictures; read back by TensorBoard's own reader."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from esl.config import PseudoLabelConfig, SelectionConfig
from esl.errors import ConfigError
from esl.labeling.audit import AuditHistogram
from esl.pipelines.audit import _counts_of, known_quality
from esl.pipelines.audit_pass import CACHE_NAME
from esl.pipelines.self_train import SelfTraining, self_train
from esl.pipelines.targets import Targets
from esl.pipelines.train import open_inputs, train
from esl.store.predictions import PredictionStore
from esl.training.events import EventLog
from esl.training.guards import StopRequest
from tests.integration.training_world import make_world, metrics_of, tiny_config

FEW = {"steps": 2, "save_every": 1, "log_every": 1, "selection": SelectionConfig()}
LABELS = PseudoLabelConfig(source="store", criterion="entropy", nu_star=0.9)


def test_events_hold_numbers_pictures_and_coverage(tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    world = make_world(tmp_path / "world")
    config = tiny_config(world, pseudo_labels=LABELS, tensorboard=True, **FEW)
    record = self_train(config, tmp_path / "e", SelfTraining())
    run = tmp_path / "e" / "round_1" / "run"
    events = reader.EventAccumulator(str(run / "tensorboard")).Reload()
    for name in ("seg_main", "sl_main", "sl_coverage"):
        wanted = [line[name] for line in metrics_of(run)]
        assert [e.value for e in events.Scalars(f"train/{name}")] == pytest.approx(wanted)
    (coverage,) = events.Scalars("pseudo_labels/coverage")
    assert coverage.value == pytest.approx(record["rounds"][1]["coverage"])
    assert sorted(events.Tags()["images"]) == ["source", "target"]
    assert {e.step for e in events.Images("target")} == {1, 2}
    assert events.Images("target")[0].width == 3 * 32, "image, prediction, pseudo-label"


def test_a_resumed_run_strikes_out_what_lay_beyond_and_ends_the_same(tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    world = make_world(tmp_path / "world")
    config = tiny_config(world, **FEW)
    train(config, tmp_path / "plain", accelerator="cpu")
    stop, with_events = StopRequest(), replace(config, tensorboard=True)
    train(with_events, tmp_path / "run", accelerator="cpu", stop=stop, progress=lambda *told: stop.ask())
    lost = EventLog(tmp_path / "run" / "tensorboard", 1, print)
    lost.numbers({"kind": "train", "step": 2, "seg_main": 99.0})
    lost.close()
    train(with_events, tmp_path / "run", accelerator="cpu")
    assert metrics_of(tmp_path / "run") == metrics_of(tmp_path / "plain"), "pictures change no number"
    read = reader.EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert [e.step for e in read.Scalars("train/seg_main")] == [1, 2]
    assert max(e.value for e in read.Scalars("train/seg_main")) < 99


def test_error_rates_come_from_an_earlier_audit_and_open_no_label(tmp_path: Path) -> None:
    world = make_world(tmp_path / "world")  # the target's labels are no images: opening one would fail
    config = tiny_config(world, pseudo_labels=LABELS, **FEW)
    self_train(config, tmp_path / "e", SelfTraining())
    store = PredictionStore.open(tmp_path / "e" / "round_0" / "store")
    labels = open_inputs(replace(config, pseudo_labels=replace(LABELS, path=store.directory))).labels
    assert set(known_quality(labels)) == {"coverage"}
    wrong_in = {}
    for every in (2, 4):
        counts = AuditHistogram(11)
        for image_id in store.image_ids:
            maps = store.maps(image_id)
            truth = maps.label.copy()
            truth[::every] = (truth[::every] + 1) % 11
            counts.update(maps, truth)
        wrong_in[every] = counts
    wrong_in[4].save(store.directory / CACHE_NAME / "fedcba9876543210.npz")
    assert set(known_quality(labels)) == {"coverage"}, "counts of other label files say nothing"
    wrong_in[2].save(_counts_of(store, Targets.of(store.manifest)))
    assert 0.4 < known_quality(labels)["error_rate"] < 0.6
    _counts_of(store, Targets.of(store.manifest)).write_bytes(b"torn")
    assert set(known_quality(labels)) == {"coverage"}
    assert known_quality(None) == {}


def test_without_tensorboard_the_sentence_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torch.utils.tensorboard", None)
    with pytest.raises(ConfigError, match="pip install"):
        EventLog(tmp_path, 0, print)
    assert np.array(list(tmp_path.iterdir())).size == 0


def test_a_disk_that_takes_no_events_does_not_end_the_run(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    said: list[str] = []
    log = EventLog(tmp_path, 0, said.append)

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    log._writer.add_scalar = full
    for step in (1, 2):
        log.numbers({"kind": "train", "step": step, "seg_main": 1.0})
    log.close()
    assert len(said) == 1
    assert "No space left" in said[0]
