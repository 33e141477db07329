"""The Runtime API in front of all runtimes, a process of its own: raw sockets, one clock, one thread a connection.

Any library would be a part of what is measured. Each runtime has an address of its own, so that it is known by that.
An address that is not one of these is that of a server that speaks HTTP itself. It is asked from here, too, so that the
same code reads the answers of all.

Standard input has commands and standard output what came of them, both as lines of JSON:
    {"listen": true}   -> {"address": "127.0.0.1:1"}
    {"invoke": {"127.0.0.1:1": "{}"}, "times": 2, "pause_seconds": 0.002}
                       -> {"of": "127.0.0.1:1", "responses": [{...}, {...}]}
A runtime's first GET /next is said when it comes: {"of": "127.0.0.1:1", "asked_at": 1.5}. What failed is said as
{"of": "127.0.0.1:1", "error": "..."}. All times are those of `time.monotonic()`. It ends when its standard input does.

Protocol: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html and, for streamed responses,
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
"""

import json
import os
import queue
import select
import socket
import sys
import threading
import time
import uuid
from typing import Any

_ACCEPTED = b'HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"status":"OK"}\n'
_PRELUDE_TYPE = b"application/vnd.awslambda.http-integration-response"
_PRELUDE_END = b"\0" * 8
_TIMEOUT_SECONDS = 300
_BUFFER_BYTES = 256 * 1024
_saying = threading.Lock()


class _CutError(Exception):
    """The other side hung up in the middle."""


def _say(document: dict[str, Any]) -> None:
    with _saying:
        print(json.dumps(document), flush=True)


class _Connection:
    """A socket, what was received from it and not read yet, and when the last of that came."""

    def __init__(self, connected: socket.socket) -> None:
        # Small writes must not wait until the previous one is acknowledged (Nagle's algorithm).
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = connected
        self.data = bytearray()
        self.at = 0.0
        self._room = memoryview(bytearray(_BUFFER_BYTES))

    def receive(self) -> None:
        count = self.socket.recv_into(self._room)
        self.at = time.monotonic()
        if not count:
            raise _CutError
        self.data += self._room[:count]

    def take(self, end: bytes) -> bytes:
        """Read up to `end`, which is left out."""
        while (found := self.data.find(end)) < 0:
            self.receive()
        taken = bytes(self.data[:found])
        del self.data[: found + len(end)]
        return taken

    def read(self, count: int) -> bytes:
        """Read so many bytes."""
        while len(self.data) < count:
            self.receive()
        taken = bytes(self.data[:count])
        del self.data[:count]
        return taken


class _Body:
    """A message's body as it comes in: when its first and its last byte came, how many bytes and chunks it has.

    The prelude with status and headers, which a runtime sends before the body, is none of it.
    """

    def __init__(self, head: bytes) -> None:
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
        self.left = int(fields.get(b"content-length", 0))
        self._is_chunked = b"chunked" in fields.get(b"transfer-encoding", b"")
        self._prelude = bytearray() if fields.get(b"content-type", b"").strip() == _PRELUDE_TYPE else None
        self._over = not self._is_chunked and not self.left
        self.first_byte_at: float | None = None
        self.bytes = 0
        self.chunks = 0
        self.cpu_seconds = 0.0
        self.trailers = b""

    def read(self, connection: _Connection) -> None:
        # While a stream goes on, all that happens here is a receive and a look at its last bytes: chunks are counted
        # when it may be over. The end of a body, and nearly nothing else, ends with an empty line.
        while True:
            if not self._is_chunked or self.first_byte_at is None or connection.data.endswith(b"\r\n\r\n"):
                self.cpu_seconds = time.process_time()
                self._advance(connection)
                if self._over:
                    return
            connection.receive()

    def _advance(self, connection: _Connection) -> None:
        data = connection.data
        if not self._is_chunked:
            count = min(self.left, len(data))
            self._take(connection.read(count), connection.at)
            self.left -= count
            self._over = not self.left
            return
        position = 0
        while (line_end := data.find(b"\r\n", position)) >= 0:
            begin = line_end + 2
            size = int(data[position:line_end], 16)
            if not size:
                if (end := data.find(b"\r\n\r\n", line_end)) < 0:
                    break
                self.trailers = bytes(data[begin:end])
                position = end + 4
                self._over = True
                break
            if len(data) < begin + size + 2:
                # The first byte of a long chunk counts before the chunk is whole.
                if self._prelude is None and self.first_byte_at is None and len(data) > begin:
                    self.first_byte_at = connection.at
                break
            self._take(bytes(data[begin : begin + size]), connection.at)
            position = begin + size + 2
        del data[:position]

    def _take(self, content: bytes, at: float) -> None:
        if self._prelude is not None:
            self._prelude += content
            _, end, content = bytes(self._prelude).partition(_PRELUDE_END)
            if not end:
                return
            self._prelude = None
        if content:
            if self.first_byte_at is None:
                self.first_byte_at = at
            self.bytes += len(content)
            self.chunks += 1


