"""Histograms, ranking and filters say what the pixels say."""

from typing import Any

import numpy as np
import pytest
from clients import api_client
from starlette.testclient import TestClient
from worlds import NAMES, make_library

from app.library import Library
from app.opened import OpenStore
from app.set_numbers import SetNumbers
from esl.classes import IGNORE
from esl.labeling.comparison import SSL_ONLY, compare
from esl.labeling.thresholds import ThresholdRule, Thresholds, class_thresholds
from esl.pipelines.audit import audit_histogram
from esl.store.predictions import PredictionStore

BASE = "/api/v1/stores"


def levels(opened: OpenStore, **rule: Any) -> tuple[Thresholds, dict[str, Any]]:
    thresholds = class_thresholds(opened.histogram(), ThresholdRule(**rule))
    return thresholds, {"mu": thresholds.mu.tolist(), "nu": thresholds.nu.tolist()}


def test_the_joint_histogram_counts_each_pixel_once(client: TestClient, opened: OpenStore) -> None:
    joint = np.frombuffer(client.get(f"{BASE}/{opened.sid}/hist").content, "<u4").reshape(5, 3, 256, 256)
    expected = np.zeros_like(joint)
    for i, name in enumerate(NAMES):
        maps, truth = opened.store.maps(name), opened.truth(i)
        state = np.where(truth == IGNORE, 2, np.where(truth == maps.label, 0, 1))
        np.add.at(expected, (maps.label, state, maps.entropy >> 8, maps.max_prob >> 8), 1)
    np.testing.assert_array_equal(joint, expected)


def test_what_the_page_counted_serves_audits_and_runs(client: TestClient, opened: OpenStore) -> None:
    client.get(f"{BASE}/{opened.sid}/hist")
    library = client.app.state.library  # type: ignore[attr-defined]
    assert library.numbers(opened).wait(60)

    def read_nothing(*of: object) -> None:
        raise AssertionError("a pixel was touched")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PredictionStore, "maps", read_nothing)
        kept = audit_histogram(opened.store, opened.targets)
    assert kept.joint.sum() == 3 * 48 * 96
    np.testing.assert_array_equal(kept.joint, library.numbers(opened).joint())


def test_the_sparse_marginals_hold_the_exact_scores(client: TestClient, opened: OpenStore) -> None:
    body = client.get(f"{BASE}/{opened.sid}/marginals").content
    assert body[:4] == b"ESLM"
    version, num_classes, count = np.frombuffer(body[4:16], "<u4").tolist()
    assert (version, num_classes) == (1, 5)
    keys = np.frombuffer(body, "<u4", count, 16).astype(np.int64)
    start = 16 + 4 * count + (-4 * count) % 8
    counts = np.frombuffer(body, "<f8", count, start)
    assert len(body) == start + 8 * count
    assert (np.diff(keys) > 0).all()
    dense = np.zeros((2, 5, 3, 65536))
    dense.reshape(-1)[keys] = counts
    np.testing.assert_array_equal(dense.sum(axis=2), opened.histogram().counts)


def test_images_are_ranked_by_the_difference(client: TestClient, opened: OpenStore) -> None:
    thresholds, body = levels(opened, mode="fixed", mu_star=0.5, nu_star=0.2)
    exact = [int((compare(opened.store.maps(name), thresholds) == SSL_ONLY).sum()) for name in NAMES]
    answer = client.post(f"{BASE}/{opened.sid}/rank", json={**body, "key": "ssl_only"}).json()
    assert answer["approximate"]
    assert answer["values"] == sorted(answer["values"], reverse=True)
    by_image = dict(zip(answer["order"], answer["values"], strict=True))
    for i, count in enumerate(exact):
        assert by_image[i] == pytest.approx(count, abs=0.12 * count + 30)
    totals = np.asarray(answer["totals"])
    assert totals.shape == (5, 3, 4)
    assert totals.sum() == pytest.approx(3 * 48 * 96, abs=60)


@pytest.mark.parametrize(
    "key",
    [
        "index",
        "esl_only",
        "err_ssl",
        "err_esl",
        "err_diff",
        "coverage",
        "coverage_ssl",
        "boundary",
        "entropy",
        "class",
        "verdicts",
    ],
)
def test_every_key_ranks_every_image(client: TestClient, opened: OpenStore, key: str) -> None:
    answer = client.post(f"{BASE}/{opened.sid}/rank", json={**levels(opened)[1], "key": key, "class": 1}).json()
    assert sorted(answer["order"]) == [0, 1, 2]
    assert len(answer["values"]) == 3


def rank(client: TestClient, opened: OpenStore, text: str, **more: Any) -> Any:
    return client.post(f"{BASE}/{opened.sid}/rank", json={**levels(opened)[1], "filter": text, **more})


