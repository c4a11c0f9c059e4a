"""A store without labels, and one that still grows."""

from pathlib import Path

from clients import api_client
from starlette.testclient import TestClient
from worlds import NAMES, logits_of, make_store

from app.library import Library

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
    assert "immutable" in last.headers["cache-control"]
    assert last.headers["etag"] != first.headers["etag"]


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
