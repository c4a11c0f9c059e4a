"""Arcs cover the difference, split where they must, and their samples stand for all of them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from esl.errors import ConfigError
from esl.labeling.maps import PredictionMaps
from esl.pipelines.arcs import Arc, find_arcs, sample_arcs


def maps_of(label: NDArray[np.uint8], second: NDArray[np.uint8]) -> PredictionMaps:
    high = np.full(label.shape, 60000, np.uint16)
    return PredictionMaps(
        label=label, max_prob=high, entropy=(high // 2).astype(np.uint16), second=second, second_prob=high
    )


def pixels_of(arcs: list[Arc]) -> list[int]:
    return sorted(p for arc in arcs for start, length in arc.runs for p in range(start, start + length))


def test_arcs_cover_exactly_the_difference_and_keep_one_class_pair_each() -> None:
    rng = np.random.default_rng(3)
    label = rng.integers(0, 3, (60, 90)).astype(np.uint8).repeat(1, 0)
    second = rng.integers(0, 2, (60, 90)).astype(np.uint8)
    difference = rng.random((60, 90)) < 0.4
    arcs = find_arcs(maps_of(label, second), difference, 7, min_pixels=1)
    assert pixels_of(arcs) == np.flatnonzero(difference).tolist()
    for arc in arcs:
        where = pixels_of([arc])
        assert {(int(label.flat[p]), int(second.flat[p])) for p in where} == {(arc.predicted, arc.second)}
        ys, xs = np.divmod(where, 90)
        assert arc.box == (xs.min(), ys.min(), xs.max(), ys.max())
        assert arc.pixels == len(where)


def test_a_run_never_crosses_the_end_of_a_row() -> None:
    flat = np.zeros((4, 10), np.uint8)
    arcs = find_arcs(maps_of(flat, flat + 1), np.ones((4, 10), np.bool_), 0, min_pixels=1)
    assert arcs[0].runs == ((0, 10), (10, 10), (20, 10), (30, 10))


def test_diagonal_pixels_are_one_arc_and_long_ones_are_cut() -> None:
    flat = np.zeros((300, 300), np.uint8)
    arcs = find_arcs(maps_of(flat, flat + 1), np.eye(300, dtype=np.bool_), 0)
    assert len(arcs) == 3
    assert all(max(a.box[2] - a.box[0], a.box[3] - a.box[1]) < 128 for a in arcs)
    assert len(pixels_of(arcs)) == 300


def test_small_arcs_are_left_out_and_nothing_gives_nothing() -> None:
    flat = np.zeros((20, 20), np.uint8)
    difference = np.zeros((20, 20), np.bool_)
    assert find_arcs(maps_of(flat, flat + 1), difference, 0) == []
    difference[3, :11] = True
    difference[9, :12] = True
    assert [a.pixels for a in find_arcs(maps_of(flat, flat + 1), difference, 0)] == [12]


def test_keys_are_stable_and_name_the_image() -> None:
    flat = np.zeros((20, 20), np.uint8)
    difference = np.zeros((20, 20), np.bool_)
    difference[3] = True
    one, two = (find_arcs(maps_of(flat, flat + 1), difference, i)[0] for i in (4, 5))
    assert one.key == find_arcs(maps_of(flat, flat + 1), difference, 4)[0].key
    assert one.key != two.key


def arc(k: int, pair: tuple[int, int] = (0, 1)) -> Arc:
    return Arc(
        key=f"{k:03d}",
        image=k % 5,
        box=(0, 0, 1, 1),
        runs=((k, 1),),
        predicted=pair[0],
        second=pair[1],
        pixels=20,
        contested=k / 100,
    )


ARCS = [arc(k, (k % 3, 9)) for k in range(60)] + [arc(99, (7, 8))]


@pytest.mark.parametrize("sampling", ["uniform", "stratified"])
def test_weights_of_a_sample_sum_to_all_candidates(sampling: str) -> None:
    for limit in (1, 7, 30, 61, 500):
        sample = sample_arcs(ARCS, sampling, 5, limit, scale=2.0)  # type: ignore[arg-type]
        assert len(sample) == min(limit, 61)
        if limit >= 7:
            assert sum(a.weight for a in sample) == pytest.approx(2.0 * 61)


def test_the_same_seed_draws_the_same_whatever_the_order_and_another_one_does_not() -> None:
    one = [a.key for a in sample_arcs(ARCS, "uniform", 1, 10)]
    assert one == [a.key for a in sample_arcs(ARCS[::-1], "uniform", 1, 10)]
    assert one != [a.key for a in sample_arcs(ARCS, "uniform", 2, 10)]


def test_stratified_takes_the_rare_pair_and_top_the_most_contested() -> None:
    assert (7, 8) in {(a.predicted, a.second) for a in sample_arcs(ARCS, "stratified", 0, 4)}
    assert [a.key for a in sample_arcs(ARCS, "top", 0, 2)] == ["099", "059"]


def test_an_unknown_sampling_and_maps_without_second_class_are_refused() -> None:
    with pytest.raises(ConfigError, match="one of top"):
        sample_arcs(ARCS, "best", 0, 1)  # type: ignore[arg-type]
    flat = np.zeros((4, 4), np.uint8)
    with pytest.raises(ConfigError, match="second"):
        find_arcs(
            PredictionMaps(label=flat, max_prob=flat.astype(np.uint16), entropy=flat.astype(np.uint16)), flat > 0, 0
        )
