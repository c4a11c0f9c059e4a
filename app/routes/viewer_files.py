"""The viewer's modules and styles, served as they are; there is no build step."""

import hashlib
import re
from dataclasses import dataclass
from importlib.metadata import version as version_of
from importlib.resources import files as files_of
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.routes.answers import binary

VIEWER_DIR = Path(__file__).resolve().parent.parent / "viewer"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
PLOTLY = "plotly.min.js"
"""Plotly's front end, served from the Python package that draws the figures: both are of one version."""
_IMPORT = re.compile(r"""\bfrom '\./([\w-]+\.js)'""")


@dataclass(frozen=True)
class ViewerSnapshot:
    """The viewer's files as they were at one moment, under a version that changes with any of them."""

    files: dict[str, bytes]
    version: str

    @classmethod
    def take(cls) -> "ViewerSnapshot":
        """Read them all."""
        files = {path.name: path.read_bytes() for path in sorted(VIEWER_DIR.glob("*.*"))}
        digest = hashlib.sha256(version_of("plotly").encode())
        for name, body in files.items():
            digest.update(name.encode() + body)
        return cls(files, digest.hexdigest()[:12])

    def url(self, name: str) -> str:
        """Where a file of this version is served; modules that it imports are below the same path."""
        return f"/viewer/{self.version}/{name}"

    def imported_by(self, *names: str) -> list[str]:
        """These modules and all that they import, directly or not, other than on demand; importers first."""
        found = list(names)
        for name in found:
            found += [n for n in dict.fromkeys(_IMPORT.findall(self.files[name].decode())) if n not in found]
        return found

    @property
    def styles(self) -> list[str]:
        """The style sheets, in the order in which main.js takes them."""
        return ["viewer.css", "screens.css", "runs.css"]


class ViewerFiles(StaticFiles):
    """Static files with the types that modules need.

    `/viewer/NAME` is read from the disk and revalidated on each load. `/viewer/VERSION/NAME` is the file as the server
    found it when it started: a page never mixes two versions, and a browser asks for each file once.
    """

    def __init__(self, snapshot: ViewerSnapshot | None = None) -> None:
        super().__init__(directory=VIEWER_DIR, check_dir=False)
        self._snapshot = snapshot or ViewerSnapshot.take()

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file, or 404."""
        version, _, name = path.rpartition("/")
        is_frozen = version == self._snapshot.version
        if name == PLOTLY and (is_frozen or not version):
            response = binary(Request(scope), _plotly(), {})
        elif is_frozen and name in self._snapshot.files:
            response = Response(self._snapshot.files[name])
        else:
            is_frozen = False
            response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "private, max-age=31536000, immutable" if is_frozen else "private, no-cache"
        if media := _TYPES.get(Path(path).suffix):
            response.headers["Content-Type"] = f"{media}; charset=utf-8"
        return response


def _plotly() -> bytes:
    """Read when it is asked for: most pages never draw a figure, and a browser keeps it."""
    return (files_of("plotly") / "package_data" / PLOTLY).read_bytes()
