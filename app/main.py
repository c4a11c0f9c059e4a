"""Put the server together: HTTP API, viewer files, plain page at /plain, inspector at /, one middleware before all."""

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")  # read once, when Gradio is imported

import gradio as gr
import uvicorn
from fastapi import FastAPI

from app.head_start import HeadStartMiddleware
from app.library import Library
from app.pages import inspector, plain
from app.routes import make_router
from app.routes.answers import add_error_answers
from app.routes.viewer_files import ViewerFiles, ViewerSnapshot
from app.run_desk import RunDesk
from app.security import Access, SecurityMiddleware
from app.theme import INSPECTOR_CSS, PLAIN_CSS, theme
from esl.pipelines.devices import visible_devices

MAX_UPLOAD = "20mb"


QUEUE_SECONDS = 0.02
"""How long an event of a Gradio component may wait before it is seen."""


def build_app(library: Library, access: Access, runs_dir: Path | None = None) -> FastAPI:
    """The whole server as one ASGI application.

    Args:
        library: stores, folders and jobs; may be empty and filled later.
        access: who may come in.
        runs_dir: folder of the training runs; by default `runs` below the library's state.
    """
    desk = make_desk(library, runs_dir or library.state_dir / "runs")

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        desk.start()
        yield
        desk.close()
        library.close()

    app = FastAPI(title="ESL Inspector", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.library = library
    app.state.runs = desk
    add_error_answers(app)
    app.include_router(make_router())
    viewer = ViewerSnapshot.take()
    app.mount("/viewer", ViewerFiles(viewer))
    _mount(app, plain.build(library), "/plain", PLAIN_CSS)
    _mount(app, inspector.build(viewer.url("main.js")), "/", INSPECTOR_CSS)
    app.add_middleware(HeadStartMiddleware, path="/", head=inspector.head(viewer))
    app.add_middleware(SecurityMiddleware, access=access)
    return app


def make_desk(library: Library, runs_dir: Path) -> RunDesk:
    """The runs of this server; what it writes itself may be named in its forms too."""
    roots = dict.fromkeys((*library.roots, runs_dir, library.stores_dir, library.state_dir))
    return RunDesk(
        runs_dir=runs_dir,
        stores_dir=library.stores_dir,
        roots=tuple(roots),
        devices=visible_devices(),
        recipes_dir=library.state_dir / "recipes",
    )


def _mount(app: FastAPI, page: gr.Blocks, path: str, css: str) -> None:
    page.queue(default_concurrency_limit=None)
    # Gradio looks a thousand times a second whether an event waits: 6 % of a core for an idle page.
    page._queue.sleep_when_free = QUEUE_SECONDS
    gr.mount_gradio_app(
        app, page, path=path, theme=theme(), css=css, run_history=False, ssr_mode=False, footer_links=[],
        max_file_size=MAX_UPLOAD, show_error=False,
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None}, enable_monitoring=False, mcp_server=False, pwa=False,
    )  # fmt: skip


def serve(library: Library, access: Access, listener: socket.socket, runs_dir: Path | None = None) -> None:
    """Build the page and serve it on a bound socket until interrupted."""
    app = build_app(library, access, runs_dir)
    host, port = listener.getsockname()[:2]
    print(f"ESL Inspector: http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3)).run([listener])
