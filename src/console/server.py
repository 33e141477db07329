"""The server of the pages: every page on one port of 127.0.0.1, until somebody ends it."""

import asyncio
import logging
import os
import socket

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from console import alarms, dashboard, logs, traces, try_it
from console.doors import HOST, Doors
from console.source import Opened

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
    for room in (dashboard, try_it, traces, logs, alarms):
        room.add_pages(opened.source)
    ui.run_with(app, title="Firstbyte", dark=None, tailwind=False, gzip_middleware_factory=None)
    # It logs the address of each page that does not exist, with the token in it.
    logging.getLogger("nicegui").setLevel(logging.ERROR)
    doors = Doors(app, listener.getsockname()[1], opened.token)
    server = uvicorn.Server(
        uvicorn.Config(doors, log_level="warning", access_log=False, timeout_graceful_shutdown=_GOODBYE_SECONDS)
    )
    if lifeline is not None:
        watched = lifeline

        def end() -> None:
            if not os.read(watched, 4096):
                asyncio.get_running_loop().remove_reader(watched)
                server.should_exit = True

        asyncio.get_running_loop().add_reader(watched, end)
    await server.serve(sockets=[listener])
