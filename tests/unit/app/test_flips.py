"""How many pixels change between two stores, image by image."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient
from worlds import NAMES, logits_of

from app.flips import changed
from app.library import Library
from app.opened import OpenStore
from esl.errors import DataError
from esl.labeling.maps import PredictionMaps
from esl.store.predictions import PredictionStore

BASE = "/api/v1/stores"


def test_a_pixel_counts_for_both_of_its_classes_and_padding_for_none() -> None:
    a = np.array([[0, 1, 2, 255, 4]], np.uint8)
    b = np.array([[0, 2, 1, 3, 255]], np.uint8)
    assert changed(a, b, 5).tolist() == [0, 2, 2, 0, 0]


def test_two_stores_are_counted_image_by_image(
    client: TestClient, library: Library, opened: OpenStore, tmp_path: Path
) -> None:
    manifest = opened.store.manifest
    model = {"name": "other", "sha256": "1" * 64}
    fields = {
        k: getattr(manifest, k)
        for k in ("dataset", "root", "split", "class_set", "image_ids", "map_size", "logits_shape")
    }
    with PredictionStore.create(tmp_path / "other", type(manifest)(**fields, model=model)) as store:
        for k, image_id in enumerate(NAMES):
            store.write(image_id, logits_of(k + 7))
    other = library.open(tmp_path / "other")
    client.get(f"{BASE}/{opened.sid}/flips/{other.sid}")
    library.flips(opened, other).wait(60)
    answer = client.get(f"{BASE}/{opened.sid}/flips/{other.sid}").json()
    assert (answer["num_counted"], answer["num_images"]) == (3, 3)
    for i, image_id in enumerate(NAMES):
        a, b = opened.store.maps(image_id).label, other.store.maps(image_id).label
        assert answer["counts"][str(i)] == changed(a, b, 5).tolist()
        assert sum(answer["counts"][str(i)]) == 2 * int((a != b).sum()) > 0
    same = client.get(f"{BASE}/{opened.sid}/flips/{opened.sid}")
    assert same.status_code == 200
    assert client.get(f"{BASE}/{opened.sid}/flips/nobody").status_code == 404


def test_a_damaged_image_does_not_keep_the_others_from_being_counted(
    library: Library, opened: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = OpenStore.derive_once

    def damaged(self: OpenStore, i: int) -> PredictionMaps:
        if i == 0:
            raise DataError("its chunk is damaged")
        return whole(self, i)

    monkeypatch.setattr(OpenStore, "derive_once", damaged)
    flips = library.flips(opened, opened)
    flips.counts()
    flips.wait(60)
    assert set(flips.counts()) == {1, 2}
    assert flips.num_pairs == 2


def test_stores_of_other_classes_are_refused(
    client: TestClient, library: Library, opened: OpenStore, tmp_path: Path
) -> None:
    shutil.copytree(opened.store.directory, tmp_path / "other")
    manifest = tmp_path / "other" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("walk way", "footpath"))
    other = library.open(tmp_path / "other")
    answer = client.get(f"{BASE}/{opened.sid}/flips/{other.sid}")
    assert answer.status_code == 400
    assert "same classes" in answer.json()["error"]
