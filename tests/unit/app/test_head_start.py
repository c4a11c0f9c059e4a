"""Text in the head of the page, before it leaves the server."""

import pytest
from starlette.applications import Starlette
from starlette.responses import HTMLResponse, JSONResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.head_start import HeadStartMiddleware

PAGE = "<html><head><title>é</title></head><body></head></body></html>"


def client_of(answer: object) -> TestClient:
    async def endpoint(request: object) -> object:
        return answer

    app = Starlette(routes=[Route("/", endpoint), Route("/other", endpoint)])  # type: ignore[arg-type]
    app.add_middleware(HeadStartMiddleware, path="/", head="<b>ö</b>")
    return TestClient(app)


@pytest.mark.parametrize("pieces", [[PAGE], [PAGE[:20], PAGE[20:], ""]])
def test_the_head_goes_in_once_and_the_length_follows(pieces: list[str]) -> None:
    answer = HTMLResponse(PAGE) if len(pieces) == 1 else StreamingResponse(iter(pieces), media_type="text/html")
    got = client_of(answer).get("/")
    assert got.text == "<html><head><title>é</title><b>ö</b></head><body></head></body></html>"
    assert int(got.headers["content-length"]) == len(got.content)


def test_a_page_without_a_head_begins_with_it() -> None:
    assert client_of(HTMLResponse("<p>x")).get("/").text == "<b>ö</b><p>x"


def test_other_paths_and_other_answers_pass_as_they_are() -> None:
    assert client_of(HTMLResponse(PAGE)).get("/other").text == PAGE
    assert client_of(JSONResponse({"a": "</head>"})).get("/").json() == {"a": "</head>"}
