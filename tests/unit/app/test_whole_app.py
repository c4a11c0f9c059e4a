"""The whole server, Gradio and static files included: who may come in, and what stays shut."""

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
import pytest
from fastapi import FastAPI
from pydantic import BaseModel
from starlette.routing import BaseRoute, Mount, Route
from starlette.testclient import TestClient
from worlds import make_library, make_store

from app.library import Library
from app.main import QUEUE_SECONDS, build_app
from app.routes import make_router
from app.routes.viewer_files import ViewerSnapshot
from app.security import Access

LOGIN = {"Authorization": "Basic " + base64.b64encode(b"ann:pw").decode()}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    root = tmp_path_factory.mktemp("app")
    library = make_library(root)
    library.add(make_store(root))
    yield build_app(library, Access(users={"ann": "pw"}))
    library.close()


def paths_of(routes: list[BaseRoute], prefix: str = "") -> Iterator[tuple[str, str]]:
    """(method, URL) of every route, with plain words for parameters."""
    for route in routes:
        if isinstance(route, Mount):
            yield "GET", f"{prefix}{route.path}/anything"
            yield from paths_of(list(route.routes or ()), prefix + route.path)
        elif hasattr(route, "original_router"):  # FastAPI keeps included routers whole
            inner = route.original_router
            yield from paths_of(list(inner.routes), prefix + getattr(route.include_context, "prefix", ""))
        elif isinstance(route, Route) or hasattr(route, "methods"):
            path = prefix + getattr(route, "path", "")
            for part in ("{", "}"):
                path = path.replace(part, "")
            for method in sorted(getattr(route, "methods", None) or {"GET"}):
                yield method, path.replace(":path", "").replace("//", "/")


def test_every_route_asks_for_a_login(app: Any) -> None:
    client = TestClient(app, base_url="http://localhost")
    wanted = list(paths_of(app.routes))
    assert len(wanted) > 60
    assert {"/api/v1/stores", "/api/v1/verdicts", "/api/v1/exports"} <= {path for _, path in wanted}
    assert any("gradio_api" in path for _, path in wanted)
    for method, path in [
        *wanted,
        ("GET", "/"),
        ("GET", "/plain/"),
        ("GET", "/viewer/main.js"),
        ("GET", "/no/such/page"),
    ]:
        answer = client.request(method, path or "/")
        assert answer.status_code == 401, (method, path)
        assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    "path", ["/", "/plain/", "/viewer/main.js", "/api/v1/stores", "/theme.css", "/gradio_api/startup-events"]
)
def test_a_login_opens_them_and_a_foreign_page_or_name_does_not(app: Any, path: str) -> None:
    client = TestClient(app, base_url="http://localhost", headers=LOGIN)
    assert client.get(path).status_code == 200
    assert client.get(path, headers={"Origin": "http://evil.example"}).status_code == 403
    assert client.get(path, headers={"Host": "evil.example"}).status_code == 400
    assert client.get(path, headers={"Origin": "http://localhost"}).status_code == 200


@pytest.mark.parametrize(
    "path", ["/docs", "/redoc", "/openapi.json", "/plain/docs", "/plain/openapi.json", "/plain/redoc"]
)
def test_the_frameworks_own_documentation_is_off(app: Any, path: str) -> None:
    assert TestClient(app, base_url="http://localhost", headers=LOGIN).get(path).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/viewer/../main.py", "/viewer/%2e%2e/main.py", "/viewer/..%2fmain.py", "/viewer/%2fetc/passwd", "/gradio_api/file=/etc/passwd",
     "/plain/gradio_api/file=/etc/passwd", "/gradio_api/file=../../etc/passwd", "/api/v1/stores/%2e%2e/images/0/maps"],
)  # fmt: skip
def test_no_path_leads_out(app: Any, path: str) -> None:
    answer = TestClient(app, base_url="http://localhost", headers=LOGIN).get(path)
    assert answer.status_code in (400, 403, 404)
    assert "root:" not in answer.text
    assert "def build_app" not in answer.text


def test_the_pages_carry_no_foreign_address_and_no_state(app: Any) -> None:
    client = TestClient(app, base_url="http://localhost", headers=LOGIN)
    for path in ("/", "/plain/"):
        config = client.get(f"{path}config").json()
        assert all(component["type"] != "state" for component in config["components"])
        text = client.get(path).text + client.get(f"{path}theme.css").text
        assert "fonts.googleapis" not in text
        assert "fonts.gstatic" not in text
        assert config.get("analytics_enabled") in (False, None)


def test_the_shells_are_static(app: Any) -> None:
    config = TestClient(app, base_url="http://localhost", headers=LOGIN).get("/config").json()
    shells = [c["props"] for c in config["components"] if c["type"] == "html"]
    assert len(shells) >= 4
    for props in shells:
        assert "${" not in props["html_template"]
        assert "{{" not in props["html_template"]


def test_the_plain_pages_endpoints_are_named_and_documented(app: Any) -> None:
    info = TestClient(app, base_url="http://localhost", headers=LOGIN).get("/plain/gradio_api/info").json()
    assert {"/panels", "/numbers", "/images"} == set(info["named_endpoints"])


