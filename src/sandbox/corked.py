"""A transport that sends what is written in one turn of the event loop with one system call, when the turn has ended.

A system call takes longer than the sandbox needs for the rest of a small chunk. Each chunk keeps its own framing, and
none waits for anything but the turn that it was written in.
"""

import asyncio
from typing import Any

# What is more goes out at once, so that the transport can pause its writer.
_MOST_BYTES = 64 * 1024


class CorkedTransport(asyncio.Transport):
    """Another transport with fewer system calls; what has been written goes out before it closes."""

    def __init__(self, transport: asyncio.Transport) -> None:
        super().__init__()
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._written: list[bytes | bytearray | memoryview] = []
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send the data when this turn of the event loop has ended."""
        if not self._written:
            self._loop.call_soon(self._send)
        self._written.append(data)
        self._size += len(data)
        if self._size > _MOST_BYTES:
            self._send()

    def close(self) -> None:
        """Close the connection when everything is sent."""
        self._send()
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once, whatever is not sent yet."""
        self._written.clear()
        self._transport.abort()

    def is_closing(self) -> bool:
        """Return whether it is closed, or about to be."""
        return self._transport.is_closing()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """Return what the other transport says."""
        return self._transport.get_extra_info(name, default)

    def pause_reading(self) -> None:
        """Take no more from the socket."""
        self._transport.pause_reading()

    def resume_reading(self) -> None:
        """Take from the socket again."""
        self._transport.resume_reading()

    def _send(self) -> None:
        if self._written:
            data = b"".join(self._written)
            self._written.clear()
            self._size = 0
            self._transport.write(data)
