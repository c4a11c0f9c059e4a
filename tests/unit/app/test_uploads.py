"""An own image is predicted, looked at like any other, and counted nowhere."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.testclient import TestClient
from worlds import MAP_SIZE, logits_of

from app.library import Library
from app.opened import OpenStore


class FakePredictor:
    """Takes any picture for the same scene."""

    def predict(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        assert images.shape == (1, *MAP_SIZE, 3)
        return logits_of(9)[None]


@pytest.fixture
def ready(library: Library, opened: OpenStore) -> OpenStore:
    opened.checkpoint = Path("some.safetensors")
    library.keep_predictor(opened, FakePredictor())
    return opened


def png(height: int = 60, width: int = 60) -> bytes:
    return cv2.imencode(".png", np.full((height, width, 3), 90, np.uint8))[1].tobytes()


def send(client: TestClient, opened: OpenStore, data: bytes, name: str = "own.png") -> Any:
    return client.post(f"/api/v1/stores/{opened.sid}/uploads", params={"name": name}, content=data)


def test_an_own_image_answers_like_one_of_the_set(client: TestClient, ready: OpenStore, library: Library) -> None:
    before = library.numbers(ready).num_counted
    answer = send(client, ready, png(), "<b>${x}</b>.png").json()
    assert answer["valid"] == [48, 48]
    assert answer["name"] == "<b>${x}</b>.png"
    base = f"/api/v1/stores/{ready.sid}/images/{answer['i']}"
    label = np.frombuffer(client.get(f"{base}/maps?kinds=pred").content, np.uint8).reshape(MAP_SIZE)
    assert (label[:, 48:] == 255).all()
    assert (label[:, :48] < 5).all()
    assert client.get(f"{base}/photo").status_code == 200
    assert sum(client.get(f"{base}/probe?x=3&y=3").json()["probs"]) == pytest.approx(1.0, abs=1e-4)
    assert client.get(f"{base}/maps?kinds=gt").status_code == 404
    assert library.numbers(ready).num_counted == before
    assert client.get(f"/api/v1/stores/{ready.sid}").json()["num_images"] == 3


@pytest.mark.parametrize("data", [b"", b"GIF89a" + b"0" * 50, b"<html>", png()[:-30], png()[:40]])
def test_what_is_no_image_is_422(client: TestClient, ready: OpenStore, data: bytes) -> None:
    answer = send(client, ready, data)
    assert answer.status_code == 422
    assert answer.json()["error"]


def test_too_many_bytes_and_too_many_pixels_are_refused(client: TestClient, ready: OpenStore) -> None:
    assert send(client, ready, b"\x89PNG\r\n\x1a\n" + b"0" * (20 << 20)).status_code == 413
    bomb = bytearray(png())
    bomb[16:24] = (8000).to_bytes(4, "big") + (8000).to_bytes(4, "big")
    import zlib

    bomb[29:33] = zlib.crc32(bytes(bomb[12:29])).to_bytes(4, "big")
    answer = send(client, ready, bytes(bomb))
    assert answer.status_code == 422
    assert "40 megapixels" in answer.json()["error"]


def test_without_the_checkpoint_it_is_409(client: TestClient, opened: OpenStore) -> None:
    assert client.get(f"/api/v1/stores/{opened.sid}").json()["can_upload"] is False
    assert send(client, opened, png()).status_code == 409


def test_a_forgotten_image_says_so(client: TestClient, ready: OpenStore) -> None:
    answer = client.get(f"/api/v1/stores/{ready.sid}/images/u0123456789ab/maps")
    assert answer.status_code == 400
    assert "drop it again" in answer.json()["error"]
