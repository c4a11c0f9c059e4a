"""The viewer's modules and styles, served as they are; there is no build step."""

import hashlib
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

VIEWER_DIR = Path(__file__).resolve().parent.parent / "viewer"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}


class ViewerFiles(StaticFiles):
    """Static files with the types that modules need, revalidated on each load: a restart never leaves old ones behind."""

    def __init__(self) -> None:
        super().__init__(directory=VIEWER_DIR, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file, or 404."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "private, no-cache"
        if media := _TYPES.get(Path(path).suffix):
            response.headers["Content-Type"] = f"{media}; charset=utf-8"
        return response


def viewer_version() -> str:
    """Changes with any file of the viewer."""
    digest = hashlib.sha256()
    for path in sorted(VIEWER_DIR.glob("*.*")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]
