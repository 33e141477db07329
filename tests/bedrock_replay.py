"""A loopback HTTP server that answers botocore with prepared bytes, and Bedrock's stream messages for it."""

import base64
import json
import socketserver
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from sandbox.eventstream import CONTENT_TYPE, encode_message


def event(event_type: str, content: Any) -> bytes:
    """An event as ConverseStream sends it."""
    headers = {":event-type": event_type, ":content-type": "application/json", ":message-type": "event"}
    return encode_message(headers, json.dumps(content).encode())


def chunk(content: Any) -> bytes:
    """An event as InvokeModelWithResponseStream sends it: JSON in Base64 in JSON."""
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return event("chunk", {"bytes": base64.b64encode(raw).decode(), "p": "abcdef"})


def exception(exception_type: str, text: str) -> bytes:
    """An exception inside the stream."""
    headers = {":exception-type": exception_type, ":content-type": "application/json", ":message-type": "exception"}
    return encode_message(headers, json.dumps({"message": text}).encode())


@dataclass(frozen=True)
class Reply:
    """One prepared answer.

    Attributes:
        pieces: parts of the body, each written at once as one HTTP chunk; a number is a pause in seconds.
        end: "whole"; "dropped", the connection closes without a last chunk; "silent", nothing more comes.
        before: seconds of silence before the status line, or before hanging up.
        hang_up: close the connection with no answer at all.
    """

    pieces: Sequence[bytes | float] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": CONTENT_TYPE})
    end: str = "whole"
    before: float = 0
    hang_up: bool = False

    @classmethod
    def error(cls, status: int, code: str, text: str, before: float = 0) -> "Reply":
        headers = {"content-type": "application/json", "x-amzn-errortype": f"{code}:http://internal.amazon.com/coral/"}
        return cls([json.dumps({"message": text}).encode()], status, headers, before=before)


@dataclass(frozen=True)
class Seen:
    """A request that came in."""

    path: str
    headers: dict[str, str]
    body: Any
    connection: int


class ReplayServer(socketserver.ThreadingTCPServer):
    """Give it the replies of the next requests with `prepare`; it keeps what it was asked in `seen`."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.replies: list[Reply] = []
        self.seen: list[Seen] = []
        self.connections = 0
        self.stopping = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def prepare(self, *replies: Reply) -> None:
        self.stopping.set()  # those still silent for an earlier test
        self.stopping = threading.Event()
        self.replies[:] = replies
        self.seen.clear()


@contextmanager
def replay_server() -> Iterator[ReplayServer]:
    """A server that answers on a thread of its own while the body runs."""
    with ReplayServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.stopping.set()
            server.shutdown()
            thread.join()


class _Connection(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True
    server: ReplayServer

    def handle(self) -> None:
        self.server.connections += 1
        number = self.server.connections
        try:
            while self._exchange(number):
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client has gone, as some tests want it to

    def _exchange(self, connection: int) -> bool:
        start_line = self.rfile.readline().decode()
        if not start_line:
            return False
        headers = {}
        while line := self.rfile.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = json.loads(self.rfile.read(int(headers.get("content-length", 0))) or b"null")
        stopping = self.server.stopping
        reply = self.server.replies.pop(0)
        self.server.seen.append(Seen(start_line.split()[1], headers, body, connection))
        if (reply.before and stopping.wait(reply.before)) or reply.hang_up:
            return False
        head = {**reply.headers, "transfer-encoding": "chunked"}
        lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}", *(f"{k}: {v}" for k, v in head.items())]
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        for piece in reply.pieces:
            if not isinstance(piece, bytes):
                if stopping.wait(piece):
                    return False
            elif piece:
                self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        if reply.end == "silent":
            stopping.wait(60)
        if reply.end != "whole":
            return False
        self.wfile.write(b"0\r\n\r\n")
        return True
