"""The queue's arcs lie in the difference; verdicts are acknowledged, replaced, undone and never lost."""

from typing import Any

import numpy as np
import pytest
from clients import api_client
from starlette.testclient import TestClient
from test_routes_numbers import levels
from worlds import MAP_SIZE, NAMES, make_library

from app.library import Library
from app.opened import OpenStore
from app.security import Access
from esl.classes import IGNORE
from esl.labeling.comparison import ESL_ONLY, SSL_ONLY, compare

BASE = "/api/v1"
FAR_APART: dict[str, Any] = {"mode": "fixed", "mu_star": 0.5, "nu_star": 0.2}
"""SSL keeps nearly everything, ESL little: a difference with many arcs."""


def ask(client: TestClient, opened: OpenStore, **more: Any) -> Any:
    return client.post(f"{BASE}/stores/{opened.sid}/queue", json={**levels(opened, **FAR_APART)[1], **more})


@pytest.mark.parametrize(("direction", "group"), [("ssl_only", SSL_ONLY), ("esl_only", ESL_ONLY)])
def test_arcs_lie_in_the_difference_and_never_in_void(
    client: TestClient, opened: OpenStore, direction: str, group: int
) -> None:
    thresholds, _ = levels(opened, **FAR_APART)
    answer = ask(client, opened, direction=direction, limit=2000).json()
    assert answer["num_candidates"] == len(answer["items"])
    assert answer["items"] or direction == "esl_only"
    for item in answer["items"]:
        maps, truth = opened.store.maps(NAMES[item["i"]], second=True), opened.truth(item["i"])
        where = np.concatenate([np.arange(a, a + n) for a, n in item["runs"]])
        assert item["pixels"] == where.size >= 12
        assert (compare(maps, thresholds).flat[where] == group).all()
        assert truth is not None
        assert (truth.flat[where] != IGNORE).all()
        assert set(maps.label.flat[where]) == {item["pred"]}


@pytest.mark.parametrize("sampling", ["top", "stratified", "uniform"])
def test_the_same_question_gives_the_same_items(client: TestClient, opened: OpenStore, sampling: str) -> None:
    one, two = (ask(client, opened, sampling=sampling, seed=5, limit=4).json() for _ in range(2))
    assert one == two
    assert len(one["items"]) == 4


def test_an_empty_difference_gives_no_items(client: TestClient, opened: OpenStore) -> None:
    body = {"mu": [65535] * 5, "nu": [65535] * 5}
    answer = client.post(f"{BASE}/stores/{opened.sid}/queue", json=body).json()
    assert (answer["items"], answer["num_pixels"]) == ([], 0)


def test_a_queue_says_how_many_pixels_its_arcs_leave_out(client: TestClient, opened: OpenStore) -> None:
    answer = ask(client, opened, limit=2000).json()
    held = sum(item["pixels"] for item in answer["items"])
    assert answer["num_pixels"] > held > 0  # the rest lies in pieces below the least size
    assert answer["min_pixels"] == min(12, *(item["pixels"] for item in answer["items"]))


@pytest.mark.parametrize(
    "change", [{"limit": 0}, {"sampling": "best"}, {"seed": -1}, {"images": [99]}, {"direction": "up"}]
)
def test_a_queue_that_makes_no_sense_is_400(client: TestClient, opened: OpenStore, change: dict[str, Any]) -> None:
    assert ask(client, opened, **change).status_code == 400


def verdict(opened: OpenStore, **more: Any) -> dict[str, Any]:
    return {
        "id": "v1",
        "sid": opened.sid,
        "i": 0,
        "item": "0-abc",
        "decision": "drop",
        "runs": [[5, 3]],
        "pred": 1,
        "user": "ada",
        **more,
    }


def stored(client: TestClient, opened: OpenStore, user: str = "") -> list[dict[str, Any]]:
    return list(client.get(f"{BASE}/verdicts", params={"sid": opened.sid, "user": user}).json()["verdicts"])


