"""Puts an everyday event into a line of the log: a client that leaves before it has its response."""

import logging

from aiohttp import web
from aiohttp.typedefs import Handler

_log = logging.getLogger(__name__)


def named(request: web.Request) -> str:
    """Return how a request is named in the log: without its query, which may hold a presigned URL's token."""
    path = request.raw_path.partition("?")[0]
    return f"{request.method} {path:.100}"


@web.middleware
async def note_departures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Handle a request; what this returns for a client that has left reaches nobody.

    It must be the outermost middleware: the others see that the client has left and record it.
    """
    try:
        return await handler(request)
    except ConnectionError:
        if request.transport is not None and not request.transport.is_closing():
            raise  # another connection than the client's
        _log.warning("%s: the client left before the response was complete", named(request))
        return web.Response()
