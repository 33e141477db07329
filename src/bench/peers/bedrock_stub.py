"""A stand-in for Bedrock that costs next to nothing: plays an answer that was encoded before it was asked for.

Any POST is answered as InvokeModelWithResponseStream answers for Anthropic's Messages format. Somewhere in its body it
says what to play: "400 texts, one every 10 ms". The first text comes at once, the others by the clock, however long the
reader takes. With "every 0 ms" all come as fast as the reader takes them. Each event is an HTTP chunk of its own, as
Bedrock sends it.

It is a process of its own, so that it takes no time from who measures. It imports the standard library alone. Its first
line on standard output is its address; it ends when its standard input does.

Frames: "Amazon event stream encoding" in the AWS SDKs' shared specification (Smithy), and botocore.eventstream.
Events: https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html
"""

import asyncio
import base64
import contextlib
import json
import re
import string
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any
from zlib import crc32

TEXT = " text by a stand-in"

_WANTED = re.compile(rb"(\d+) texts, one every (\d+) ms")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.amazon.eventstream\r\nTransfer-Encoding: chunked\r\n"
    b"X-Amzn-RequestId: 00000000-0000-4000-8000-000000000000\r\nX-Amzn-Bedrock-Content-Type: application/json\r\n\r\n"
)
_ASK = b'{"message":"Say what to play, as in: 9 texts, one every 10 ms"}'
_REFUSED = (
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nX-Amzn-ErrorType: ValidationException\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_ASK), _ASK)
)
# Bedrock pads the JSON of each event, so that its length says nothing of the text. Of 231 recorded events, the shortest
# padding has 2 characters and the longest 61.
_PADDING = string.ascii_lowercase + string.ascii_uppercase + string.digits
_PADDING_LENGTHS = range(2, 62)


def prompt(texts: int, every_ms: int) -> str:
    """Return the prompt that asks for so many texts, one every so many milliseconds; 0 for no pauses."""
    return f"{texts} texts, one every {every_ms} ms"


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run it while the body runs; yield its address, as for `AWS_ENDPOINT_URL_BEDROCK_RUNTIME`."""
    # In a process group of its own: Ctrl-C on the terminal ends this program, which then ends it.
    command = [sys.executable, "-I", "-S", __file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, process_group=0) as process:  # noqa: S603 - this file
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.stdin.close()


@dataclass(frozen=True)
class _Answer:
    """An answer in HTTP chunks: what comes before the texts, each text, what comes after them."""

    before: bytes
    texts: tuple[bytes, ...]
    after: bytes


@cache
def _answer(texts: int) -> _Answer:
    usage = {"input_tokens": 9, "output_tokens": 1}
    message = {"id": "msg_bdrk_1", "type": "message", "role": "assistant", "model": "claude", "content": []}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    stop = {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None}}
    metrics = {"inputTokenCount": 9, "outputTokenCount": texts, "invocationLatency": 1, "firstByteLatency": 1}
    text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": TEXT}}
    variants = [_chunk(text, padding) for padding in _PADDING_LENGTHS]
    return _Answer(
        _chunk({"type": "message_start", "message": {**message, "usage": usage}}) + _chunk(block),
        tuple(variants[number % len(variants)] for number in range(texts)),
        _chunk({"type": "content_block_stop", "index": 0})
        + _chunk({**stop, "usage": {"output_tokens": texts}})
        + _chunk({"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics})
        + b"0\r\n\r\n",
    )


def _chunk(event: dict[str, Any], padding: int = 30) -> bytes:
    """Return an event in a frame of the event stream, in an HTTP chunk."""
    encoded = base64.b64encode(json.dumps(event, separators=(",", ":")).encode()).decode()
    payload = json.dumps({"bytes": encoded, "p": _PADDING[:padding]}, separators=(",", ":")).encode()
    frame = _frame({":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}, payload)
    return b"%x\r\n%b\r\n" % (len(frame), frame)


def _frame(headers: dict[str, str], payload: bytes) -> bytes:
    # Lengths of all and of the headers, their checksum; the headers, of which 7 is the type string; the payload; the
    # checksum of everything before it.
    block = b"".join(
        struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    lengths = struct.pack("!II", 16 + len(block) + len(payload), len(block))
    message = lengths + struct.pack("!I", crc32(lengths)) + block + payload
    return message + struct.pack("!I", crc32(message))


class _Connection(asyncio.Protocol):
    """Answers the requests of one connection, one after the other."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._received = b""
        self._next: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not end or len(body) < int(length[1] if length else 0):
            return
        self._received = b""
        wanted = _WANTED.search(body)
        if not wanted:
            self._transport.write(_REFUSED)
            return
        texts, every_ms = map(int, wanted.groups())
        answer = _answer(texts)
        if not every_ms or not texts:
            self._transport.write(b"".join((_HEAD, answer.before, *answer.texts, answer.after)))
            return
        self._transport.write(_HEAD + answer.before + answer.texts[0])
        self._play(answer, 1, every_ms / 1000, asyncio.get_running_loop().time())

    def _play(self, answer: _Answer, number: int, seconds: float, began_at: float) -> None:
        """Send the texts from this one on that are due, and come back for the next."""
        loop = asyncio.get_running_loop()
        due = min(int((loop.time() - began_at) / seconds) + 1, len(answer.texts))
        if due > number:
            self._transport.write(b"".join(answer.texts[number:due]))
        if due == len(answer.texts):
            self._transport.write(answer.after)
            return
        number = max(due, number)  # a timer may be a little early
        self._next = loop.call_at(began_at + number * seconds, self._play, answer, number, seconds, began_at)

    def connection_lost(self, _: Exception | None) -> None:
        if self._next:
            self._next.cancel()


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=1024)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_serve())
