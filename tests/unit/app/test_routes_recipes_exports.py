"""Recipes are named by their content; an export holds what the screen shows, and is found again."""

import json
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from starlette.testclient import TestClient
from worlds import NAMES, make_store

from app.library import Library
from app.opened import OpenStore
from esl.labeling.selection import select_pseudo_label
from esl.labeling.thresholds import ThresholdRule, class_thresholds

BASE = "/api/v1"
SETTINGS = {"mu_star": 0.8, "nu_star": 0.15, "mode": "capped", "mu_overrides": {}, "nu_overrides": {"1": 0.4}}


def save(client: TestClient, opened: OpenStore, **more: Any) -> Any:
    return client.put(f"{BASE}/recipes", json={"sid": opened.sid, "name": "mine", **SETTINGS, **more})


def test_a_recipe_is_saved_under_its_content_and_comes_back(client: TestClient, opened: OpenStore) -> None:
    recipe_id = save(client, opened).json()["id"]
    assert save(client, opened, name="another name").json()["id"] == recipe_id
    assert save(client, opened, nu_star=0.2).json()["id"] != recipe_id
    found = client.get(f"{BASE}/recipes/{recipe_id}").json()
    assert {k: found[k] for k in SETTINGS} == SETTINGS
    assert (found["sid"], found["criterion"], found["name"]) == (opened.sid, "entropy", "another name")
    listed = client.get(f"{BASE}/recipes", params={"sid": opened.sid}).json()["recipes"]
    assert {r["id"] for r in listed} >= {recipe_id}
    assert client.put(f"{BASE}/recipes/{recipe_id}", json={"sid": opened.sid, **SETTINGS}).json()["id"] == recipe_id
    assert client.put(f"{BASE}/recipes/0000", json={"sid": opened.sid, **SETTINGS}).status_code == 400


def test_only_a_typed_name_renames_a_recipe(client: TestClient, opened: OpenStore) -> None:
    """Exports and trainings save what is on screen by themselves: the name that somebody gave must survive them."""
    unnamed = save(client, opened, name="", default_name="nu 0.15").json()
    assert unnamed["name"] == "nu 0.15"
    assert save(client, opened, name="final for paper").json()["name"] == "final for paper"
    assert save(client, opened, name="", default_name="nu 0.15").json()["name"] == "final for paper"
    assert save(client, opened, name="").json()["name"] == "final for paper"
    assert client.get(f"{BASE}/recipes/{unnamed['id']}").json()["name"] == "final for paper"
    assert save(client, opened, name="really final").json()["name"] == "really final"


@pytest.mark.parametrize(
    "change",
    [
        {"nu_star": 1.5},
        {"mode": "magic"},
        {"nu_overrides": {"5": 0.1}},
        {"nu_overrides": {"road": 0.1}},
        {"criterion": "luck"},
    ],
)
def test_a_recipe_that_makes_no_sense_is_400(client: TestClient, opened: OpenStore, change: dict[str, Any]) -> None:
    assert save(client, opened, **change).status_code == 400
    assert client.get(f"{BASE}/recipes").json()["recipes"] == []


@pytest.mark.parametrize("recipe_id", ["none", "..", "%2e%2e%2fverdicts", "0" * 16])
def test_an_unknown_recipe_is_404(client: TestClient, opened: OpenStore, recipe_id: str) -> None:
    assert client.get(f"{BASE}/recipes/{recipe_id}").status_code == 404
    answer = client.post(f"{BASE}/exports", json={"sid": opened.sid, "recipe": "../" + recipe_id})
    assert answer.status_code == 404


def test_a_store_that_grows_has_no_recipe_yet(client: TestClient, library: Library, tmp_path: Path) -> None:
    opened = library.add(make_store(tmp_path, done=1))
    assert save(client, opened).status_code == 409


def finished(client: TestClient, job: str) -> dict[str, Any]:
    for _ in range(1500):
        status: dict[str, Any] = client.get(f"{BASE}/exports/{job}").json()
        if status["state"] in ("done", "failed", "cancelled"):
            return status
        time.sleep(0.02)
    raise AssertionError(status)


