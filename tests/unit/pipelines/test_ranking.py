"""Counts per image answer like the pixels do, exactly at the edges of bins."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from esl.classes import IGNORE
from esl.errors import DataError
from esl.labeling.maps import PredictionMaps
from esl.pipelines.ranking import EDGES, RankTable, count_image, truth_of

C = 4


def scene(seed: int) -> tuple[PredictionMaps, NDArray[np.uint8]]:
    rng = np.random.default_rng(seed)
    label = rng.integers(0, C, (40, 50)).astype(np.uint8)
    label[:, -3:] = IGNORE
    truth = np.where(rng.random(label.shape) < 0.7, label, rng.integers(0, C, label.shape)).astype(np.uint8)
    truth[:4] = IGNORE
    scores = [rng.integers(0, 65536, label.shape).astype(np.uint16) for _ in range(2)]
    return PredictionMaps(label=label, max_prob=scores[0], entropy=scores[1]), truth


def plain(
    maps: PredictionMaps, truth: NDArray[np.uint8], mu: NDArray[np.uint16], nu: NDArray[np.uint16]
) -> NDArray[np.int64]:
    out = np.zeros((C, 3, 4), np.int64)
    state = truth_of(maps.label, truth)
    for c, t, p, e in zip(maps.label.flat, state.flat, maps.max_prob.flat, maps.entropy.flat, strict=True):
        if c != IGNORE:
            out[c, t, int(p >= mu[c]) + 2 * int(e <= nu[c])] += 1
    return out


def test_the_bins_cover_every_value_once() -> None:
    assert EDGES[0] == 0
    assert EDGES[-1] == 65536
    assert (np.diff(EDGES) > 0).all()
    assert np.diff(EDGES)[0] == np.diff(EDGES)[-1] < np.diff(EDGES)[32] / 30


def test_at_the_edges_of_bins_counts_equal_the_pixels() -> None:
    scenes = [scene(k) for k in range(3)]
    table = RankTable.of({5 + k: count_image(*s, C) for k, s in enumerate(scenes)}, C)
    mu = EDGES[[40, 50, 1, 63]].astype(np.uint16)
    nu = (EDGES[[10, 3, 60, 33]] - 1).astype(np.uint16)
    kept = table.kept(mu, nu)
    for k, (maps, truth) in enumerate(scenes):
        np.testing.assert_allclose(kept[k], plain(maps, truth, mu, nu), atol=1e-6)
    assert table.images.tolist() == [5, 6, 7]


def test_between_edges_counts_are_close() -> None:
    maps, truth = scene(1)
    mu, nu = np.full(C, 58982, np.uint16), np.full(C, 6554, np.uint16)
    kept = RankTable.of({0: count_image(maps, truth, C)}, C).kept(mu, nu)[0]
    assert abs(kept - plain(maps, truth, mu, nu)).max() < 20


@pytest.mark.parametrize(
    ("low", "high"), [(0, 0), (0, 65535), (65535, 0), (65535, 65535), (58982, 6554), (6554, 58982)]
)
def test_one_criterion_is_counted_whole_whichever_corner_of_the_joint_counts_is_read(low: int, high: int) -> None:
    """At any pair of thresholds SSL's and ESL's own sums agree with the other pairs that share one of them."""
    table = RankTable.of({k: count_image(*scene(k), C) for k in range(3)}, C)
    mu, nu = np.full(C, low, np.uint16), np.full(C, high, np.uint16)
    kept = table.kept(mu, nu)
    for other in (0, 30000, 65535):
        at = np.full(C, other, np.uint16)
        ssl, esl = table.kept(mu, at)[..., [1, 3]].sum(-1), table.kept(at, nu)[..., 2:].sum(-1)
        np.testing.assert_allclose(kept[..., [1, 3]].sum(-1), ssl, atol=1e-6)
        np.testing.assert_allclose(kept[..., 2:].sum(-1), esl, atol=1e-6)
    assert kept.min() > -1e-6
    np.testing.assert_allclose(kept.sum(axis=(2, 3)), table.class_pixels)


def test_images_that_come_later_stand_where_they_would_have_stood() -> None:
    counts = {k: count_image(*scene(k), C) for k in range(5)}
    grown = RankTable.of({k: counts[k] for k in (4, 1)}, C).joined({k: counts[k] for k in (0, 3, 2)})
    at_once = RankTable.of(counts, C)
    mu, nu = np.full(C, 40000, np.uint16), np.full(C, 20000, np.uint16)
    assert grown.images.tolist() == at_once.images.tolist()
    np.testing.assert_allclose(grown.kept(mu, nu), at_once.kept(mu, nu), atol=1e-6)
    np.testing.assert_array_equal(grown.mean_entropy, at_once.mean_entropy)


def test_a_brush_counts_the_pixels_of_its_box() -> None:
    maps, truth = scene(2)
    table = RankTable.of({0: count_image(maps, truth, C), 1: count_image(maps, None, C)}, C)
    e, p = (int(EDGES[5]), int(EDGES[40]) - 1), (int(EDGES[20]), int(EDGES[60]) - 1)
    inside = (
        (maps.label == 2)
        & (maps.entropy >= e[0])
        & (maps.entropy <= e[1])
        & (maps.max_prob >= p[0])
        & (maps.max_prob <= p[1])
    )
    np.testing.assert_allclose(table.in_brush(2, e, p), [inside.sum()] * 2, atol=1e-6)


def test_without_truth_everything_is_unlabelled_and_the_mean_entropy_is_exact() -> None:
    maps, _ = scene(3)
    table = RankTable.of({0: count_image(maps, None, C)}, C)
    assert table.kept(np.zeros(C, np.uint16), np.zeros(C, np.uint16))[0, :, :2].sum() == 0
    assert table.mean_entropy[0] == pytest.approx(maps.entropy[maps.label != IGNORE].mean() / 65535)
    assert not table.has_truth[0]


def test_a_table_survives_the_disk_and_a_broken_file_is_named(tmp_path: Path) -> None:
    table = RankTable.of({k: count_image(*scene(k), C) for k in (2, 0)}, C)
    table.save(tmp_path / "t.npz")
    again = RankTable.load(tmp_path / "t.npz")
    for name, value in table.__dict__.items():
        np.testing.assert_array_equal(getattr(again, name), value)
    (tmp_path / "t.npz").write_bytes(b"no")
    with pytest.raises(DataError, match=r"t\.npz"):
        RankTable.load(tmp_path / "t.npz")


def test_no_images_rank_to_nothing() -> None:
    table = RankTable.of({}, C)
    assert table.kept(np.zeros(C, np.uint16), np.zeros(C, np.uint16)).shape == (0, C, 3, 4)
    assert table.in_brush(0, (0, 9), (0, 9)).size == 0