def test_a_verdict_is_acknowledged_stored_once_and_comes_back_whole(
    client: TestClient, opened: OpenStore, library: Library
) -> None:
    body = verdict(opened, second=2, weight=2.5, note="<b>${x}</b>", blind=True, recipe="r")
    answers = [client.post(f"{BASE}/verdicts", json=body).json() for _ in range(2)]
    assert answers[0] == answers[1]
    assert answers[0]["ok"]
    (found,) = stored(client, opened, "ada")
    assert {k: found[k] for k in body} == body
    # Another server over the same folder sees it: nothing lives in the process.
    other = make_library(library.roots[0])
    assert len(other.verdicts.verdicts(opened.verdict_key)) == 1


def test_twenty_rapid_verdicts_are_twenty(client: TestClient, opened: OpenStore) -> None:
    for k in range(20):
        assert client.post(f"{BASE}/verdicts", json=verdict(opened, id=f"v{k}", item=f"0-{k}")).status_code == 200
    assert [v["id"] for v in stored(client, opened)] == [f"v{k}" for k in range(20)]


def test_a_later_verdict_replaces_and_undo_brings_back(client: TestClient, opened: OpenStore) -> None:
    client.post(f"{BASE}/verdicts", json=verdict(opened))
    client.post(f"{BASE}/verdicts", json=verdict(opened, id="v2", decision="relabel", relabel_to=3))
    assert [v["id"] for v in stored(client, opened)] == ["v2"]
    assert client.delete(f"{BASE}/verdicts/v2", params={"user": "bob"}).status_code == 404
    assert client.delete(f"{BASE}/verdicts/v2", params={"user": "ada"}).status_code == 200
    assert [v["id"] for v in stored(client, opened)] == ["v1"]
    assert client.delete(f"{BASE}/verdicts/v2", params={"user": "ada"}).status_code == 404


@pytest.mark.parametrize(
    "change",
    [{"i": 3}, {"i": -1}, {"runs": []}, {"runs": [[MAP_SIZE[0] * MAP_SIZE[1], 1]]}, {"runs": [[-1, 2]]}, {"decision": "burn"},
     {"decision": "relabel"}, {"relabel_to": 3}, {"decision": "relabel", "relabel_to": 5}, {"weight": 0}, {"id": ""}, {"note": "x" * 3000}],
)  # fmt: skip
def test_a_verdict_that_makes_no_sense_is_refused(
    client: TestClient, opened: OpenStore, change: dict[str, Any]
) -> None:
    answer = client.post(f"{BASE}/verdicts", json=verdict(opened, **change))
    assert answer.status_code in (400, 404)
    assert stored(client, opened) == []


def test_under_a_login_the_user_is_who_logged_in(library: Library, opened: OpenStore) -> None:
    client = api_client(library, Access(users={"ann": "pw"}))
    client.auth = ("ann", "pw")
    client.post(f"{BASE}/verdicts", json=verdict(opened, user="someone else"))
    assert [v["user"] for v in stored(client, opened)] == ["ann"]
    assert client.get(f"{BASE}/verdicts", params={"sid": opened.sid}).json()["user"] == "ann"


def test_without_a_login_the_page_names_its_user_itself(client: TestClient, opened: OpenStore) -> None:
    client.post(f"{BASE}/verdicts", json=verdict(opened))
    answer = client.get(f"{BASE}/verdicts", params={"sid": opened.sid, "user": "ada"}).json()
    assert (answer["user"], [v["user"] for v in answer["verdicts"]]) == ("", ["ada"])


def test_ranking_and_filters_know_of_verdicts(client: TestClient, opened: OpenStore) -> None:
    client.post(f"{BASE}/verdicts", json=verdict(opened, i=1))
    body = {**levels(opened)[1], "key": "verdicts", "filter": "verdicts>0"}
    answer = client.post(f"{BASE}/stores/{opened.sid}/rank", json=body).json()
    assert (answer["order"], answer["values"]) == ([1], [1.0])
