"""Figures and curves from a store: what they show is what the labels say."""

import csv
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from esl.classes import CITYSCAPES_19
from esl.cli import main
from esl.errors import DataError
from esl.figures.plates import PlateRow
from esl.images import decode_image
from esl.labeling.thresholds import ThresholdRule, class_thresholds
from esl.pipelines.audit import audit_store
from esl.pipelines.figures import _shown_classes, most_different, plate, write_figures, zoom_boxes
from esl.store.predictions import PredictionStore

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "app"))
from worlds import MAP_SIZE, make_store


def test_zoom_boxes_lie_where_the_difference_is_and_apart() -> None:
    difference = np.zeros((100, 200), bool)
    difference[10:20, 30:40] = True
    difference[70:74, 150:160] = True
    first, second = zoom_boxes(difference)
    for (x0, y0, x1, y1), (y, x) in ((first, (15, 35)), (second, (72, 155))):
        assert x0 <= x < x1
        assert y0 <= y < y1
        assert (y1 - y0, x1 - x0) == (22, 44)
    assert first[2] <= second[0] or second[2] <= first[0] or first[3] <= second[1] or second[3] <= first[1]
    assert zoom_boxes(np.zeros((10, 20), bool)) == ()


def test_images_with_most_difference_come_first(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    thresholds = class_thresholds(store.histogram(), ThresholdRule(mu_star=0.3, nu_star=0.2, mode="fixed"))
    pixels = {}
    for image_id in store.image_ids:
        maps = store.maps(image_id)
        pixels[image_id] = int(
            ((maps.max_prob >= thresholds.mu[maps.label]) & (maps.entropy > thresholds.nu[maps.label])).sum()
        )
    assert most_different(store, thresholds, 3) == sorted(pixels, key=lambda i: -pixels[i])


def test_figures_and_curves_are_those_of_the_audit(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    rule = ThresholdRule(mu_star=0.7, nu_star=0.3)
    files = {p.name: p for p in write_figures(store, rule, tmp_path / "out")}
    assert {
        "figure1.png",
        "figure2.png",
        "error_rates.svg",
        "nu_star.png",
        "mu_star.svg",
        "risk.png",
        "curves.csv",
    } <= set(files)
    one, three = (decode_image(files[n].read_bytes(), n).shape for n in ("figure1.png", "figure2.png"))
    assert one[1] == three[1] > 5 * MAP_SIZE[1]
    assert three[0] - one[0] >= 2 * MAP_SIZE[0]
    with files["curves.csv"].open() as stream:
        rows = {(r["criterion"], float(r["threshold"])): r for r in csv.DictReader(stream)}
    total = audit_store(store, rule).report.total
    assert float(rows["entropy", 0.3]["error_rate"]) == pytest.approx(total.esl.error_rate)
    assert float(rows["entropy", 0.3]["coverage"]) == pytest.approx(total.esl_coverage)
    assert float(rows["max_prob", 0.7]["error_rate"]) == pytest.approx(total.ssl.error_rate)
    assert files["risk.svg"].read_bytes().startswith(b"<?xml")


def test_the_legend_names_what_is_drawn_and_nothing_else() -> None:
    colors = np.array(CITYSCAPES_19.colors, np.uint8)

    def map_of(*train_ids: int) -> NDArray[np.uint8]:
        return colors[np.resize(np.array(train_ids), (4, 8))]

    nothing = np.zeros((4, 8, 3), np.uint8)
    row = PlateRow(photo=nothing, truth=map_of(10, 13), ssl=map_of(0, 13), esl=map_of(0), difference=nothing)
    assert _shown_classes([row, replace(row, truth=None, ssl=map_of(5))], CITYSCAPES_19) == [0, 5, 10, 13]


def test_numbers_say_what_they_were_counted_on(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    write_figures(store, ThresholdRule(), tmp_path / "out")
    with (tmp_path / "out" / "curves.csv").open() as stream:
        told = {r["counted_on"] for r in csv.DictReader(stream)}
    size = f"maps {MAP_SIZE[0]}x{MAP_SIZE[1]}"
    assert told == {f"{store.num_done} images of {store.manifest.dataset} {store.manifest.split}, {size}"}


def test_without_ground_truth_there_are_plates_and_no_curves(tmp_path: Path) -> None:
    store = make_store(tmp_path, has_labels=False)
    files = {p.name for p in write_figures(store, ThresholdRule(), tmp_path / "out")}
    assert files == {"figure1.png", "figure2.png"}


def test_what_cannot_be_drawn_is_said(tmp_path: Path) -> None:
    store = make_store(tmp_path, done=2)
    with pytest.raises(DataError, match="complete store"):
        write_figures(store, ThresholdRule(), tmp_path / "out")
    whole = make_store(tmp_path, name="whole")
    with pytest.raises(DataError, match=r"nowhere\.png"):
        write_figures(whole, ThresholdRule(), tmp_path / "out", image_ids=["nowhere.png"])


def test_the_commands_write_them(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = make_store(tmp_path)
    assert (
        main(["report", "demo", "--store", str(store.directory), "--out", str(tmp_path / "r"), "--rows", str(tmp_path)])
        == 0
    )
    assert (tmp_path / "r" / "demo_figures" / "figure2.png").is_file()
    out = tmp_path / "labels"
    assert main(["export", "--store", str(store.directory), "--out", str(out), "--kinds", "train_ids", "figures"]) == 0
    thresholds = class_thresholds(store.histogram(), ThresholdRule())
    for image_id in store.image_ids:
        written = out / "figures" / Path(image_id).with_suffix(".png")
        assert written.read_bytes() == plate(PredictionStore.open(store.directory), thresholds, [image_id])
    assert "figure1.png" in capsys.readouterr().out
