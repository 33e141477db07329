"""A client of the console that says byte for byte what a test wants it to say."""

import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from sandbox_process import RunningSandbox

PATIENCE_SECONDS = 60
SOCKET_PATH = "_nicegui_ws/socket.io/"
POLLING = f"{SOCKET_PATH}?EIO=4&transport=polling"
WEBSOCKET = f"{SOCKET_PATH}?EIO=4&transport=websocket"
Headers = tuple[tuple[str, str], ...]
_HANDSHAKE: Headers = (
    *(("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)


@dataclass(frozen=True)
class Answer:
    """The status of a response, its headers (names in lower case) and the beginning of its body."""

    status: int
    headers: Mapping[str, str]
    body: str


class Console:
    """A console's address; whatever is sent to it is what a test says, byte for byte."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname == "127.0.0.1"
        assert parts.port
        self.port, self.token = parts.port, parts.path.strip("/")
        self.host = f"127.0.0.1:{self.port}"
        self.own: Headers = (("Host", self.host), ("Origin", f"http://{self.host}"))

    def send(self, path: str, headers: Headers | None = None, method: str = "GET", body: str = "") -> Answer:
        """Send a request of HTTP/1.1 whose headers are these alone, by default a program's."""
        given = (("Host", self.host),) if headers is None else headers
        length = (("Content-Length", str(len(body))),) if body else ()
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in (*given, *length)), "", body]
        return self.send_raw("\r\n".join(lines).encode(), has_body=method != "HEAD")

    def send_raw(self, request: bytes, has_body: bool = True) -> Answer:
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS) as connection:
            connection.sendall(request)
            received = b""
            while b"\r\n\r\n" not in received:
                part = connection.recv(65536)
                assert part, f"closed after {received!r}"
                received += part
            head, _, rest = received.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            wanted = min(int(headers.get("content-length", 0)), 2000) if has_body else 0
            chunked = headers.get("transfer-encoding") == "chunked"
            while (len(rest) < wanted or (chunked and b"\r\n0\r\n" not in rest)) and (part := connection.recv(65536)):
                rest += part
            return Answer(int(first.split()[1]), headers, rest.decode(errors="replace"))

    def websocket(self, path: str, headers: Headers) -> Answer:
        """Send a WebSocket handshake with these headers beside its own."""
        return self.send(path, (*headers, *_HANDSHAKE))

    def stay(self) -> socket.socket:
        """Open a WebSocket as a page does, and keep it."""
        connection = socket.create_connection(("127.0.0.1", self.port), PATIENCE_SECONDS)
        lines = [f"{name}: {value}" for name, value in (*self.own, *_HANDSHAKE)]
        connection.sendall("\r\n".join([f"GET /{self.token}/{WEBSOCKET} HTTP/1.1", *lines, "", ""]).encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 101 ")
        return connection


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    """The console of a sandbox that a test file has to itself; who wants it imports it."""
    running = RunningSandbox((), tmp_path_factory.mktemp("sandbox"))
    running.wait_until_ready()
    yield Console(running.ready["console_url"])
    running.stop()
