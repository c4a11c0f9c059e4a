import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import precision
from benchmarks.precision import decision_change_share
from esl.labeling.maps import derive_maps
from esl.labeling.thresholds import ThresholdRule


def test_the_same_maps_change_nothing_and_one_pixel_counts_once() -> None:
    logits = np.random.default_rng(0).normal(0, 3, (4, 5, 9)).astype(np.float32)
    maps = derive_maps(logits, (33, 65))
    rule = ThresholdRule(mode="fixed")
    assert decision_change_share([maps], [maps], 4, rule) == {"arg_max": 0, "max_prob": 0, "entropy": 0}
    # The surest pixel turns as unsure as can be: SSL and ESL drop it, its class stays.
    max_prob, entropy = maps.max_prob.copy(), maps.entropy.copy()
    y, x = np.unravel_index(int(max_prob.argmax()), max_prob.shape)
    max_prob[y, x], entropy[y, x] = 16384, 65535
    changed = dataclasses.replace(maps, max_prob=max_prob, entropy=entropy)
    share = decision_change_share([maps], [changed], 4, rule)
    assert share == {"arg_max": 0, "max_prob": 1 / maps.label.size, "entropy": 1 / maps.label.size}


@pytest.mark.parametrize(("flags", "device"), [([], "cpu"), (["--device", "cuda"], "cuda")])
def test_both_precisions_predict_on_the_device_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], device: str
) -> None:
    class Stopped(Exception):
        pass

    loaded: list[tuple[str, str]] = []

    def load(checkpoint: Path, **settings: Any) -> None:
        loaded.append((settings["precision"], settings["device"]))

    monkeypatch.setattr(precision.Predictor, "load", load)
    for asked in ("fp32", "bf16"):
        precision.maps_in(tmp_path / "c", [], (4, 4), asked, device)  # type: ignore[arg-type]
    assert loaded == [("fp32", device), ("bf16", device)]

    def maps_in(*arguments: Any) -> None:
        assert arguments[-1] == device
        raise Stopped

    monkeypatch.setattr(precision, "maps_in", maps_in)
    with pytest.raises(Stopped):
        precision.main(["--checkpoint", "c", "--images", str(tmp_path), *flags])
