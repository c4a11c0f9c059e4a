"""Class sets hold the tables of the reference code, entry by entry."""

import pickle

import numpy as np
import pytest

from esl.classes import (
    CITYSCAPES_7,
    CITYSCAPES_13,
    CITYSCAPES_16,
    CITYSCAPES_19,
    CLASS_SETS,
    IGNORE,
    UNKNOWN,
    ClassSet,
    class_set,
)
from esl.errors import ConfigError

# fmt: off
MAPILLARY_7 = [
    255, 255, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 5, 5, 5, 5, 0, 0, 255, 255, 4, 255, 0, 3, 255, 255, 255,
    255, 255, 255, 255, 255, 255, 255, 255, 255, 2, 2, 2, 2, 2, 2, 2, 2, 255, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 255, 255, 255,
]
# fmt: on


def test_mapillary_to_seven_classes_equals_the_published_list() -> None:
    assert CITYSCAPES_7.lookup("mapillary")[:66].tolist() == MAPILLARY_7
    assert (CITYSCAPES_7.lookup("mapillary")[66:] == UNKNOWN).all()


def test_sixteen_and_thirteen_classes_are_the_nineteen_less_the_absent_ones() -> None:
    assert set(CITYSCAPES_19.names) - set(CITYSCAPES_16.names) == {"terrain", "truck", "train"}
    assert set(CITYSCAPES_16.names) - set(CITYSCAPES_13.names) == {"wall", "fence", "pole"}
    for small in (CITYSCAPES_16, CITYSCAPES_13):
        for name, color in zip(small.names, small.colors):
            assert color == CITYSCAPES_19.colors[CITYSCAPES_19.index(name)]


@pytest.mark.parametrize("label_format", ["cityscapes", "gta5", "synthia"])
@pytest.mark.parametrize("small", [CITYSCAPES_16, CITYSCAPES_13])
def test_a_smaller_set_names_the_same_class_for_each_id(label_format: str, small: ClassSet) -> None:
    wide, narrow = CITYSCAPES_19.lookup(label_format), small.lookup(label_format)
    for file_id, train_id in enumerate(narrow):
        if train_id not in (IGNORE, UNKNOWN):
            assert small.names[train_id] == CITYSCAPES_19.names[wide[file_id]]


def test_terrain_is_nature_for_cityscapes_and_flat_for_the_others() -> None:
    assert CITYSCAPES_7.lookup("cityscapes")[22] == CITYSCAPES_7.index("nature")
    assert CITYSCAPES_7.lookup("gta5")[22] == CITYSCAPES_7.index("flat")
    assert CITYSCAPES_7.lookup("synthia")[16] == CITYSCAPES_7.index("flat")


def test_the_other_answer_for_terrain_moves_terrain_alone() -> None:
    flat, nature = CITYSCAPES_7.index("flat"), CITYSCAPES_7.index("nature")
    for usual, other, terrain, answer in (
        ("cityscapes", "cityscapes_flat_terrain", 22, flat),
        ("gta5", "gta5_nature_terrain", 22, nature),
        ("synthia", "synthia_nature_terrain", 16, nature),
        ("mapillary", "mapillary_nature_terrain", 29, nature),
    ):
        published, moved = CITYSCAPES_7.lookup(usual), CITYSCAPES_7.lookup(other)
        assert np.flatnonzero(published != moved).tolist() == [terrain]
        assert moved[terrain] == answer


@pytest.mark.parametrize("name", list(CLASS_SETS))
def test_every_class_is_reached_by_some_format_and_survives_pickling(name: str) -> None:
    classes = class_set(name)
    copy = pickle.loads(pickle.dumps(classes))
    assert copy == classes
    for label_format in classes.label_formats:
        reached = set(copy.lookup(label_format).tolist()) - {IGNORE, UNKNOWN}
        assert reached == set(range(classes.num_classes)) or label_format == "synthia_dada", label_format
    assert classes.palette().dtype == np.uint8
    assert (classes.palette()[IGNORE] == 0).all()


def test_wrong_names_are_refused_with_the_choices() -> None:
    with pytest.raises(ConfigError, match="cityscapes19"):
        class_set("cityscapes20")
    with pytest.raises(ConfigError, match="train_ids"):
        CITYSCAPES_19.lookup("kitti")
    with pytest.raises(ConfigError, match="got 'tree'"):
        CITYSCAPES_19.index("tree")
    with pytest.raises(ConfigError, match="do not exist"):
        ClassSet(name="x", names=("a", "b"), colors=((0, 0, 0), (1, 1, 1)), label_formats={"y": {0: 2}})
