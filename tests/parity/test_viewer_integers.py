"""The browser's integers are the library's: quantisation, thresholds and selections. Paper: Eq. (5) to (9)."""

import json
import math
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from esl.labeling.maps import PredictionMaps, quantise
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import ScoreHistogram, ThresholdRule, class_thresholds

NUM_CLASSES = 7


def ask_browser(repository: Path, question: dict[str, Any]) -> dict[str, Any]:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no node on the path: the viewer's side needs Node 20 or newer")
    script = repository / "tests" / "viewer" / "parity.mjs"
    result = subprocess.run([node, str(script)], input=json.dumps(question), capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    return dict(json.loads(result.stdout))


def random_maps(rng: np.random.Generator) -> PredictionMaps:
    label = rng.choice([0, 1, 2, 3, 4, 5, 255], size=(40, 60)).astype(np.uint8)  # class 6 is never predicted
    conf = rng.integers(0, 65536, label.shape).astype(np.uint16)
    ent = rng.integers(0, 65536, label.shape).astype(np.uint16)
    ent[rng.random(label.shape) < 0.2] = quantise(0.1)  # ties with a threshold must be kept on both sides
    conf[rng.random(label.shape) < 0.2] = quantise(0.9)
    conf[label == 255], ent[label == 255] = 0, 65535
    return PredictionMaps(label, conf, ent)


def random_rule(rng: np.random.Generator, k: int) -> ThresholdRule:
    mode = ("capped", "fixed", "median")[k % 3]
    overrides = [
        {int(c): float(rng.integers(0, 1001)) / 1000 for c in rng.choice(NUM_CLASSES, 2, replace=False)}
        for _ in range(2)
    ]
    if k == 0:
        return ThresholdRule()
    return ThresholdRule(
        mu_star=float(rng.integers(0, 1001)) / 1000,
        nu_star=float(rng.integers(0, 1001)) / 1000,
        mode=mode,  # type: ignore[arg-type]
        mu_overrides=overrides[0],
        nu_overrides=overrides[1] if k % 2 else {},
    )


def test_quantisation_agrees_at_every_thousandth_and_beyond(repository: Path) -> None:
    values = [k / 1000 for k in range(1001)] + np.random.default_rng(0).random(5000).tolist()
    got = ask_browser(repository, {"values": values, "cases": []})["values"]
    assert got == [math.floor(65535 * v + 0.5) for v in values]
    assert got == [quantise(v) for v in values]


def test_thresholds_and_selections_agree_to_the_pixel_for_twenty_rules(repository: Path) -> None:
    rng = np.random.default_rng(5)
    maps = random_maps(rng)
    histogram = ScoreHistogram(NUM_CLASSES)
    histogram.update(maps)
    mu_median, nu_median = histogram.medians()
    rules = [random_rule(rng, k) for k in range(20)]
    cases: list[dict[str, Any]] = [
        {
            "medians": {"mu": mu_median.tolist(), "nu": nu_median.tolist()},
            "rule": rule.to_json(),
            "numClasses": NUM_CLASSES,
        }
        for rule in rules
    ]
    cases[0]["maps"] = {
        "label": maps.label.ravel().tolist(),
        "conf": maps.max_prob.ravel().tolist(),
        "ent": maps.entropy.ravel().tolist(),
    }
    answers = ask_browser(repository, {"values": [], "cases": cases})["answers"]
    for rule, answer in zip(rules, answers, strict=True):
        thresholds = class_thresholds(histogram, rule)
        assert answer["mu"] == thresholds.mu.tolist(), rule
        assert answer["nu"] == thresholds.nu.tolist(), rule
        assert answer["muBinds"] == thresholds.mu_median_binds.astype(int).tolist(), rule
        assert answer["nuBinds"] == thresholds.nu_median_binds.astype(int).tolist(), rule
        assert answer["absent"] == thresholds.absent.astype(int).tolist(), rule
        assert answer["ssl"] == select_pseudo_label(maps, thresholds, "max_prob").ravel().tolist(), rule
        assert answer["esl"] == select_pseudo_label(maps, thresholds, "entropy").ravel().tolist(), rule
