"""A loopback HTTP server that says exactly what a test wrote down, when it should, and remembers what it was asked.

It knows no HTTP beyond finding the end of a request: that is what lets it misbehave.
"""

import contextlib
import json
import select
import socket
import ssl
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from disturbance import allowance_ms

# When to act: seconds after the request was complete, or an event that the test sets.
When = float | threading.Event
GATE_PATIENCE_SECONDS = 60.0
# How far a figure may be from the server's own note of when it sent. On an idle machine it is 1 or 2 ms. Moments that
# must not be mixed up are 100 ms apart.
_IDLE_ALLOWANCE_MS = 60.0


class Reset:
    """In place of bytes: the connection is torn down with a TCP reset."""


class Hang:
    """In place of bytes: the connection stays open and silent until the client leaves."""


class Keep:
    """At the end of a script: the connection stays open for another request; without it the server closes."""


def allowance() -> float:
    """How far a figure may be from the server's own note of when it sent, in milliseconds."""
    return allowance_ms(_IDLE_ALLOWANCE_MS)


Script = Sequence[tuple[When, bytes | type[Reset] | type[Hang] | type[Keep]]]


@dataclass
class Exchange:
    """One request as it came in, and when the answer's pieces went out (`time.monotonic()`).

    `connection` counts the connections from 1. `accepted_at` is when the connection was accepted, or, if that had a
    request before, when the first byte of this one came.
    """

    connection: int
    request_line: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    accepted_at: float = 0.0
    complete: threading.Event = field(default_factory=threading.Event)
    sent_at: list[float] = field(default_factory=list)


class ScriptedServer:
    """The first script is for the first request and so on, the last one for all from then on.

    A request counts from when its connection is accepted; on a kept connection, from its first byte. Any number of
    connections are served at a time.
    """

    def __init__(self, *scripts: Script, tls: ssl.SSLContext | None = None) -> None:
        self.exchanges: list[Exchange] = []
        self._scripts = scripts
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._beginning = threading.Lock()
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        scheme = "https" if tls else "http"
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}/"

    def __enter__(self) -> "ScriptedServer":
        self._threads[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(GATE_PATIENCE_SECONDS)
            assert not thread.is_alive()
        self._listener.close()

    def wait_for_request(self, number: int) -> Exchange:
        """The exchange with this number (from 1), as soon as its request is complete."""
        limit = time.monotonic() + GATE_PATIENCE_SECONDS
        while len(self.exchanges) < number:
            assert time.monotonic() < limit, f"request {number} never came"
            time.sleep(0.01)
        exchange = self.exchanges[number - 1]
        assert exchange.complete.wait(GATE_PATIENCE_SECONDS)
        return exchange

    def _serve(self) -> None:
        while not self._stopping.is_set():
            if not select.select([self._listener], [], [], 0.05)[0]:
                continue
            connection, _ = self._listener.accept()
            connection.settimeout(GATE_PATIENCE_SECONDS)
            # On this thread, in the order of arrival.
            first = self._begin(Exchange(connection=len(self._threads), accepted_at=time.monotonic()))
            self._threads.append(threading.Thread(target=self._converse, args=(connection, *first), daemon=True))
            self._threads[-1].start()

    def _begin(self, exchange: Exchange) -> tuple[Exchange, Script]:
        with self._beginning:
            self.exchanges.append(exchange)
            return exchange, self._scripts[min(len(self.exchanges), len(self._scripts)) - 1]

    def _converse(self, connection: socket.socket, exchange: Exchange, script: Script) -> None:
        # A client that is ended by the test, or that has given up, breaks the connection.
        with contextlib.suppress(OSError), connection:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            with connection:
                received = b""
                while self._exchange(connection, exchange, script, received):
                    received = self._wait_for_bytes(connection)
                    if not received:
                        return
                    following = Exchange(connection=exchange.connection, accepted_at=time.monotonic())
                    exchange, script = self._begin(following)

    def _wait_for_bytes(self, connection: socket.socket) -> bytes:
        """What the client sends next; nothing when it leaves, or the server stops."""
        while not self._stopping.is_set():
            if select.select([connection], [], [], 0.05)[0]:
                return connection.recv(65_536)
        return b""

    def _exchange(self, connection: socket.socket, exchange: Exchange, script: Script, received: bytes) -> bool:
        """One request and its answer; True when another may follow."""
        self._read_request(connection, exchange, received)
        start = time.monotonic()
        for when, what in script:
            if isinstance(when, threading.Event):
                assert when.wait(GATE_PATIENCE_SECONDS)
            else:
                time.sleep(max(0.0, start + when - time.monotonic()))
            if isinstance(what, bytes):
                exchange.sent_at.append(time.monotonic())
                connection.sendall(what)
            elif what is Reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            elif what is Keep:
                return True
            else:
                while self._wait_for_bytes(connection):
                    pass
        return False

    def _read_request(self, connection: socket.socket, exchange: Exchange, received: bytes) -> None:
        while b"\r\n\r\n" not in received:
            received += connection.recv(65_536) or _gone()
        head, _, body = received.partition(b"\r\n\r\n")
        exchange.request_line, *lines = head.decode("latin-1").split("\r\n")
        for line in lines:
            name, _, value = line.partition(":")
            exchange.headers[name.lower()] = value.strip()
        while len(body) < int(exchange.headers["content-length"]):
            body += connection.recv(65_536) or _gone()
        exchange.body = body
        exchange.complete.set()


def _gone() -> bytes:
    raise ConnectionError("the client left in the middle of its request")


def response_head(status: int, headers: Mapping[str, str], reason: str = "Said") -> bytes:
    """A status line and headers."""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


STREAM_HEAD = response_head(
    200,
    {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Transfer-Encoding": "chunked",
        "X-Request-Id": "request-1",
        "X-Amzn-Trace-Id": "Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=1",
    },
)
LAST_CHUNK = b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(name: str, **fields: Any) -> bytes:
    """One server-sent event in a chunk of its own, as the function writes it."""
    return chunk(f"event: {name}\ndata: {json.dumps(fields)}\n\n".encode())


START = event("start", request_id="request-1", trace_id="1-67891233-abcdef012345678912345678", model="maker.model-v1:0")
END = event(
    "end",
    stop_reason="end_turn",
    usage={"input_tokens": 12, "output_tokens": 34},
    timing={"ttfb_ms": 1.5, "ttft_ms": 2.5, "duration_ms": 3.5},
)


def answer(*texts: str) -> bytes:
    """A whole proper answer."""
    return STREAM_HEAD + START + b"".join(event("delta", text=text) for text in texts) + END + LAST_CHUNK


def plain(status: int, body: bytes, content_type: str, **headers: str) -> bytes:
    """A whole response with a length."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return response_head(status, {"Content-Type": content_type, "Content-Length": str(len(body)), **named}) + body
