"""Puts everyday events into a line of the log: a client that leaves before it has its response, or talks no HTTP."""

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

_log = logging.getLogger(__name__)


def note_bad_requests() -> None:
    """Let aiohttp log a request that is not HTTP in one line, in place of a traceback; its client is answered 400."""
    logging.getLogger("aiohttp.server").addFilter(_without_traceback)


def _without_traceback(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, HttpProcessingError):
        record.msg, record.args = "a request is not HTTP: %.100s", (" ".join(error.message.split()),)
        record.levelno, record.levelname, record.exc_info = logging.WARNING, "WARNING", None
    return True


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
        path = request.raw_path.partition("?")[0]  # a query may hold a presigned URL's token
        _log.warning("%s %.100s: the client left before the response was complete", request.method, path)
        return web.Response()
