"""The server of the pages: every page on one port of 127.0.0.1, until somebody ends it."""

import asyncio
import logging
import os
import socket

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from console import alarms, dashboard, error_pages, logs, traces, try_it
from console.doors import HOST, MOST_CONNECTIONS, Doors
from console.source import Opened
from console.terminal import log_in_lines

# How long open pages may hold up the end.
_GOODBYE_SECONDS = 1


def listen(port: int = 0) -> socket.socket:
    """Listen on a port of 127.0.0.1, by default on a free one.

    Raises:
        OSError: the port is taken.
    """
    return socket.create_server((HOST, port))


def address(listener: socket.socket, token: str) -> str:
    """Return the address of the first page, with a slash at the end."""
    return f"http://{HOST}:{listener.getsockname()[1]}/{token}/"


async def serve(opened: Opened, listener: socket.socket, lifeline: int | None = None) -> None:
    """Serve the pages until SIGINT or SIGTERM.

    Args:
        opened: whose pages, and the token in their address.
        listener: where.
        lifeline: a descriptor whose end is the server's end, too: a pipe that another process holds while it lives.
    """
    app = FastAPI(openapi_url=None)
    for room in (dashboard, try_it, traces, logs, alarms, error_pages):
        room.add_pages(opened.source)
    ui.run_with(app, title="Firstbyte", dark=None, tailwind=False, gzip_middleware_factory=None)
    log_in_lines(opened.token)
    # It warns of what is everyday, such as a browser that left before its page was there.
    logging.getLogger("nicegui").setLevel(logging.ERROR)
    doors = Doors(app, listener.getsockname()[1], opened.token)
    server = uvicorn.Server(
        uvicorn.Config(
            doors,
            log_config=None,
            access_log=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=_GOODBYE_SECONDS,
        )
    )
    if lifeline is not None:
        watched = lifeline

        def end() -> None:
            if not os.read(watched, 4096):
                asyncio.get_running_loop().remove_reader(watched)
                server.should_exit = True

        asyncio.get_running_loop().add_reader(watched, end)
    await server.serve(sockets=[listener])
