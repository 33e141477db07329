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
# A browser has six to one address and one WebSocket for each tab: this is a hundred tabs, or somebody who floods it.
MOST_CONNECTIONS = 200
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
        self._websockets = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or WebSocket."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal and scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # before it is accepted: the client gets a 403
        elif scope["type"] == "websocket" and self._websockets >= MOST_CONNECTIONS:
            # uvicorn counts them, but refuses requests alone.
            await send({"type": "websocket.http.response.start", "status": 503, "headers": []})
            await send({"type": "websocket.http.response.body", "body": b"The console has too many open pages.\n"})
        elif refusal:
            await PlainTextResponse(f"The console refuses this request: {refusal}.\n", 403)(scope, receive, send)
        else:
            # No proxy is in front of it. NiceGUI would believe any that somebody claims to be.
            headers = [(name, value) for name, value in scope["headers"] if not _is_of_a_proxy(name)]
            inside: MutableMapping[str, Any] = {**scope, "root_path": self._root, "headers": headers}
            self._websockets += scope["type"] == "websocket"
            try:
                await self._app(inside, receive, _with_headers(send))
            finally:
                self._websockets -= scope["type"] == "websocket"

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


def _is_of_a_proxy(name: bytes) -> bool:
    name = name.lower()
    return name == b"forwarded" or name.startswith(b"x-forwarded-")


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
        await send(message)

    return send_with_headers
