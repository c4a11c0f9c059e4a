"""One ASGI middleware before everything: who may ask, under which name, and from which page.

HTTP Basic, Host and Origin are checked here once, for Gradio, static files and every route of our own alike;
Gradio's own login would leave the routes open. Without a login the server answers on loopback names alone, so a
foreign site cannot reach it by DNS rebinding.
"""

import base64
import hmac
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from esl.errors import ConfigError

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_REALM = 'Basic realm="ESL Inspector", charset="UTF-8"'
ANONYMOUS = "me"
"""User name of requests where no login is asked for."""


@dataclass(frozen=True, kw_only=True)
class Access:
    """Who may use the server and under which host names."""

    users: Mapping[str, str] = field(default_factory=dict)
    """User name -> password; empty asks for no login."""
    hosts: frozenset[str] = _LOOPBACK_NAMES
    """Names that a `Host` header may give, without port; empty allows any."""


def read_users(path: Path) -> dict[str, str]:
    """Read a login file: one `user:password` a line; blank lines and `#` comments are skipped.

    Raises:
        ConfigError: the file is unreadable, has no user, a line is not `user:password`, or a user has no login's name.
    """
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"--auth must name a readable text file of user:password lines; {path} is not ({error})."
        ) from error
    users: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        user, colon, password = line.partition(":")
        if not (user and colon and password) or user in users:
            raise ConfigError(
                f"Each line of {path} must be user:password with a user of its own; line {number} is not."
            )
        if user == ANONYMOUS:
            raise ConfigError(
                f"A login must not be called {user!r}, which stands for no login; line {number} of {path} is."
            )
        users[user] = password
    if not users:
        raise ConfigError(f"--auth must name a file with at least one user:password line; {path} has none.")
    return users


def resolve_access(host: str, auth: Path | None, is_insecure: bool) -> Access:
    """What the command line asks for, refused where it would open the server to strangers.

    Args:
        host: address to listen on.
        auth: login file, if any.
        is_insecure: listen beyond loopback without a login all the same.

    Raises:
        ConfigError: `host` is not loopback and there is neither a login nor `--insecure`.
    """
    users = read_users(auth) if auth else {}
    if is_loopback(host):
        return Access(users=users, hosts=_LOOPBACK_NAMES | {host})
    if not users and not is_insecure:
        raise ConfigError(
            f"Listening on {host} lets others in, so it needs a login: add --auth FILE (user:password lines), "
            "or --insecure if the network is yours alone."
        )
    return Access(users=users, hosts=frozenset())


def is_loopback(host: str) -> bool:
    """Whether an address or name reaches this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class SecurityMiddleware:
    """Refuse a request that fails login (401), Host (400) or Origin (403); pass `scope["user_name"]` on otherwise."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app = app
        self.access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one request or websocket and hand it on, or answer with the refusal."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._host_refusal(headers) or self._origin_refusal(headers)
        user = ANONYMOUS
        if refusal is None and self.access.users:
            user = self._user(headers)
            if not user:
                refusal = PlainTextResponse("Log in first.", 401, {"WWW-Authenticate": _REALM})
        if refusal is None:
            scope["user_name"] = user
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, send)

    def _host_refusal(self, headers: Headers) -> PlainTextResponse | None:
        if not self.access.hosts or _host_name(headers.get("host", "")) in self.access.hosts:
            return None
        return PlainTextResponse("This server does not answer under that host name.", 400)

    def _origin_refusal(self, headers: Headers) -> PlainTextResponse | None:
        """A browser names the page that asks; it must be ours. Scripts and plain navigation name none."""
        origin = headers.get("origin")
        if origin is None or urlsplit(origin).netloc == headers.get("host"):
            return None
        return PlainTextResponse("Requests from another site are refused.", 403)

    def _user(self, headers: Headers) -> str:
        """Name of the user whose password is right, or an empty string."""
        scheme, _, encoded = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return ""
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except ValueError:  # not base64, or not UTF-8
            return ""
        # Compare even for an unknown user, so that the time taken tells nothing.
        expected = self.access.users.get(user, "")
        is_right = hmac.compare_digest(password.encode(), expected.encode())
        return user if is_right and user in self.access.users else ""


def _host_name(host: str) -> str:
    """`[::1]:7860` -> `::1`, `localhost:7860` -> `localhost`."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0].lower()
