"""A store without labels, and one that still grows."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest
from clients import api_client
from starlette.testclient import TestClient
from worlds import NAMES, flip_bit, logits_of, make_library, make_store

from app import set_numbers
from app.library import Library
from app.opened import OpenStore
from app.set_numbers import SetNumbers
from esl.labeling.maps import PredictionMaps
from esl.store.predictions import PredictionStore

BASE = "/api/v1/stores"


def test_an_image_that_waits_says_so_and_moves_to_the_front(
    library: Library, client: TestClient, tmp_path: Path
) -> None:
    opened = library.add(make_store(tmp_path, done=1))
    answer = client.get(f"{BASE}/{opened.sid}/images/2/maps")
    assert (answer.status_code, answer.json()["waiting"], answer.headers["retry-after"]) == (409, True, "1")
    assert opened.next_wanted() == NAMES[2]
    assert client.post(f"{BASE}/{opened.sid}/images/1/next").json() == {"ok": True}
    assert opened.next_wanted() == NAMES[1]
    assert opened.next_wanted() is None


def test_numbers_of_a_growing_store_are_provisional_and_never_immutable(
    library: Library, client: TestClient, tmp_path: Path
) -> None:
    store = make_store(tmp_path, done=1)
    opened = library.add(store)
    library.numbers(opened).wait(60)
    info = client.get(f"{BASE}/{opened.sid}").json()
    assert (info["provisional"], info["num_done"], [image["done"] for image in info["images"]]) == (
        True,
        1,
        [True, False, False],
    )
    first = client.get(f"{BASE}/{opened.sid}/hist?v={opened.map_version}")
    assert "no-cache" in first.headers["cache-control"]
    assert first.headers["x-num-images"] == "1"
    for k in (1, 2):
        store.write(NAMES[k], logits_of(k))
    store.close()
    library.numbers(opened).wait(60)
    client.get(f"{BASE}/{opened.sid}/hist")
    library.numbers(opened).wait(60)
    after = client.get(f"{BASE}/{opened.sid}").json()
    assert not after["provisional"]
    assert after["medians"] != info["medians"]
    assert after["map_version"] == info["map_version"]
    last = client.get(f"{BASE}/{opened.sid}/hist?v={opened.map_version}")
    assert "no-cache" in last.headers["cache-control"]  # a label may be mended
    assert last.headers["etag"] != first.headers["etag"]


def test_a_store_without_histograms_opens_at_once_and_is_counted_meanwhile(
    library: Library, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = make_store(tmp_path)
    expected = [m.tolist() for m in store.histogram().medians()]
    (tmp_path / "store" / "histograms.npz").unlink()
    go, derive_once = threading.Event(), OpenStore.derive_once

    def wait_and_derive(self: OpenStore, i: int) -> PredictionMaps:
        assert i == 0 or go.wait(60)
        return derive_once(self, i)

    monkeypatch.setattr(OpenStore, "derive_once", wait_and_derive)
    opened = library.add(PredictionStore.open(tmp_path / "store"))
    path = f"{BASE}/{opened.sid}"
    first = client.get(path).json()
    assert (first["provisional"], first["num_done"]) == (True, 3)
    assert first["num_counted"] < 3
    assert client.get(f"{path}/images/2/maps").status_code == 200  # nothing waits for the counting
    while (now := client.get(f"{path}/medians").json())["num_counted"] == 0:
        time.sleep(0.05)
    assert (now["provisional"], now["num_counted"]) == (True, 1)
    go.set()
    assert library.numbers(opened).wait(60)
    last = client.get(f"{path}/medians").json()
    assert (last["provisional"], last["num_counted"]) == (False, 3)
    assert [last["medians"]["mu"], last["medians"]["nu"]] == expected
    assert (tmp_path / "store" / "histograms.npz").exists()


@pytest.mark.parametrize("has_histograms", [True, False])
def test_a_damaged_image_is_left_out_and_said_and_counted_once_it_is_mended(
    library: Library, client: TestClient, tmp_path: Path, has_histograms: bool
) -> None:
    store = make_store(tmp_path)
    chunk = flip_bit(store, 0)
    if not has_histograms:
        (tmp_path / "store" / "histograms.npz").unlink()
    opened = library.add(PredictionStore.open(tmp_path / "store"))
    url = f"{BASE}/{opened.sid}"
    numbers = library.numbers(opened)
    numbers.wait(60)
    hist = client.get(f"{url}/hist")
    assert (hist.headers["x-num-images"], hist.headers["x-num-damaged"]) == ("2", "1")
    levels = {"mu": [0] * 5, "nu": [0] * 5}
    assert client.post(f"{url}/rank", json=levels).json()["order"] == [1, 2]
    queue = client.post(f"{url}/queue", json=levels)
    assert (queue.status_code, queue.json()["num_images"]) == (200, 2)
    only = client.post(f"{url}/queue", json={**levels, "images": [0]})
    assert (only.status_code, "Delete this file" in only.json()["error"]) == (400, True)
    info = client.get(f"{url}/medians").json()
    assert (info["num_damaged"], info["provisional"]) == (1, not has_histograms)
    assert "c.0.0.0.0 was changed" in info["damage"]
    assert numbers.is_over

    chunk.unlink()
    with PredictionStore.create(tmp_path / "store", store.manifest) as again:
        client.get(f"{url}/medians")  # sees that the image is gone
        library.numbers(opened).wait(60)
        again.write(NAMES[0], logits_of(0))
    client.get(f"{url}/medians")
    library.numbers(opened).wait(60)
    assert client.get(f"{url}/hist").headers["x-num-images"] == "3"
    after = client.get(url).json()
    assert (after["num_damaged"], after["damage"], after["provisional"]) == (0, "", False)


@pytest.mark.parametrize("gone", ["data", "data/labels/a/one.png"])
def test_labels_that_cannot_be_read_are_said_and_counted_once_they_can(
    library: Library, client: TestClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str
) -> None:
    monkeypatch.setattr(set_numbers, "LOOK_AGAIN_SECONDS", 0.0)
    make_store(tmp_path)
    opened = library.add(PredictionStore.open(tmp_path / "store"))
    url = f"{BASE}/{opened.sid}"
    assert client.get(url).json()["num_unread"] == 0
    (tmp_path / gone).rename(tmp_path / "away")
    library.numbers(opened).wait(60)
    without = client.get(f"{url}/hist")
    count = 3 if gone == "data" else 1
    assert (without.headers["x-num-images"], without.headers["x-num-unread"]) == ("3", str(count))
    told = client.get(url).json()
    assert told["num_unread"] == count
    assert told["unread"] != ""
    library.numbers(opened).wait(60)
    assert client.get(f"{url}/hist").headers["etag"] == without.headers["etag"], (
        "nothing is counted again while they are away"
    )

    (tmp_path / "away").rename(tmp_path / gone)
    client.get(url)
    assert library.numbers(opened).wait(60)
    again = client.get(f"{url}/hist", headers={"If-None-Match": without.headers["etag"]})
    assert (again.status_code, again.headers["x-num-images"], again.headers["x-num-unread"]) == (200, "3", "0")
    other = make_library(tmp_path / "other")
    twin = other.open(tmp_path / "store")
    assert other.numbers(twin).wait(60)
    np.testing.assert_array_equal(library.numbers(opened).joint(), other.numbers(twin).joint())
    assert client.post(f"{url}/rank", json={"mu": [0] * 5, "nu": [0] * 5}).json()["order"] == [0, 1, 2]
    after = client.get(url).json()
    assert (after["num_unread"], after["unread"]) == (0, "")


def test_counting_that_is_stopped_half_way_leaves_nothing_and_begins_anew(library: Library, tmp_path: Path) -> None:
    make_store(tmp_path)
    (tmp_path / "store" / "histograms.npz").unlink()
    opened = library.add(PredictionStore.open(tmp_path / "store"))
    stopped = SetNumbers(opened, tmp_path / "cache")
    stopped.stop()
    stopped.start()
    assert not stopped.wait(60)
    assert not (tmp_path / "cache").exists()
    assert not (tmp_path / "store" / "histograms.npz").exists()
    again = SetNumbers(opened, tmp_path / "cache")
    again.start()
    assert again.wait(60)
    assert opened.store.num_counted == 3


def test_without_ground_truth_its_maps_are_404_and_the_rest_works(library: Library, tmp_path: Path) -> None:
    opened = library.add(make_store(tmp_path, has_labels=False))
    library.numbers(opened).wait(60)
    client = api_client(library)
    assert client.get(BASE).json()[0]["has_truth"] is False
    assert client.get(f"{BASE}/{opened.sid}/images/0/maps?kinds=gt").status_code == 404
    assert client.get(f"{BASE}/{opened.sid}/images/0/maps?kinds=pred").status_code == 200
    body = {"mu": [59000] * 5, "nu": [6500] * 5, "key": "err_esl"}
    ranked = client.post(f"{BASE}/{opened.sid}/rank", json=body).json()
    assert ranked["values"] == [None, None, None]
    assert client.post(f"{BASE}/{opened.sid}/queue", json={"mu": body["mu"], "nu": [0] * 5}).status_code == 200
