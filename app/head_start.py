"""Text for the head of the page's HTML, put there before it leaves the server.

Gradio adds the `head` of a page from its own script, a second after the page has come; what shall be fetched and asked
for meanwhile has to stand in the HTML itself.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_END = b"</head>"


class HeadStartMiddleware:
    """Add `head` to the HTML at `path`; every other answer passes as it is."""

    def __init__(self, app: ASGIApp, path: str, head: str) -> None:
        self.app, self.path, self.head = app, path, head.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; the page's answer is held until it is whole."""
        if scope["type"] != "http" or scope["path"] != self.path or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        start: Message = {}
        parts: list[bytes] = []

        async def edited(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            parts.append(message.get("body", b""))
            if message.get("more_body", False):
                return
            body = self._with_head(start, b"".join(parts))
            await send(start)
            await send({"type": "http.response.body", "body": body})

        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        await self.app({**scope, "headers": plain}, receive, edited)

    def _with_head(self, start: Message, body: bytes) -> bytes:
        headers = MutableHeaders(raw=start["headers"])
        if not headers.get("content-type", "").startswith("text/html"):
            return body
        before, end, after = body.partition(_END)
        body = before + self.head + end + after if end else self.head + body
        headers["content-length"] = str(len(body))
        return body
