"""What a library opens and what it refuses."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from clients import api_client
from worlds import NAMES, make_library, make_store, rewrite_store

from app.library import Library
from esl.errors import CheckpointError, ConfigError, DataError
from esl.pipelines.targets import DeviceName


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


def test_equal_manifests_in_two_folders_are_two_stores(library: Library, tmp_path: Path) -> None:
    first, second = make_store(tmp_path, name="first"), make_store(tmp_path, name="second", done=1)
    one, two = library.add(first), library.add(second)
    assert (one.store, two.store) == (first, second)
    assert one.sid != two.sid
    assert one.verdict_key == two.verdict_key
    assert library.get(two.sid) is library.open(second.directory) is two


def test_a_store_written_anew_in_its_folder_replaces_the_old_one(library: Library, tmp_path: Path) -> None:
    before = library.add(make_store(tmp_path), "mine")
    numbers = library.numbers(before)
    client = api_client(library)
    url = f"/api/v1/stores/{before.sid}"
    photo, old = client.get(f"{url}/images/0/photo"), client.get(f"{url}/images/0/maps")
    rewrite_store(before.store)
    info, new = client.get(url).json(), client.get(f"{url}/images/0/maps")
    assert (info["sid"], info["name"]) == (before.sid, "mine")
    assert info["map_version"] != before.map_version
    assert new.content != old.content
    assert new.headers["etag"] != old.headers["etag"]
    assert client.get(f"{url}/images/0/photo").content == photo.content
    (after,) = library.stores()
    assert library.numbers(after) is not numbers
    shutil.rmtree(after.directory)
    assert library.get(after.sid) is after


def test_a_store_of_other_images_in_the_folder_is_another_store(library: Library, tmp_path: Path) -> None:
    before = library.add(make_store(tmp_path))
    shutil.rmtree(before.directory)
    make_store(tmp_path, names=NAMES[:2])
    assert library.get(before.sid) is None
    assert [opened.store.image_ids for opened in library.stores()] == [NAMES[:2]]


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


@pytest.mark.parametrize("by", ["id", "path"])
def test_stores_made_from_the_page_are_opened_wherever_its_state_lies(tmp_path: Path, by: str) -> None:
    library = make_library(tmp_path / "root")
    library.stores_dir = tmp_path / "state" / "stores"
    store = make_store(tmp_path, name="state/stores/made")
    client = api_client(library)
    (found,) = client.get("/api/v1/open").json()["stores"]
    assert found["name"] == "made"
    assert client.post("/api/v1/open", json={"store": found[by]}).status_code == 200
    assert [opened.store.directory for opened in library.stores()] == [store.directory]
    library.close()


def test_stores_that_are_open_are_not_offered_again(library: Library, tmp_path: Path) -> None:
    first = make_store(tmp_path, name="first")
    make_store(tmp_path, name="second")
    library.open(first.directory)
    found = api_client(library).get("/api/v1/open").json()["stores"]
    assert [entry["name"] for entry in found] == ["second"]


@pytest.mark.parametrize(
    ("device", "made_on", "has_gpu", "how"),
    [
        ("auto", "cpu", True, ("cpu", "fp32")), ("auto", "cuda", True, ("cuda", "bf16")), ("auto", "cuda", False, ("auto", "auto")),
        ("cpu", "cpu", True, ("cpu", "fp32")), ("cpu", "cuda", True, ("cpu", "auto")), ("cuda", "cpu", True, ("cuda", "auto")),
    ],
)  # fmt: skip
def test_own_images_go_where_the_server_may_compute_and_else_where_the_store_was_made(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    device: DeviceName, made_on: str, has_gpu: bool, how: tuple[str, str],
) -> None:  # fmt: skip
    directory = make_store(tmp_path, done=0).directory
    if made_on == "cuda":
        made = json.loads((directory / "manifest.json").read_text())
        (directory / "manifest.json").write_text(json.dumps({**made, "device": "cuda", "precision": "bf16"}))
    monkeypatch.setattr("esl.models.device.cuda_fault", lambda: "" if has_gpu else "there is none")
    monkeypatch.setattr("app.library.load_predictor", lambda checkpoint, *asked: asked)
    library.device = device
    opened = library.open(directory)
    opened.checkpoint = tmp_path / "c.safetensors"
    assert library.predictor(opened)() == how


def test_two_networks_stay_at_hand_those_that_were_asked_for_last(library: Library, tmp_path: Path) -> None:
    stores = [SimpleNamespace(sid=name, checkpoint=None) for name in "abc"]
    for opened in stores[:2]:
        library.keep_predictor(opened, f"network of {opened.sid}")  # type: ignore[arg-type]
    assert library.predictor(stores[0])() == "network of a"  # type: ignore[arg-type]
    library.keep_predictor(stores[2], "network of c")  # type: ignore[arg-type]
    assert library.predictor(stores[0])() == "network of a"  # type: ignore[arg-type]
    with pytest.raises(CheckpointError):
        library.predictor(stores[1])()  # type: ignore[arg-type]
