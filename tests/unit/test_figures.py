import io
import json
import re

import cv2
import numpy as np
import pytest

from esl.classes import CITYSCAPES_19
from esl.errors import ShapeError
from esl.figures.plates import PlateRow, plate_of_one, plate_of_rows
from esl.figures.plotly_charts import draw_error_bars, draw_risk_curve, draw_threshold_curves
from esl.figures.report_charts import render_error_bars, render_risk_curve, render_threshold_curves
from esl.figures.values import ErrorRates, RiskCurve, ThresholdCurve

NAMES = CITYSCAPES_19.names


@pytest.fixture
def rates():
    ssl = np.linspace(0.02, 0.4, 19)
    ssl[16] = np.nan
    return ErrorRates(names=NAMES, ssl=ssl, esl=0.9 * ssl, overall=(0.093, 0.081))


@pytest.fixture
def curve():
    at = np.linspace(0, 0.5, 11)
    return ThresholdCurve(criterion="entropy", thresholds=at, error=0.1 * at, coverage=at, current=0.1)


@pytest.fixture
def risks():
    at = np.array([0.2, 0.5, np.nan, 1.0])
    return [
        RiskCurve(criterion=name, coverage=at, error=at / 5, current=(0.5, 0.1)) for name in ("max_prob", "entropy")
    ]


def _decode(png: bytes):
    return cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]


def _row(seed=0, *, truth=True, boxes=((4, 4, 20, 16),)):
    rng = np.random.default_rng(seed)
    photo, label, ssl, esl, minus = rng.integers(0, 255, (5, 48, 96, 3), dtype=np.uint8)
    return PlateRow(photo=photo, truth=label if truth else None, ssl=ssl, esl=esl, difference=minus, boxes=boxes)


def test_the_bars_hold_per_cents_and_gaps(rates):
    figure = draw_error_bars(rates)
    ssl, esl = figure.data
    assert list(ssl.x) == list(NAMES)
    assert ssl.y[0] == pytest.approx(2.0)
    assert esl.y[18] == pytest.approx(36.0)
    assert ssl.y[16] is None
    assert len(figure.layout.annotations) == 1
    assert "SSL 9.3 %, ESL 8.1 %" in figure.layout.title.text


def test_page_charts_are_json_in_both_dresses(rates, curve, risks):
    for dark in (False, True):
        for figure in (
            draw_error_bars(rates, dark=dark),
            draw_threshold_curves(curve, dark=dark),
            draw_risk_curve(risks, dark=dark),
        ):
            text = figure.to_json()
            assert "NaN" not in text
            assert json.loads(text)["data"]
    assert draw_error_bars(rates, dark=True).layout.font.color != draw_error_bars(rates).layout.font.color


def test_the_threshold_in_use_is_marked_over_both_curves(curve):
    figure = draw_threshold_curves(curve)
    assert [shape.x0 for shape in figure.layout.shapes] == [0.1, 0.1]
    assert figure.layout.xaxis2.title.text.startswith("ν*")


def test_the_criteria_differ_without_color(rates, risks):
    dashes = [trace.line.dash for trace in draw_risk_curve(risks).data if trace.mode == "lines"]
    assert sorted(dashes) == ["dash", "solid"]
    assert [trace.marker.pattern.shape for trace in draw_error_bars(rates).data] == ["/", ""]


@pytest.mark.parametrize(("kind", "magic"), [("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_report_charts_are_the_same_bytes_each_time(rates, kind, magic):
    first = render_error_bars(rates, kind)
    assert first.startswith(magic)
    assert first == render_error_bars(rates, kind)


def test_no_chart_cuts_what_it_says(rates, curve, risks):
    for png in (
        render_error_bars(rates, "png"),
        render_threshold_curves(curve, "png"),
        render_risk_curve(risks, "png"),
    ):
        picture = _decode(png)
        for border in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
            assert (border == 255).all()


def test_svg_letters_are_outlines_so_that_any_viewer_shows_them(rates):
    svg = render_error_bars(rates).decode()
    assert "<text" not in svg
    assert not re.search(r"\d{4}-\d\d-\d\dT", svg)


def test_a_plate_keeps_each_panel_pixel_for_pixel():
    row = _row(boxes=())
    picture = _decode(plate_of_one(row))
    width = row.size[1]
    for k, panel in enumerate(row.panels):
        left, top = 10 + k * (width + 6), 36
        assert (picture[top : top + 48, left : left + width] == panel).all()


def test_a_plate_frames_and_enlarges_its_details():
    row = _row()
    picture = _decode(plate_of_one(row))
    zoomed = picture[36 + 48 + 6 :, 10 : 10 + 96]
    middle = row.photo[10, 12]
    assert (zoomed == middle).all(-1).sum() >= 16
    assert (picture == (230, 25, 75)).all(-1).sum() > 100


def test_the_legend_of_a_plate_holds_every_class():
    rows = [_row(0), _row(1, truth=False, boxes=((0, 0, 10, 10), (20, 20, 40, 40)))]
    picture = _decode(plate_of_rows(rows, names=NAMES, colors=CITYSCAPES_19.colors))
    for color in CITYSCAPES_19.colors:
        assert (picture[-190:] == color).all(-1).sum() > 50
    for border in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (border == 255).all()
    assert plate_of_rows(rows) == plate_of_rows(rows)
    assert io.BytesIO(plate_of_rows(rows)).read(4) == b"\x89PNG"


def test_a_missing_ground_truth_is_said_in_words():
    picture = _decode(plate_of_one(_row(truth=False, boxes=())))
    panel = picture[36:84, 10 + 102 : 10 + 102 + 96]
    assert tuple(panel[0, 0]) == (236, 236, 236)
    assert (panel < 120).all(-1).sum() > 20


def test_columns_and_pictures_that_do_not_fit_are_refused():
    with pytest.raises(ShapeError, match="equally long"):
        ErrorRates(names=NAMES, ssl=[0.1], esl=[0.1])
    with pytest.raises(ShapeError, match="inside"):
        _row(boxes=((90, 0, 120, 10),))
    photo = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(ShapeError, match="one size"):
        PlateRow(photo=photo, truth=None, ssl=photo[:2], esl=photo, difference=photo)
