"""One server-side HTTP/1.1 connection, h11 on asyncio streams. It passes on each chunk and trailer as it arrives."""

import asyncio
import contextlib
import json
import select
from collections.abc import Mapping

import h11

_READ_BYTES = 64 * 1024
# A runtime may put a whole X-Ray cause (up to 1 MB) or a stack trace into a header or trailer.
_MAX_HEADER_BYTES = 2 * 1024 * 1024


class TruncatedBodyError(Exception):
    """The peer closed or broke the connection in the middle of a request body."""


class BodyTooLargeError(Exception):
    """A request body is larger than the caller allows."""


class Connection:
    """Requests in, replies out, one after the other on one connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._h11 = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_HEADER_BYTES)

    async def request(self) -> h11.Request | None:
        """Return the next request's head; None when the peer has closed or talks no HTTP.

        A request that is not HTTP has been answered 400 by then.
        """
        try:
            if self._h11.our_state is h11.DONE:
                self._h11.start_next_cycle()
            event = await self._event()
        except h11.RemoteProtocolError as error:
            with contextlib.suppress(h11.LocalProtocolError):
                message = {"errorMessage": str(error), "errorType": "BadRequest"}
                await self.reply(error.error_status_hint, json.dumps(message).encode())
            return None
        except (h11.LocalProtocolError, OSError):  # the state in which h11 cannot start another cycle
            return None
        return event if isinstance(event, h11.Request) else None

    async def body_event(self) -> h11.Data | h11.EndOfMessage:
        """Return the next piece of the current request's body, the moment it has arrived.

        Raises:
            TruncatedBodyError: the body will never be complete.
        """
        try:
            event = await self._event()
        except (h11.RemoteProtocolError, OSError) as error:
            raise TruncatedBodyError(str(error)) from error
        if isinstance(event, h11.Data | h11.EndOfMessage):
            return event
        raise TruncatedBodyError("the connection was closed")

    async def body(self, limit: int) -> bytes:
        """Return the current request's whole body.

        Raises:
            BodyTooLargeError: it is larger than `limit` bytes.
            TruncatedBodyError: it will never be complete.
        """
        parts = bytearray()
        while isinstance(event := await self.body_event(), h11.Data):
            parts += event.data
            if len(parts) > limit:
                raise BodyTooLargeError
        return bytes(parts)

    async def reply(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Answer the current request."""
        head = {"Content-Type": "application/json", **(headers or {}), "Content-Length": str(len(body))}
        response = h11.Response(status_code=status, headers=list(head.items()))
        message = [self._h11.send(event) for event in (response, h11.Data(data=body), h11.EndOfMessage())]
        self._writer.write(b"".join(part for part in message if part))
        with contextlib.suppress(OSError):
            await self._writer.drain()

    async def discard_body(self) -> None:
        """Read the rest of a body that the reply did not wait for, so that the connection can go on.

        Raises:
            TruncatedBodyError: it will never be complete.
        """
        while self._h11.their_state is h11.SEND_BODY:
            await self.body_event()

    async def closed(self) -> None:
        """Return when the peer closes the connection; what it sends until then is kept for `request`."""
        with contextlib.suppress(OSError):
            while data := await self._reader.read(_READ_BYTES):
                self._h11.receive_data(data)

    def was_reset(self) -> bool:
        """Whether the peer has reset the connection, even behind data that nobody reads at the moment."""
        if self._writer.is_closing():
            return True
        poll = select.poll()
        poll.register(self._writer.get_extra_info("socket"), 0)  # resets are reported always
        return bool(poll.poll(0))

    def close(self) -> None:
        """Close the connection without waiting for anything."""
        self._writer.close()

    async def _event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._h11.next_event()
            if event is not h11.NEED_DATA:
                assert not isinstance(event, type) or event is h11.PAUSED
                return event
            self._h11.receive_data(await self._reader.read(_READ_BYTES))
