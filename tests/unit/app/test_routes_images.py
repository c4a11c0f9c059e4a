"""Maps, photos and pixels come over the wire as the library derives them; ids never become paths."""

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient
from worlds import MAP_SIZE, NAMES

from app.opened import OpenStore
from esl.labeling.boundary import boundary_distance

BASE = "/api/v1/stores"


def test_a_store_says_everything_a_page_needs(client: TestClient, opened: OpenStore) -> None:
    (line,) = client.get(BASE).json()
    assert line == {
        "sid": opened.sid,
        "name": "tiny",
        "dataset": "folder",
        "split": "all",
        "num_images": 3,
        "num_done": 3,
        "has_truth": True,
    }
    info = client.get(f"{BASE}/{opened.sid}").json()
    assert info["map_size"] == list(MAP_SIZE)
    assert len(info["class_names"]) == len(info["class_colors"]) == len(info["medians"]["mu"]) == 5
    assert not info["provisional"]
    assert [image["name"] for image in info["images"]] == list(NAMES)
    assert info["images"][2] == {"i": 2, "name": NAMES[2], "done": True, "has_truth": True, "valid": list(MAP_SIZE)}
    mu, nu = opened.store.histogram().medians()
    assert info["medians"] == {"mu": mu.tolist(), "nu": nu.tolist()}


def test_maps_are_the_librarys_integers_in_the_order_asked(client: TestClient, opened: OpenStore) -> None:
    answer = client.get(f"{BASE}/{opened.sid}/images/1/maps?kinds=conf,ent,pred,second,second_prob,gt,edge")
    maps = opened.store.maps(NAMES[1], second=True)
    truth = opened.truth(1)
    assert truth is not None
    parts = [
        maps.max_prob,
        maps.entropy,
        maps.label,
        maps.second,
        maps.second_prob,
        truth,
        boundary_distance(maps.label, 254),
    ]
    assert answer.content == b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
    assert answer.headers["content-type"] == "application/octet-stream"


def test_a_named_version_is_kept_for_ever_and_an_etag_gives_304(client: TestClient, opened: OpenStore) -> None:
    url = f"{BASE}/{opened.sid}/images/0/maps?kinds=pred"
    plain = client.get(url)
    named = client.get(f"{url}&v={opened.map_version}")
    assert "no-cache" in plain.headers["cache-control"]
    assert "immutable" in named.headers["cache-control"]
    again = client.get(url, headers={"If-None-Match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(url.replace("/0/", "/1/")).headers["etag"] != plain.headers["etag"]


def test_far_clients_get_packed_bytes(opened: OpenStore, library: object) -> None:
    from clients import api_client

    client = api_client(library)  # type: ignore[arg-type]
    far = TestClient(client.app, base_url="http://localhost", client=("10.0.0.7", 1234))
    url = f"{BASE}/{opened.sid}/images/0/maps?kinds=pred,conf,ent"
    raw = client.get(url)
    assert "content-encoding" not in raw.headers
    for name in ("br", "gzip"):
        packed = far.get(url, headers={"Accept-Encoding": name})
        assert packed.headers["content-encoding"] == name
        assert packed.content == raw.content


def test_a_photo_comes_at_map_size_and_a_thumb_small(client: TestClient, opened: OpenStore) -> None:
    photo = client.get(f"{BASE}/{opened.sid}/images/0/photo")
    decoded = cv2.imdecode(np.frombuffer(photo.content, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decoded[:, :, ::-1], opened.photo(0))
    thumb = client.get(f"{BASE}/{opened.sid}/images/0/thumb?w=32")
    assert cv2.imdecode(np.frombuffer(thumb.content, np.uint8), cv2.IMREAD_COLOR).shape == (16, 32, 3)
    assert thumb.headers["content-type"] == "image/jpeg"


def test_a_probe_gives_the_distribution_behind_the_maps(client: TestClient, opened: OpenStore) -> None:
    probs = client.get(f"{BASE}/{opened.sid}/images/0/probe?x=40&y=20").json()["probs"]
    maps = opened.store.maps(NAMES[0])
    assert int(np.argmax(probs)) == maps.label[20, 40]
    assert round(max(probs) * 65535) == pytest.approx(int(maps.max_prob[20, 40]), abs=1)
    assert client.get(f"{BASE}/{opened.sid}/images/0/probe?x=96&y=0").status_code == 400


@pytest.mark.parametrize("i", ["3", "-1", "..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "1e3", "٣", "u12", "uZZZZZZZZZZZZ"])
@pytest.mark.parametrize("what", ["maps", "photo", "thumb", "probe?x=0&y=0"])
def test_what_is_no_id_is_refused(client: TestClient, opened: OpenStore, i: str, what: str) -> None:
    answer = client.get(f"{BASE}/{opened.sid}/images/{i}/{what}")
    assert answer.status_code in (400, 404)
    assert isinstance(answer.json()["error"], str)


@pytest.mark.parametrize("sid", ["none", "..", "%2e%2e%2f", "0" * 16])
def test_an_unknown_store_is_404(client: TestClient, sid: str) -> None:
    assert client.get(f"{BASE}/{sid}/images/0/maps").status_code == 404


def test_unknown_kinds_and_sizes_are_named(client: TestClient, opened: OpenStore) -> None:
    answer = client.get(f"{BASE}/{opened.sid}/images/0/maps?kinds=pred,rgb")
    assert answer.status_code == 400
    assert "rgb" in answer.json()["error"]
    assert client.get(f"{BASE}/{opened.sid}/images/0/thumb?w=100000").status_code == 400


def test_a_photo_that_is_gone_is_410_and_names_the_file(
    client: TestClient, opened: OpenStore, tmp_path: object
) -> None:
    (tmp_path / "data" / "images" / NAMES[0]).unlink()  # type: ignore[operator]
    answer = client.get(f"{BASE}/{opened.sid}/images/0/photo")
    assert answer.status_code == 410
    assert "one.png" in answer.json()["error"]
    assert client.get(f"{BASE}/{opened.sid}/images/0/maps?kinds=pred").status_code == 200


def test_a_label_of_another_size_is_422(client: TestClient, opened: OpenStore, tmp_path: object) -> None:
    from esl.images import write_png

    write_png(tmp_path / "data" / "labels" / NAMES[0], np.zeros((10, 10), np.uint8))  # type: ignore[operator]
    answer = client.get(f"{BASE}/{opened.sid}/images/0/maps?kinds=gt")
    assert answer.status_code == 422
    assert "10" in answer.json()["error"]
