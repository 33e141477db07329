"""Runs a streaming handler in a test: no Lambda, no sockets. It shows what a client would get, and when.

Example:
    ```python
    from lambda_streaming.testing import run

    def test_it_counts():
        response = run(handler, {"prompt": "count"})
        assert response.ending is Ending.COMPLETE
        assert [chunk.data for chunk in response.chunks] == [b"one ", b"two"]
    ```
"""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from types import SimpleNamespace
from typing import Any, NamedTuple

from lambda_streaming import wire
from lambda_streaming.async_handlers import LoopIsRunningError
from lambda_streaming.response import State
from lambda_streaming.stream import ResponseStream, current_stream


class Ending(Enum):
    """How a response ended."""

    COMPLETE = "complete"
    """The client has all of it. An error that the handler raised after `end()` is only logged."""
    CUT = "cut"
    """The handler raised after the first byte: error trailers, and the client sees that the stream is cut."""
    FAILED = "failed"
    """The handler raised before the first byte: an invocation error, to which a Function URL answers 502."""


class Chunk(NamedTuple):
    """What one `write()` or one `yield` sent; `at` is in seconds since the handler was called."""

    at: float
    data: bytes


class Event(NamedTuple):
    """A server-sent event; `name` is "message" where the stream gives none."""

    name: str
    data: str

    def json(self) -> Any:
        """Returns the data, parsed as JSON."""
        return json.loads(self.data)


@dataclass(frozen=True)
class LambdaContext:
    """What a handler gets as its context, with the attributes of Lambda's own.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    timeout_seconds: float = 60.0
    aws_request_id: str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    function_name: str = "function"
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "128"
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:function"
    log_group_name: str = "/aws/lambda/function"
    log_stream_name: str = "2026/01/01/[$LATEST]5e6f"
    identity: Any = field(
        default_factory=lambda: SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
    )
    client_context: Any = None
    tenant_id: str | None = None
    _started: float = field(default_factory=time.monotonic, repr=False)

    def get_remaining_time_in_millis(self) -> int:
        """Returns how many milliseconds are left until the function's timeout."""
        return max(0, int((self._started + self.timeout_seconds - time.monotonic()) * 1000))


@dataclass(frozen=True)
class Response:
    """What a client of the Function URL gets.

    Attributes:
        status_code: the HTTP status: the handler's, 200 if it set none, 502 if the invocation failed.
        headers: as the handler set them. Without `start()` or `ResponseStart`, the platform adds
            `application/octet-stream`.
        cookies: values of `Set-Cookie`.
        chunks: what was sent, and when.
        ending: how the response ended.
        ended_at: when its end was sent, in seconds since the handler was called.
        error: what the handler raised, if anything. `run` itself does not raise it.
    """

    status_code: int
    headers: dict[str, str]
    cookies: list[str]
    chunks: list[Chunk]
    ending: Ending
    ended_at: float
    error: Exception | None

    @property
    def body(self) -> bytes:
        """The body's bytes."""
        return b"".join(chunk.data for chunk in self.chunks)

    @property
    def text(self) -> str:
        """The body as UTF-8."""
        return self.body.decode()

    def json(self) -> Any:
        """Returns the body, parsed as JSON."""
        return json.loads(self.body)

    def events(self) -> list[Event]:
        """Returns the server-sent events of the body. An event that no empty line ends is not one, as for a browser.

        https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
        """
        return list(_events(self.text))


def run(handler: Callable[..., object], event: object = None, context: object = None) -> Response:
    """Runs a streaming handler and returns its response. Functions that `on_finish` was given are called at the end.

    Args:
        handler: what `streamify_response` returned, with or without other decorators above it.
        event: the event.
        context: the context; a `LambdaContext` with 60 seconds unless one is given.

    Raises:
        TypeError: the handler does not stream; most likely `@streamify_response` is missing.
        RuntimeError: the handler is async, and so is the test.
    """
    recorder = _Recorder()
    stream = ResponseStream(recorder.send, recorder.head)
    error: Exception | None = None
    token = current_stream.set(stream)
    try:
        handler(event, LambdaContext() if context is None else context)
    except LoopIsRunningError:
        raise
    except Exception as raised:  # noqa: BLE001 - the runtime catches them, too
        error = raised
    finally:
        current_stream.reset(token)
    if error is None:
        if not stream.close():
            raise TypeError(
                "the handler returned without having streamed: @streamify_response is missing, "
                "or a decorator above it has swallowed an error"
            )
        ending = Ending.COMPLETE
    elif stream.state is State.ENDED:
        ending = Ending.COMPLETE
    elif stream.close((type(error).__name__, str(error))):
        ending = Ending.CUT
    else:
        ending = Ending.FAILED
        recorder.ended_at = recorder.now()
    stream.finish()
    return recorder.response(ending, error)


class _Recorder:
    """Takes the bytes that would go to the Runtime API, and reads them as the platform does."""

    def __init__(self) -> None:
        self.ended_at = 0.0
        self._started = time.monotonic()
        self._prelude: dict[str, Any] = {}
        self._expects_prelude = False
        self._chunks: list[Chunk] = []

    def now(self) -> float:
        return time.monotonic() - self._started

    def head(self, *, content_type: str) -> bytes:
        self._expects_prelude = content_type == wire.HTTP_INTEGRATION_CONTENT_TYPE
        return b""

    def send(self, data: bytes) -> None:
        at = self.now()
        while data:
            size, _, data = data.partition(b"\r\n")
            length = int(size, 16)
            if length == 0:
                self.ended_at = at
                return  # what follows are trailers
            content, data = data[:length], data[length + 2 :]
            if self._expects_prelude:
                self._expects_prelude = False
                self._prelude = json.loads(content.removesuffix(wire.PRELUDE_END))
            else:
                self._chunks.append(Chunk(at, content))

    def response(self, ending: Ending, error: Exception | None) -> Response:
        return Response(
            status_code=502 if ending is Ending.FAILED else self._prelude.get("statusCode", 200),
            headers=self._prelude.get("headers", {}),
            cookies=self._prelude.get("cookies", []),
            chunks=self._chunks,
            ending=ending,
            ended_at=self.ended_at,
            error=error,
        )


def _events(text: str) -> Iterator[Event]:
    name, data = "", list[str]()
    for line in text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]:
        key, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                yield Event(name or "message", "\n".join(data))
            name, data = "", []
        elif key == "event":
            name = value
        elif key == "data":
            data.append(value)
