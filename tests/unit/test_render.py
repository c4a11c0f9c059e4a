import cv2
import numpy as np
import pytest

from esl import render
from esl.classes import CITYSCAPES_19, IGNORE
from esl.errors import ShapeError

PALETTE = CITYSCAPES_19.palette()


def test_each_train_id_gets_its_own_color_and_ignore_is_black():
    label = np.array([[0, 18], [10, IGNORE]], np.uint8)
    picture = render.colourise(label, PALETTE)
    assert tuple(picture[0, 1]) == CITYSCAPES_19.colors[18]
    assert tuple(picture[1, 1]) == (0, 0, 0)


def test_colors_fade_from_the_photo_to_the_colors_and_only_where_asked():
    photo, colors = np.full((2, 2, 3), 40, np.uint8), np.full((2, 2, 3), 200, np.uint8)
    assert (render.overlay(photo, colors, 0.0) == photo).all()
    assert (render.overlay(photo, colors, 1.0) == colors).all()
    assert render.overlay(photo, colors, 0.5)[0, 0, 0] == 120
    where = np.array([[True, False], [False, False]])
    mixed = render.overlay(photo, colors, 0.5, where)
    assert mixed[0, 0, 0] == 120
    assert (mixed[1] == photo[1]).all()


def test_the_heat_table_climbs_evenly_in_lightness():
    lab = cv2.cvtColor(render.HEAT_TABLE[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    steps = np.diff(lab[::16, 0])
    assert (steps > 0).all()
    assert steps.max() < 2.2 * steps.min()


def test_scores_of_each_type_span_the_whole_table():
    for low, high, dtype in ((0, 65535, np.uint16), (0, 255, np.uint8), (0.0, 1.0, np.float32)):
        picture = render.heat_map(np.array([[low, high]], dtype))
        assert (picture[0, 0] == render.HEAT_TABLE[0]).all()
        assert (picture[0, 1] == render.HEAT_TABLE[255]).all()
    outside = render.heat_map(np.zeros((1, 2), np.uint16), valid=np.array([[True, False]]))
    assert tuple(outside[0, 1]) == render.BACKGROUND


def test_the_difference_shows_only_what_the_other_dropped():
    ssl, esl = np.array([[3, 3, IGNORE]], np.uint8), np.array([[3, IGNORE, 3]], np.uint8)
    picture = render.difference_map(ssl, esl, PALETTE, background=(1, 2, 3))
    assert [tuple(p) for p in picture[0]] == [(1, 2, 3), CITYSCAPES_19.colors[3], (1, 2, 3)]


def test_comparison_codes_have_four_colors_and_no_fifth():
    picture = render.comparison_map(np.array([[0, 1, 2, 3]], np.uint8))
    assert len({tuple(p) for p in picture[0]}) == 4
    with pytest.raises(ShapeError, match="0 to 3"):
        render.comparison_map(np.array([[4]], np.uint8))


def test_errors_are_hatched_and_unlabelled_pixels_are_no_errors():
    truth = np.full((12, 12), 5, np.uint8)
    truth[:4] = IGNORE
    pseudo = np.full((12, 12), 6, np.uint8)
    pseudo[8:] = 5
    picture = render.error_map(pseudo, truth)
    assert (picture[:4] == render.UNLABELLED_COLOR).all()
    assert (picture[8:] == render.CORRECT_COLOR).all()
    colors = {tuple(p) for p in picture[4:8].reshape(-1, 3)}
    assert colors == {render.WRONG_COLOR, (255, 255, 255)}


def test_the_legend_cuts_no_name_and_uses_the_width_it_is_given():
    wide = render.legend_strip(CITYSCAPES_19.names, CITYSCAPES_19.colors, 600)
    narrow = render.legend_strip(CITYSCAPES_19.names, CITYSCAPES_19.colors, 60)
    assert wide.shape[1] == 600
    assert narrow.shape[0] > wide.shape[0]
    for strip in (wide, narrow):
        assert (strip[:, -2:] == 255).all()
        for color in CITYSCAPES_19.colors:
            assert (strip == color).all(-1).sum() > 100


def test_maps_of_two_sizes_are_refused():
    with pytest.raises(ShapeError, match="one size"):
        render.error_map(np.zeros((2, 2), np.uint8), np.zeros((2, 3), np.uint8))
    with pytest.raises(ShapeError, match="uint8"):
        render.colourise(np.zeros((2, 2), np.int64), PALETTE)  # type: ignore[arg-type]
