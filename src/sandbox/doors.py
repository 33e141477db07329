"""The sandbox's HTTP ports: whose requests they take, how large these may be, and how long they may take to come in.

Responses have no limit in time. The Runtime API is no port of this kind.
"""

import asyncio
import logging
import socket
from contextlib import AsyncExitStack
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.typedefs import Handler, Middleware
from aiohttp.web_protocol import RequestPayloadError

from sandbox.corked import CorkedTransport
from sandbox.departures import named, note_departures
from sandbox.own_address import HOST, why_foreign

# How long a connection may be open without a whole head of a request, the next one included.
HEAD_SECONDS = 60.0
# How long the body may take after that; across one machine, a tenth of a second is enough for the largest.
BODY_SECONDS = 10.0
# How long the rest of a refused body is read (and thrown away), so that its sender gets to read the answer.
_LINGER_SECONDS = 2.0
# How much of a body waits to be read. A sixteenth of it is how many chunks aiohttp takes at a time: if every chunk is a
# single byte, each holds up the event loop for some microseconds.
_READ_BYTES = 16 * 1024
# How much of all bodies may be there while they come in.
INCOMING_BYTES = 128 * 1024 * 1024
# A process has some thousand descriptors at most, which environments and queries need, too.
CONNECTIONS = 200
# How long a server waits for its open connections at the end. The sandbox promises to be gone within two seconds.
_GOODBYE_SECONDS = 0.3
_BODY = web.RequestKey("body", bytes)
_incoming_bytes = 0
_log = logging.getLogger(__name__)


def listen() -> socket.socket:
    """Listen on a free port of 127.0.0.1. Clients wait until something serves it."""
    return socket.create_server((HOST, 0))


def address(listener: socket.socket) -> str:
    """Return the listener's address, without a slash at the end."""
    return f"http://{HOST}:{listener.getsockname()[1]}"


async def serve(app: web.Application, listener: socket.socket, running: AsyncExitStack) -> None:
    """Serve an application until `running` ends it."""
    app.middlewares[:0] = [note_departures, _addressed(listener.getsockname()[1])]
    runner = web.AppRunner(
        app,
        access_log=None,
        shutdown_timeout=_GOODBYE_SECONDS,
        # Bodies stay as they came: a signature covers what is on the wire, compressed or not.
        auto_decompress=False,
        keepalive_timeout=HEAD_SECONDS,
        lingering_time=_LINGER_SECONDS,
        read_bufsize=_READ_BYTES,
        logger=_http_log,
    )
    await runner.setup()
    running.push_async_callback(runner.cleanup)
    protocol = runner.server
    assert protocol is not None

    server = await asyncio.get_running_loop().create_server(lambda: _Entrance(protocol), sock=listener)
    running.callback(server.close)


async def body_of(request: web.Request) -> bytes:
    """Return a request's whole body, as often as it is asked for.

    aiohttp's own `read` takes so many chunks at a time that single bytes would stop everything else for a second.

    Raises:
        web.HTTPException: it is too large for the application, takes too long, or cannot be read.
        ConnectionError: the client has left.
    """
    if _BODY not in request:
        request[_BODY] = await _read(request)
    return request[_BODY]


async def _read(request: web.Request) -> bytes:
    global _incoming_bytes
    limit, body = request.client_max_size, bytearray()
    refusal: web.HTTPException
    if (request.content_length or 0) > limit:
        raise web.HTTPRequestEntityTooLarge(limit, request.content_length or 0)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while part := await request.content.readany():
                body += part
                _incoming_bytes += len(part)
                if len(body) > limit:
                    raise web.HTTPRequestEntityTooLarge(limit, len(body))
                if _incoming_bytes > INCOMING_BYTES:
                    refusal = web.HTTPServiceUnavailable(text="Too many bodies come in at once: try again.")
                    break
                # `readany` does not wait while there is something to read. Who has sent it all may leave: Lambda runs
                # the function all the same.
                if not request.content.is_eof():
                    await asyncio.sleep(0)
            else:
                return bytes(body)
    except TimeoutError:
        refusal = web.HTTPRequestTimeout(text=f"The body was not complete within {BODY_SECONDS} s.")
    except RequestPayloadError as error:
        refusal = web.HTTPBadRequest(text=f"The body cannot be read: {error}")
    finally:
        _incoming_bytes -= len(body)
    refusal.force_close()
    raise refusal


def _addressed(port: int) -> Middleware:
    """Return a middleware that refuses what is meant for another address or comes from a page of another."""

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.raw_path.startswith("/"):
            reason: str | None = "its first line must begin with the path: call the sandbox, not a proxy"
        else:
            reason = why_foreign(((name.lower(), value) for name, value in request.headers.items()), port)
        if reason is None:
            return await handler(request)
        _log.warning("%s refused: %s", named(request), reason)
        return web.json_response({"message": f"The sandbox refuses this request: {reason}."}, status=403)

    return check


class _Everyday(logging.LoggerAdapter[logging.Logger]):
    """Makes a line of what aiohttp reports with a stack trace, or not at all: that somebody sent no HTTP/1.1."""

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Log a record; the line about a request that cannot be read quotes nothing of it, which may be a key."""
        error = kwargs.get("exc_info")
        if isinstance(error, HttpProcessingError):
            self.logger.warning("a request was answered %d: %s", error.code, _what_is_wrong(error))
        else:
            super().log(level, msg, *args, **kwargs)


def _what_is_wrong(error: HttpProcessingError) -> str:
    said = " ".join(str(error.message).split())
    if isinstance(error, LineTooLong):
        return f"its first line or one of its headers is longer than {error.args[1]} bytes"
    if said.startswith("Pause on PRI/Upgrade"):
        return "it is HTTP/2, and the sandbox speaks HTTP/1.1"
    if "HTTPS traffic" in said or "\\x16\\x03" in said:
        return "it is TLS: call http://, not https://"
    return said.partition(":")[0]


_http_log = _Everyday(logging.getLogger(f"{__name__}.http"))


class _Entrance(asyncio.Protocol):
    """Hands a new connection to aiohttp; closes it at once, with an answer, if there are too many."""

    def __init__(self, http: web.Server) -> None:
        self._http = http

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        if len(self._http.connections) < CONNECTIONS:
            handler = self._http()
            transport.set_protocol(handler)
            handler.connection_made(CorkedTransport(transport))
            return
        transport.write(b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        transport.close()
        _log.warning("a connection was refused: %d are open at this port", CONNECTIONS)
