"""The middleware lets in who may come in, and nobody else, on every kind of route."""

import base64
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient, WebSocketDenialResponse
from starlette.websockets import WebSocket, WebSocketDisconnect

from app.security import ANONYMOUS, Access, SecurityMiddleware, is_loopback, read_users, resolve_access
from esl.errors import ConfigError


async def whoami(request: Request) -> PlainTextResponse:
    return PlainTextResponse(request.scope["user_name"])


async def echo(socket: WebSocket) -> None:
    await socket.accept()
    await socket.close()


def client(access: Access, base: str = "http://localhost:7860") -> TestClient:
    app = Starlette(routes=[Route("/who", whoami, methods=["GET", "POST"]), WebSocketRoute("/ws", echo)])
    return TestClient(SecurityMiddleware(app, access), base_url=base)


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


LOGIN = Access(users={"ann": "p:w", "bob": "x"})


def test_without_users_loopback_comes_in_as_the_anonymous_user() -> None:
    assert client(Access()).get("/who").text == ANONYMOUS


def test_the_right_password_comes_in_under_its_name_even_with_a_colon_in_it() -> None:
    assert client(LOGIN).get("/who", headers=basic("ann", "p:w")).text == "ann"


@pytest.mark.parametrize(
    "headers",
    [{}, basic("ann", "x"), basic("eve", "x"), basic("eve", ""), basic("eve", "\0"), basic("", ""), {"Authorization": "Basic é=".encode("latin-1").decode("latin-1")},
     {"Authorization": "Bearer abc"}, {"Authorization": "Basic !!!"}],
)  # fmt: skip
def test_no_or_a_wrong_login_is_answered_401(headers: dict[str, str]) -> None:
    answer = client(LOGIN).get("/who", headers={k: v.encode("latin-1") for k, v in headers.items()})
    assert answer.status_code == 401
    assert "Basic" in answer.headers["www-authenticate"]
    assert client(LOGIN).get("/no/such/route").status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "0.0.0.0", ""])
def test_a_rebinding_host_is_refused(host: str) -> None:
    assert client(Access()).get("/who", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "[::1]:7860", "LOCALHOST:1"])
def test_loopback_names_are_welcome(host: str) -> None:
    assert client(Access()).get("/who", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:9999", "file://"])
def test_a_foreign_origin_is_refused(origin: str) -> None:
    assert client(Access()).post("/who", headers={"Origin": origin}).status_code == 403


def test_our_own_origin_is_welcome() -> None:
    assert client(Access()).post("/who", headers={"Origin": "http://localhost:7860"}).status_code == 200


def test_websockets_are_checked_too() -> None:
    with client(Access()).websocket_connect("/ws", headers={"Host": "localhost"}):
        pass
    with (
        pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)),
        client(LOGIN).websocket_connect("/ws", headers={"Host": "localhost"}),
    ):
        pass


def test_beyond_loopback_a_login_or_a_word_is_needed(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--auth"):
        resolve_access("0.0.0.0", None, False)
    assert resolve_access("0.0.0.0", None, True) == Access(hosts=frozenset())
    users = tmp_path / "users"
    users.write_text("# team\nann:p:w\n\n")
    assert resolve_access("0.0.0.0", users, False) == Access(users={"ann": "p:w"}, hosts=frozenset())
    assert resolve_access("127.0.0.1", None, False).hosts == {"127.0.0.1", "localhost", "::1"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "none"),
        ("ann", "line 1"),
        ("ann:x\nann:y", "line 2"),
        (":x", "line 1"),
        ("ann:", "line 1"),
        ("ann:x\nme:y", "no login; line 2"),
    ],
)
def test_a_login_file_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "users"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said):
        read_users(path)


def test_a_missing_login_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nobody"):
        read_users(tmp_path / "nobody")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("host.lan", False),
    ],
)
def test_loopback_is_recognised(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