def test_the_viewer_comes_as_modules_that_are_always_asked_for_again(app: Any) -> None:
    answer = TestClient(app, base_url="http://localhost", headers=LOGIN).get("/viewer/main.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "no-cache" in answer.headers["cache-control"]
    assert answer.headers["etag"]


def test_a_version_of_the_viewer_is_kept_for_good_and_others_are_not_there(app: Any) -> None:
    client = TestClient(app, base_url="http://localhost", headers=LOGIN)
    snapshot = ViewerSnapshot.take()
    answer = client.get(snapshot.url("main.js"))
    assert answer.content == snapshot.files["main.js"]
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert client.get("/viewer/000000000000/main.js").status_code == 404
    assert client.get(snapshot.url("nothing.js")).status_code == 404


def test_the_pages_html_asks_for_all_that_inspect_imports_before_gradio_has_come(app: Any) -> None:
    client = TestClient(app, base_url="http://localhost", headers=LOGIN)
    answer = client.get("/", headers={"Accept-Encoding": "br, gzip"})
    assert int(answer.headers["content-length"]) == len(answer.content)
    head = answer.text.partition("</head>")[0]
    asked = re.findall(r'<link rel="modulepreload" href="(/viewer/[^"]+)">', head)
    assert "window.eslBegun" in head
    assert {Path(url).name for url in asked} >= {"main.js", "inspect-screen.js", "pane-grid.js", "selection.js"}
    assert not {Path(url).name for url in asked} & {"runs-viewer.js", "audit-screen.js", "train-form.js"}
    for url in asked:
        for name in re.findall(r"from '\./([^']+)'", client.get(url).text):
            assert str(Path(url).with_name(name)) in asked, f"{Path(url).name} imports {name}, which is not asked for"
    assert "window.eslBegun" not in client.get("/plain/").text
    assert client.head("/").status_code < 500


def test_errors_of_the_api_are_json_with_one_sentence(app: Any) -> None:
    client = TestClient(app, base_url="http://localhost", headers=LOGIN)
    for path in ("/api/v1/nothing", "/api/v1/stores/x"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert isinstance(answer.json()["error"], str)
    assert (
        client.post("/api/v1/verdicts", content=b"not json", headers={"Content-Type": "application/json"}).status_code
        == 400
    )


def test_no_store_is_made_and_nothing_breaks_without_one(tmp_path: Path) -> None:
    library = make_library(tmp_path)
    client = TestClient(build_app(library, Access()), base_url="http://localhost")
    assert client.get("/").status_code == client.get("/plain/").status_code == 200
    assert client.get("/api/v1/stores").json() == []
    assert client.get("/api/v1/open").json()["stores"] == []


OUTSIDE = "../../../../etc/passwd"


def hostile(annotation: Any) -> Any:
    """A value of this type that leads outside wherever text is taken."""
    kind = getattr(annotation, "__origin__", annotation)
    inner = [a for a in getattr(annotation, "__args__", ()) if a is not type(None)]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {name: hostile(field.annotation) for name, field in kind.model_fields.items()}
    if kind in (list, tuple):
        return [hostile(inner[0])] if inner else [OUTSIDE]
    if kind is dict:
        return {}
    if kind in (int, float, bool):
        return 0
    return hostile(inner[0]) if inner and not isinstance(inner[0], str) else OUTSIDE


def test_no_id_and_no_path_in_any_route_leads_out(app: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Every parameter and every text field of every route of the API, one route at a time."""
    client = TestClient(app, base_url="http://localhost", headers=LOGIN, raise_server_exceptions=False)
    around = tmp_path_factory.getbasetemp()
    before = {path for path in around.rglob("*") if "passwd" in path.name}
    asked = 0
    for route in make_router().routes:
        for router_route in getattr(getattr(route, "original_router", None), "routes", [route]):
            prefix = getattr(getattr(route, "include_context", None), "prefix", "")
            path = prefix + router_route.path
            body = getattr(router_route, "body_field", None)
            if "{" not in path and body is None:
                continue
            url = re.sub(r"\{[^}]*\}", quote(OUTSIDE, safe=""), path)
            url = url if url.startswith("/api") else f"/api/v1{url}"
            sent = hostile(body.field_info.annotation) if body is not None else None
            for method in router_route.methods:
                answer = client.request(method, url, json=sent)
                assert 400 <= answer.status_code < 500, (method, path, answer.status_code, answer.text[:200])
                assert "root:" not in answer.text
                asked += 1
    assert asked > 30
    assert {path for path in around.rglob("*") if "passwd" in path.name} == before


def test_queues_of_gradio_do_not_spin(monkeypatch: pytest.MonkeyPatch, library: Library) -> None:
    made: list[gr.Blocks] = []
    whole = gr.mount_gradio_app

    def mount(app: FastAPI, page: gr.Blocks, path: str, **told: Any) -> FastAPI:
        made.append(page)
        return whole(app, page, path, **told)

    monkeypatch.setattr(gr, "mount_gradio_app", mount)
    build_app(library, Access())
    assert [page._queue.sleep_when_free for page in made] == [QUEUE_SECONDS] * 2
