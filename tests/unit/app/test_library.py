"""What a library opens and what it refuses."""

from pathlib import Path

import pytest
from clients import api_client
from worlds import make_library, make_store

from app.library import Library
from esl.errors import ConfigError, DataError


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../b", "", " ", "\0", "link/secret"])
def test_paths_outside_the_roots_are_refused(tmp_path: Path, path: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "outside").mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(ConfigError, match="must lie below"):
        make_library(root).confine(path)


def test_paths_below_a_root_are_given_back_resolved(tmp_path: Path) -> None:
    library = make_library(tmp_path)
    assert library.confine("a/b") == tmp_path / "a" / "b"
    assert library.confine(str(tmp_path / "c")) == tmp_path / "c"


def test_the_same_store_is_opened_once(library: Library, tmp_path: Path) -> None:
    store = make_store(tmp_path)
    assert library.add(store) is library.open(store.directory)
    assert len(library.stores()) == 1
    with pytest.raises(DataError):
        library.open(tmp_path / "none")


def test_stores_are_found_listed_and_opened_by_id(library: Library, tmp_path: Path) -> None:
    make_store(tmp_path, name="deep/one")
    client = api_client(library)
    (found,) = client.get("/api/v1/open").json()["stores"]
    assert found["name"] == "deep/one"
    sid = client.post("/api/v1/open", json={"store": found["id"]}).json()["sid"]
    assert [s["sid"] for s in client.get("/api/v1/stores").json()] == [sid]


@pytest.mark.parametrize(
    "body",
    [
        {"store": "../../etc"},
        {"store": "/etc"},
        {},
        {"checkpoint": "/etc/passwd", "dataset": "demo", "split": "x"},
        {"store": "nothing/here"},
    ],
)
def test_what_cannot_be_opened_is_one_sentence(library: Library, body: dict[str, str]) -> None:
    answer = api_client(library).post("/api/v1/open", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith((".", "!"))


def test_checkpoints_and_exports_are_not_offered_as_stores(library: Library, tmp_path: Path) -> None:
    make_store(tmp_path, name="one")
    for name in ("runs/a/checkpoints/step_000002", "exports/0f8d"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "manifest.json").write_text('{"format": "esl-pseudo-labels"}')
    assert library.found_stores() == [(tmp_path / "one").resolve()]


def test_stores_that_are_open_are_not_offered_again(library: Library, tmp_path: Path) -> None:
    first = make_store(tmp_path, name="first")
    make_store(tmp_path, name="second")
    library.open(first.directory)
    found = api_client(library).get("/api/v1/open").json()["stores"]
    assert [entry["name"] for entry in found] == ["second"]