def test_an_export_holds_the_screens_integers(client: TestClient, opened: OpenStore, library: Library) -> None:
    recipe = save(client, opened).json()["id"]
    body = {
        "sid": opened.sid,
        "recipe": recipe,
        "kinds": ["train_ids", "scores", "statistics", "figures"],
        "images": [0, 2],
    }
    said = client.post(f"{BASE}/exports", json={**body, "dry_run": True}).json()
    assert (said["dry_run"], said["num_images"]) == (True, 2)
    assert not library.exports_dir.exists()
    status = finished(client, client.post(f"{BASE}/exports", json=body).json()["job"])
    assert (status["state"], status["done"], status["total"]) == ("done", 4, 4), status
    assert said["num_files"] == status["report"]["files"]
    folder = Path(status["report"]["path"])
    assert folder.is_relative_to(library.exports_dir)
    rule = ThresholdRule.from_json(SETTINGS)
    thresholds = class_thresholds(opened.histogram(), rule)
    for i in (0, 2):
        name = Path(NAMES[i]).with_suffix(".png")
        written = cv2.imread(str(folder / name), cv2.IMREAD_UNCHANGED)
        np.testing.assert_array_equal(written, select_pseudo_label(opened.store.maps(NAMES[i]), thresholds, "entropy"))
        assert (folder / "figures" / name).is_file()
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["recipe"] == recipe
    assert status["report"]["verified"] >= 6


def test_verdicts_are_applied_where_the_recipe_freezes_them(client: TestClient, opened: OpenStore) -> None:
    runs = [[3 * 96 + 10, 20]]
    verdict = {
        "id": "v",
        "sid": opened.sid,
        "i": 0,
        "decision": "relabel",
        "relabel_to": 3,
        "runs": runs,
        "pred": 0,
        "user": "ada",
    }
    assert client.post(f"{BASE}/verdicts", json=verdict).status_code == 200
    recipe = save(client, opened, verdict_mask={"users": ["ada"]}).json()
    plain = save(client, opened).json()
    said = {r["id"]: (bool(r["mask"]), r["num_verdicts"], r["mask_users"], r["mask_sid"]) for r in (recipe, plain)}
    assert said == {recipe["id"]: (True, 1, ["ada"], opened.sid), plain["id"]: (False, 0, [], "")}
    assert client.get(f"{BASE}/recipes/{recipe['id']}").json() == recipe
    assert {r["id"]: r for r in client.get(f"{BASE}/recipes").json()["recipes"]} == {
        r["id"]: r for r in (recipe, plain)
    }
    status = finished(
        client, client.post(f"{BASE}/exports", json={"sid": opened.sid, "recipe": recipe["id"]}).json()["job"]
    )
    label = cv2.imread(str(Path(status["report"]["path"]) / NAMES[0]), cv2.IMREAD_UNCHANGED)
    assert (label.reshape(-1)[runs[0][0] : runs[0][0] + 20] == 3).all()


def test_a_mask_that_cannot_be_read_leaves_the_list_readable(
    client: TestClient, opened: OpenStore, library: Library
) -> None:
    verdict = {"id": "v", "sid": opened.sid, "i": 0, "decision": "drop", "runs": [[0, 5]], "pred": 0, "user": "ada"}
    assert client.post(f"{BASE}/verdicts", json=verdict).status_code == 200
    recipe = save(client, opened, verdict_mask={"users": ["ada"]}).json()
    (library.state_dir / "recipes" / f"{recipe['mask']}.mask.json").unlink()
    (listed,) = client.get(f"{BASE}/recipes").json()["recipes"]
    assert (listed["mask"], listed["num_verdicts"], listed["mask_users"]) == (recipe["mask"], None, [])


def test_a_mask_of_no_verdicts_is_refused(client: TestClient, opened: OpenStore) -> None:
    """Whoever asks for a mask counts on it; a recipe that silently has none would train on all of the pixels."""
    answer = save(client, opened, verdict_mask={"users": ["ada"]})
    assert answer.status_code == 409
    assert "none by ada" in answer.json()["error"]
    assert client.get(f"{BASE}/recipes").json()["recipes"] == []


