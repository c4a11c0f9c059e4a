"""CBST's labels over the wire are those of the export, and their thresholds travel with them."""

from pathlib import Path

import numpy as np
from starlette.testclient import TestClient
from worlds import MAP_SIZE, NAMES, make_store

from app.library import Library
from app.opened import OpenStore
from esl.classes import IGNORE
from esl.labeling.class_balanced import class_balanced_divisors, class_balanced_thresholds, select_class_balanced

BASE = "/api/v1/stores"


def test_the_labels_are_the_librarys(client: TestClient, opened: OpenStore) -> None:
    for portion in (0.2, 0.75):
        answer = client.get(f"{BASE}/{opened.sid}/images/1/class-balanced?portion={portion}")
        thresholds = class_balanced_thresholds(opened.store.histogram(), portion)
        maps = opened.store.maps(NAMES[1], divisors=class_balanced_divisors(thresholds))
        label = np.frombuffer(answer.content, np.uint8).reshape(MAP_SIZE)
        assert np.array_equal(label, select_class_balanced(maps, thresholds))
        assert (label != IGNORE).any()
        assert answer.headers["x-thresholds"] == ",".join(map(str, thresholds))


def test_only_the_whole_sets_thresholds_are_kept_for_ever(
    client: TestClient, library: Library, opened: OpenStore, tmp_path: Path
) -> None:
    url = f"{BASE}/{opened.sid}/images/0/class-balanced?portion=0.3"
    named = client.get(f"{url}&v={opened.map_version}")
    assert "immutable" in named.headers["cache-control"]
    assert client.get(url, headers={"If-None-Match": named.headers["etag"]}).status_code == 304
    other = client.get(url.replace("0.3", "0.4"), headers={"If-None-Match": named.headers["etag"]})
    assert other.status_code == 200
    make_store(tmp_path, done=2, names=(*NAMES, "c/four.png"), name="growing")
    growing = library.open(tmp_path / "growing", "growing")
    early = client.get(f"{BASE}/{growing.sid}/images/0/class-balanced?v={growing.map_version}")
    assert "no-cache" in early.headers["cache-control"]
    waiting = client.get(f"{BASE}/{growing.sid}/images/3/class-balanced")
    assert waiting.status_code == 409


def test_nonsense_is_told(client: TestClient, opened: OpenStore) -> None:
    for portion in ("0", "-1", "1.5", "nan", "inf", "x"):
        answer = client.get(f"{BASE}/{opened.sid}/images/0/class-balanced?portion={portion}")
        assert answer.status_code == 400
        assert "portion" in answer.json()["error"]
    assert client.get(f"{BASE}/{opened.sid}/images/9/class-balanced").status_code == 404
