"""A strict parser for one chunked HTTP/1.1 request, fed in any portions: what RFC 9112 merely tolerates is refused."""

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CHUNK_SIZE = re.compile(rb"[1-9a-f][0-9a-f]*|0")


class ProtocolError(Exception):
    """The bytes are not what a careful sender sends."""


@dataclass
class Request:
    """What was parsed so far; complete when `done`."""

    method: str = ""
    path: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    chunks: list[bytes] = field(default_factory=list)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    done: bool = False

    def header(self, name: str) -> str | None:
        values = self.all(name)
        if len(values) > 1:
            raise ProtocolError(f"{name} was sent {len(values)} times")
        return values[0] if values else None

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def trailer(self, name: str) -> str | None:
        return dict(self.trailers).get(name)

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)


class RequestParser:
    """Feed it bytes; `request` grows. Bytes after the end of the request stay in `rest`."""

    def __init__(self) -> None:
        self.request = Request()
        self.rest = b""
        self._step = self._request_line
        self._length = 0

    def feed(self, data: bytes) -> None:
        self.rest += data
        while not self.request.done and self._step():
            pass

    def _line(self) -> bytes | None:
        end = self.rest.find(b"\r\n")
        bare = self.rest[: len(self.rest) if end < 0 else end]
        if b"\n" in bare:
            raise ProtocolError("a line ends in LF without CR")
        if end < 0:
            return None
        line, self.rest = self.rest[:end], self.rest[end + 2 :]
        if b"\r" in line:
            raise ProtocolError("a CR inside a line")
        return line

    def _request_line(self) -> bool:
        line = self._line()
        if line is None:
            return False
        match = re.fullmatch(rb"(GET|POST) (/[!-~]*) HTTP/1\.1", line)
        if not match:
            raise ProtocolError(f"request line {line!r}")
        self.request.method, self.request.path = match[1].decode(), match[2].decode()
        self._step = self._header_line
        return True

    def _field(self, line: bytes) -> tuple[str, str]:
        match = re.fullmatch(rb"([^:]+): ([!-~](?:[ -~]*[!-~])?)", line)
        if not match or not _TOKEN.fullmatch(match[1]):
            raise ProtocolError(f"field line {line!r}")
        return match[1].decode(), match[2].decode()

    def _header_line(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if line:
            self.request.headers.append(self._field(line))
            return True
        if self.request.header("Host") is None:
            raise ProtocolError("no Host")
        encoding, length = self.request.header("Transfer-Encoding"), self.request.header("Content-Length")
        if encoding is not None and length is not None:
            raise ProtocolError("both Transfer-Encoding and Content-Length")
        if encoding not in (None, "chunked"):
            raise ProtocolError(f"Transfer-Encoding {encoding}")
        self._length = int(length or 0)
        self._step = self._chunk_size if encoding else self._sized_body
        return True

    def _sized_body(self) -> bool:
        if len(self.rest) < self._length:
            return False
        body, self.rest = self.rest[: self._length], self.rest[self._length :]
        self.request.chunks, self.request.done = [body], True
        return True

    def _chunk_size(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if not _CHUNK_SIZE.fullmatch(line):
            raise ProtocolError(f"chunk size {line!r}")
        self._length = int(line, 16)
        self._step = self._chunk if self._length else self._trailer_line
        return True

    def _chunk(self) -> bool:
        if len(self.rest) < self._length + 2:
            return False
        data, end = self.rest[: self._length], self.rest[self._length : self._length + 2]
        if end != b"\r\n":
            raise ProtocolError(f"a chunk of {self._length} is followed by {end!r}")
        self.rest = self.rest[self._length + 2 :]
        self.request.chunks.append(data)
        self._step = self._chunk_size
        return True

    def _trailer_line(self) -> bool:
        line = self._line()
        if line is None:
            return False
        if not line:
            self.request.done = True
            return True
        name, value = self._field(line)
        if name not in self.request.all("Trailer"):
            raise ProtocolError(f"trailer {name} was not announced")
        self.request.trailers.append((name, value))
        return True
