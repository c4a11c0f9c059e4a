"""A client of the HTTP API alone, without Gradio."""

from fastapi import FastAPI
from starlette.testclient import TestClient

from app.library import Library
from app.routes import make_router
from app.routes.answers import add_error_answers
from app.security import Access, SecurityMiddleware


def api_client(library: Library, access: Access | None = None, user: str = "") -> TestClient:
    """The HTTP API alone, without Gradio."""
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.state.library = library
    add_error_answers(app)
    app.include_router(make_router())
    app.add_middleware(SecurityMiddleware, access=access or Access())
    return TestClient(app, base_url="http://localhost:7860")
