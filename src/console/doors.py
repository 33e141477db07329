"""Who may open a page: the browser of whoever has its address, and no page of another origin.

The pages' server signs requests with somebody's keys. So each path begins with a token, which no other page knows. (A
cookie would not do: browsers send it to every port of 127.0.0.1.) A page elsewhere may still guess a port, and lead a
name of its own to 127.0.0.1 (DNS rebinding): Host, Origin and Sec-Fetch-Site tell, and no page can change them. A
browser opens a WebSocket from any page, and sends its Origin.
https://www.rfc-editor.org/rfc/rfc6455#section-10.2 and https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header
"""

import secrets
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"
# NiceGUI's pages compile templates and have inline scripts and styles; everything comes from this server.
_HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; base-uri 'self'; "
    "form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class Doors:
    """An ASGI application that lets its own browser in to another one, whose paths come after the token."""

    def __init__(self, app: ASGIApp, port: int, token: str) -> None:
        self._app = app
        self._port = port
        self._root = f"/{token}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: the client gets a 403
        elif refusal:
            await PlainTextResponse(f"The console refuses this request: {refusal}.\n", 403)(scope, receive, send)
        else:
            inside: MutableMapping[str, Any] = {**scope, "root_path": self._root}
            await self._app(inside, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> str | None:
        headers = Headers(scope=scope)
        hosts = [host.lower() for host in headers.getlist("host")]
        if len(hosts) != 1 or hosts[0] not in (f"{HOST}:{self._port}", f"localhost:{self._port}"):
            return f"the Host header must be {HOST}:{self._port}"
        origins = headers.getlist("origin")
        if scope["type"] == "websocket" and not origins:
            return "a WebSocket needs an Origin"
        sites = [site for site in headers.getlist("sec-fetch-site") if site not in ("same-origin", "none")]
        if sites or any(origin != f"http://{hosts[0]}" for origin in origins):
            return "it comes from a page of another origin"
        token, slash, _ = scope["path"].removeprefix("/").partition("/")
        if not slash or not secrets.compare_digest(f"/{token}".encode(), self._root.encode()):
            return "its address has no valid token: open the whole address that the terminal shows"
        return None


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return send_with_headers