class _Given:
    """An invocation that a runtime works on, or a request that a server does."""

    def __init__(self) -> None:
        self._cpu_seconds = time.process_time()
        self._at = time.monotonic()

    def response(self, body: _Body, last_byte_at: float) -> dict[str, Any]:
        return {
            "given_at": self._at,
            "first_byte_at": last_byte_at if body.first_byte_at is None else body.first_byte_at,
            "last_byte_at": last_byte_at,
            "bytes": body.bytes,
            "chunks": body.chunks,
            "server_cpu_seconds": body.cpu_seconds - self._cpu_seconds,
        }


class _Runtime:
    """A runtime's address: what is to be given to it, and what it sent."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=16)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._asked = False
        self._bodies: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._pause_seconds = 0.0
        self._wanted = 0
        self._responses: list[dict[str, Any]] = []
        self._given: dict[bytes, _Given] = {}
        threading.Thread(target=self._accept, daemon=True).start()

    def invoke(self, body: bytes, times: int, pause_seconds: float) -> None:
        self._wanted, self._pause_seconds = times, pause_seconds
        for _ in range(times):
            self._bodies.put(body)

    def _accept(self) -> None:
        while True:
            accepted, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(_Connection(accepted),), daemon=True).start()

    def _serve(self, connection: _Connection) -> None:
        try:
            while True:
                head = connection.take(b"\r\n\r\n")
                path = head.split(b" ", 2)[1]
                if path.endswith(b"/invocation/next"):
                    if not self._asked:
                        self._asked = True
                        _say({"of": self.address, "asked_at": connection.at})
                    self._give(connection)
                else:
                    self._receive(connection, path, _Body(head))
        except (_CutError, OSError):
            connection.socket.close()

    def _give(self, connection: _Connection) -> None:
        body = self._bodies.get()
        if select.select([connection.socket], [], [], 0)[0]:  # this one has left: the work is for another
            self._bodies.put(body)
            raise _CutError
        request_id = str(uuid.uuid4())
        head = (
            "HTTP/1.1 200 OK\r\n"
            f"Lambda-Runtime-Aws-Request-Id: {request_id}\r\n"
            f"Lambda-Runtime-Deadline-Ms: {int((time.time() + _TIMEOUT_SECONDS) * 1000)}\r\n"
            "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:us-east-1:123456789012:function:peer\r\n"
            "Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode()
        if self._pause_seconds:
            time.sleep(self._pause_seconds)
        self._given[request_id.encode()] = _Given()
        connection.socket.sendall(head + body)

    def _receive(self, connection: _Connection, path: bytes, body: _Body) -> None:
        if path.endswith(b"/response"):
            try:
                body.read(connection)
            except (_CutError, OSError):
                self._failed("it hung up in its response")
                raise
            given = self._given.pop(path.split(b"/")[-2])
            self._responses.append(given.response(body, connection.at))
            is_last = len(self._responses) == self._wanted
            connection.socket.sendall(_ACCEPTED)
            if body.trailers:
                self._failed(f"it ended its response with an error: {body.trailers.decode(errors='replace')}")
            elif is_last:
                self._say_responses()
        else:
            content = connection.read(body.left).decode(errors="replace")
            connection.socket.sendall(_ACCEPTED)
            self._failed(f"it reported an error: {content}")

    def _say_responses(self) -> None:
        responses, self._responses = self._responses, []
        _say({"of": self.address, "responses": responses})

    def _failed(self, reason: str) -> None:
        self._responses = []
        _say({"of": self.address, "error": reason})


def _ask(address: str, body: bytes, times: int, pause_seconds: float) -> None:
    host, _, port = address.rpartition(":")
    request = (
        f"POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    responses = []
    try:
        with socket.create_connection((host, int(port))) as connected:
            connection = _Connection(connected)
            for _ in range(times):
                if pause_seconds:
                    time.sleep(pause_seconds)
                given = _Given()
                connected.sendall(request)
                head = connection.take(b"\r\n\r\n")
                status = head.split(b" ", 2)[1].decode()
                if status != "200":
                    raise OSError(f"it answered {status}")
                received = _Body(head)
                received.read(connection)
                responses.append(given.response(received, connection.at))
    except (_CutError, OSError) as error:
        _say({"of": address, "error": str(error) or "it hung up in its response"})
    else:
        _say({"of": address, "responses": responses})


def _main() -> None:
    runtimes: dict[str, _Runtime] = {}
    for line in sys.stdin:
        command = json.loads(line)
        if "listen" in command:
            runtime = _Runtime()
            runtimes[runtime.address] = runtime
            _say({"address": runtime.address})
        for address, body in command.get("invoke", {}).items():
            work = (body.encode(), command["times"], command["pause_seconds"])
            if address in runtimes:
                runtimes[address].invoke(*work)
            else:
                threading.Thread(target=_ask, args=(address, *work), daemon=True).start()
    os._exit(0)  # threads wait in receive


if __name__ == "__main__":
    _main()
