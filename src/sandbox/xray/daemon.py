"""The X-Ray daemon: takes the trace documents that a function sends by UDP."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from sandbox.strict_json import parse_json
from sandbox.xray.traces import Traces

# Datagrams wait in this buffer while the event loop is busy. Those that do not fit are lost, and nothing tells.
_BUFFER_BYTES = 4 * 1024 * 1024
# From Linux's asm-generic/socket.h: lets whoever may administer the network exceed the system's limit for a buffer.
_SO_RCVBUFFORCE = 33
_log = logging.getLogger(__name__)


@asynccontextmanager
async def listening(traces: Traces) -> AsyncIterator[str]:
    """Take documents until the context ends; yield the address for `AWS_XRAY_DAEMON_ADDRESS`.

    A datagram is a line of JSON that names the format, then a document:
    https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
        _enlarge(receiver)
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: _Intake(traces), sock=receiver)
        try:
            yield "{}:{}".format(*receiver.getsockname())
        finally:
            transport.close()


class _Intake(asyncio.DatagramProtocol):
    def __init__(self, traces: Traces) -> None:
        self._traces = traces

    def datagram_received(self, data: bytes, _address: object) -> None:
        try:
            self._traces.put(_document(data))
        except (ValueError, RecursionError) as error:
            _log.warning("the X-Ray daemon dropped a datagram of %d bytes: %.200s", len(data), error)


def _enlarge(receiver: socket.socket) -> None:
    try:
        receiver.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    except OSError:
        receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)


def _document(datagram: bytes) -> Any:
    header, _, body = datagram.partition(b"\n")
    if parse_json(header) != {"format": "json", "version": 1}:
        raise ValueError('its first line is not {"format": "json", "version": 1}')
    return parse_json(body)