def test_filter_words_must_all_hold(client: TestClient, opened: OpenStore) -> None:
    assert rank(client, opened, "name:a/").json()["order"] == [0, 1]
    assert rank(client, opened, "ONE.png").json()["order"] == [0]
    assert rank(client, opened, "a/ err>0%").json()["order"] == [
        i for i in rank(client, opened, "err>0%").json()["order"] if i < 2
    ]
    assert rank(client, opened, "px>=0 labelled unjudged kept>1%").json()["order"] == [0, 1, 2]
    assert rank(client, opened, "unlabelled").json()["order"] == []
    assert rank(client, opened, "judged").json()["order"] == []
    with_class = [i for i, name in enumerate(NAMES) if (opened.store.maps(name).label == 4).any()]
    assert rank(client, opened, "class:sky").json()["order"] == with_class


@pytest.mark.parametrize("text", ["class:dragon", "err>five", "speed>3", "err>5%%"])
def test_a_word_that_means_nothing_is_named(client: TestClient, opened: OpenStore, text: str) -> None:
    answer = rank(client, opened, text)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_a_brush_ranks_by_its_pixels(client: TestClient, opened: OpenStore) -> None:
    answer = rank(client, opened, "", brush={"cls": 1, "e": [0, 65535], "p": [0, 65535]}).json()
    counts = {i: int((opened.store.maps(name).label == 1).sum()) for i, name in enumerate(NAMES)}
    assert dict(zip(answer["order"], answer["values"], strict=True)) == pytest.approx(
        {i: n for i, n in counts.items() if n}
    )


@pytest.mark.parametrize(
    "change",
    [
        {"mu": [1]}, {"nu": [70000] * 5}, {"key": "beauty"}, {"key": "class", "class": 5}, {"mu": "x"},
        {"brush": {"cls": 5}}, {"brush": {"cls": -1}}, {"brush": {"cls": 1, "e": [0, 65536]}},
        {"brush": {"cls": 1, "p": [-1, 65535]}},
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_400(client: TestClient, opened: OpenStore, change: dict[str, Any]) -> None:
    answer = client.post(f"{BASE}/{opened.sid}/rank", json={**levels(opened)[1], **change})
    assert answer.status_code == 400
    assert "error" in answer.json()


def mend(library: Library, name: str) -> None:
    label = next((library.roots[0] / "data" / "labels").rglob(name))
    label.write_bytes(label.read_bytes() + b"\0")


def test_counts_are_kept_for_the_next_start_and_counted_again_when_a_label_changes(
    library: Library, opened: OpenStore
) -> None:
    before = library.numbers(opened)
    again = SetNumbers(opened, library.cache_dir)
    again._load()
    assert again.num_counted == 3
    np.testing.assert_array_equal(again.joint(), before.joint())
    mend(library, "two.png")
    stale = SetNumbers(opened, library.cache_dir)
    stale._load()
    assert stale.num_counted == 0


@pytest.mark.parametrize("what", ["hist", "marginals"])
def test_a_browser_asks_again_for_what_depends_on_labels(
    client: TestClient, library: Library, opened: OpenStore, what: str
) -> None:
    url = f"{BASE}/{opened.sid}/{what}?v={opened.map_version}"
    held = client.get(url)
    assert "no-cache" in held.headers["cache-control"]
    assert client.get(url, headers={"If-None-Match": held.headers["etag"]}).status_code == 304
    mend(library, "two.png")
    restarted = make_library(library.roots[0])
    again = restarted.open(opened.directory)
    assert restarted.numbers(again).wait(60)
    answer = api_client(restarted).get(url, headers={"If-None-Match": held.headers["etag"]})
    assert (again.sid, again.map_version, answer.status_code) == (opened.sid, opened.map_version, 200)


def test_counts_are_not_kept_where_a_label_changed_while_they_were_made(
    library: Library, opened: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    mend(library, "one.png")
    counting = SetNumbers(opened, library.cache_dir)
    truth = OpenStore.truth
    monkeypatch.setattr(OpenStore, "truth", lambda self, i: (truth(self, i), mend(library, "two.png"))[0])
    counting.start()
    assert counting.wait(60)
    later = SetNumbers(opened, library.cache_dir)
    later._load()
    assert later.num_counted == 0


def test_boundary_shares_are_recomputed_on_demand(client: TestClient, opened: OpenStore, library: Library) -> None:
    import time

    body = levels(opened, mode="fixed", mu_star=0.5, nu_star=0.2)[1]
    job = client.post(f"{BASE}/{opened.sid}/boundary", json=body).json()["job"]
    for _ in range(500):
        if client.get(f"/api/v1/jobs/{job}").json()["state"] == "done":
            break
        time.sleep(0.02)
    values = client.post(f"{BASE}/{opened.sid}/rank", json={**body, "key": "boundary"}).json()["values"]
    assert all(0 < v <= 1 for v in values)