def test_medians_may_come_from_another_open_store(
    client: TestClient, opened: OpenStore, library: Library, tmp_path: Path
) -> None:
    recipe = save(client, opened).json()["id"]
    other = library.add(make_store(tmp_path / "other", names=("x.png", "y.png"), done=2))
    status = finished(client, client.post(f"{BASE}/exports", json={"sid": other.sid, "recipe": recipe}).json()["job"])
    assert status["state"] == "done", status
    thresholds = class_thresholds(opened.histogram(), ThresholdRule.from_json(SETTINGS))
    label = cv2.imread(str(Path(status["report"]["path"]) / "y.png"), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(label, select_pseudo_label(other.store.maps("y.png"), thresholds, "entropy"))


def test_a_mask_holds_verdicts_on_the_store_that_was_judged_whoever_lends_the_medians(
    client: TestClient, opened: OpenStore, library: Library, tmp_path: Path
) -> None:
    other = library.add(make_store(tmp_path / "other", names=("x.png", "y.png"), done=2))
    for k, store in enumerate((opened, other)):
        body = {
            "id": f"v{k}",
            "sid": store.sid,
            "i": 0,
            "decision": "drop",
            "runs": [[k, 20]],
            "pred": 0,
            "user": "ada",
        }
        assert client.post(f"{BASE}/verdicts", json=body).status_code == 200
    mask = {"users": ["ada"], "sid": other.sid}
    recipe = save(client, opened, verdict_mask=mask).json()["id"]
    assert save(client, opened, verdict_mask={"users": ["ada"]}).json()["id"] != recipe
    export = {"sid": other.sid, "recipe": recipe, "kinds": ["train_ids", "verdicts"]}
    status = finished(client, client.post(f"{BASE}/exports", json=export).json()["job"])
    assert status["state"] == "done", status
    folder = Path(status["report"]["path"])
    frozen = json.loads((folder / "verdicts.json").read_text())["verdicts"]
    assert [(v["image_id"], v["runs"]) for v in frozen] == [("x.png", [[1, 20]])]
    assert (cv2.imread(str(folder / "x.png"), cv2.IMREAD_UNCHANGED).reshape(-1)[1:21] == 255).all()
    assert save(client, opened, verdict_mask={**mask, "sid": "0" * 16}).status_code == 404


@pytest.mark.parametrize(
    "change", [{"kinds": ["gold"]}, {"images": [9]}, {"images": []}, {"kinds": []}, {"naming": "../x"}]
)
def test_an_export_that_makes_no_sense_is_400_or_fails_in_words(
    client: TestClient, opened: OpenStore, change: dict[str, Any]
) -> None:
    body = {"sid": opened.sid, "recipe": save(client, opened).json()["id"], **change}
    answer = client.post(f"{BASE}/exports", json=body)
    if answer.status_code == 200:
        status = finished(client, answer.json()["job"])
        assert status["state"] == "failed"
        assert status["error"].endswith(".")
    else:
        assert answer.status_code == 400


def test_an_unknown_job_is_404(client: TestClient) -> None:
    assert client.get(f"{BASE}/exports/none").status_code == 404
    assert client.delete(f"{BASE}/jobs/none").status_code == 404
    assert client.get(f"{BASE}/jobs").json() == {"jobs": []}


def test_cbsts_labels_are_exported_by_their_portion_for_the_images_asked_for(
    client: TestClient, opened: OpenStore
) -> None:
    body = {"sid": opened.sid, "portion": 0.35, "kinds": ["train_ids", "color"], "images": [1]}
    said = client.post(f"{BASE}/exports", json={**body, "dry_run": True}).json()
    assert (said["num_images"], said["num_files"], said["first"]) == (1, 2, NAMES[1])
    assert not Path(said["path"]).exists()
    report = finished(client, client.post(f"{BASE}/exports", json=body).json()["job"])["report"]
    assert (report["is_complete"], report["verified"], report["path"]) == (True, 2, said["path"])
    label = cv2.imread(str(Path(report["path"]) / NAMES[1]), cv2.IMREAD_UNCHANGED)
    on_screen = client.get(f"{BASE}/stores/{opened.sid}/images/1/class-balanced?portion=0.35").content
    assert label.tobytes() == on_screen
    assert not (Path(report["path"]) / NAMES[0]).exists()
    again = {**body, "portion": 0.36}
    assert client.post(f"{BASE}/exports", json={**again, "dry_run": True}).json()["path"] != said["path"]


@pytest.mark.parametrize("change", [{"portion": 0}, {"portion": 1.5}, {"kinds": ["difference"]}, {"images": [9]}])
def test_an_export_of_cbsts_labels_that_makes_no_sense_is_400(
    client: TestClient, opened: OpenStore, change: dict[str, Any]
) -> None:
    answer = client.post(f"{BASE}/exports", json={"sid": opened.sid, "portion": 0.2, **change})
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")
