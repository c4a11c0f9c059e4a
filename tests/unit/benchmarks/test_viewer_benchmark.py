"""The viewer's benchmark runs end to end at tiny sizes, and what it times is real."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("playwright.sync_api")

from benchmarks.viewer import main, moves, report
from benchmarks.viewer_page import Timing
from benchmarks.viewer_stores import World, write_store
from esl.classes import IGNORE
from esl.store.predictions import PredictionStore
from tests.e2e.serving import chromium


def test_a_timing_is_median_and_percentiles_that_were_measured() -> None:
    timing = Timing.of([float(v) for v in range(100, 0, -1)])
    assert (timing.median, timing.p95, timing.p10) == (50.5, 95.0, 10.0)
    assert Timing.of([3.0]) == Timing(median=3.0, p95=3.0, p10=3.0)


def test_moves_are_small_steps_within_the_range() -> None:
    values = np.asarray(moves(200))
    assert 0.03 <= values.min() < values.max() <= 0.45
    assert np.abs(np.diff(values)).max() <= 0.031


def test_the_store_is_whole_and_its_network_errs_at_times(tmp_path: Path) -> None:
    world = World(map_size=(64, 128), num_images=3, num_scenes=2)
    store = PredictionStore.open(write_store(tmp_path, world))
    assert store.is_complete
    labels = [cv2.imread(str(tmp_path / "data" / "labels" / name), cv2.IMREAD_GRAYSCALE) for name in store.image_ids]
    np.testing.assert_array_equal(labels[0], labels[2])  # the third repeats the first
    assert labels[1] is not None
    labelled = labels[1] != IGNORE
    share = (store.maps(store.image_ids[1]).label == labels[1])[labelled].mean()
    assert 0.5 < share < 1


def test_a_report_names_load_and_goal() -> None:
    rows = [{"name": "slider", "value": "9 ms", "goal": "8 ms"}]
    assert "Load 1.0 before, 2.5 after." in report({"S": {"rows": rows, "load": [1.0, 2.5]}}, "here")
    assert "| slider | 9 ms | 8 ms |" in report({"S": {"rows": rows, "load": [1.0, 2.5]}}, "here")


@pytest.mark.slow
@pytest.mark.e2e
def test_the_whole_benchmark_at_tiny_sizes(tmp_path: Path) -> None:
    if not chromium():
        pytest.skip("no Chromium on this machine; install one, or name it in ESL_CHROMIUM")
    sizes = ["--size", "128", "256", "--num-images", "6", "7", "--folder", str(tmp_path / "stores")]
    few = ["--repeats", "1", "--seconds", "0.3", "--plain-moves", "1", "--ranks", "2", "--moves", "4"]
    main([*sizes, *few, "--out", str(tmp_path / "viewer.md")])
    results = json.loads((tmp_path / "viewer.json").read_text())["results"]
    assert len(results) == 3
    sliders = results["Maps of 256x128, 19 classes"]
    assert sliders["ratios"]["drawn"] > 0
    assert all(0 < m["drawn"] <= m["presented"] for m in sliders["raw"]["slider_nu"])
    assert all(p["decoded"] > 0 for p in sliders["raw"]["plain"])
    many = results["6 images with maps of 512x256"]["raw"]
    assert len(many["function"]) == len(many["http"]) == 2
    assert many["rss_mb"][1] >= many["rss_mb"][0] > 50
    assert "slider to drawn" in (tmp_path / "viewer.md").read_text()
