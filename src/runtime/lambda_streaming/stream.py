"""`ResponseStream`, what a handler writes to: a streamed response joined to the function that sends its bytes."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from threading import Lock

from lambda_streaming.response import Head, State, StreamedResponse

_logger = logging.getLogger(__name__)


def _no_head(*, content_type: str) -> bytes:  # noqa: ARG001
    return b""


class ResponseStream:
    """The response of one invocation.

    The runtime hands one to the handler. For a test of a handler, make one of your own: `ResponseStream(send)` with any
    function that takes the bytes, such as the `extend` of a bytearray; they are a chunked HTTP body.

    Calls may come from several threads (a keep-alive comment from a timer, say): each is sent whole.
    """

    def __init__(self, send: Callable[[bytes], object], head: Head = _no_head) -> None:
        self._send = send
        self._response = StreamedResponse(head)
        self._lock = Lock()
        self._callbacks: list[Callable[[], object]] = []

    @property
    def state(self) -> State:
        """Where the response stands."""
        return self._response.state

    def start(
        self, status_code: int = 200, headers: Mapping[str, str] | None = None, cookies: Sequence[str] = ()
    ) -> None:
        """Sets what precedes the body; optional. It is sent together with the first chunk, or by `end()`.

        Without it the caller gets the body as it is: 200 and `application/octet-stream` through a Function URL.

        Args:
            status_code: the HTTP status, 200 to 599.
            headers: header names and values.
            cookies: values of `Set-Cookie`, such as `a=b; Secure`.

        Raises:
            RuntimeError: called twice, or after the first `write()`.
            TypeError: an argument has the wrong type.
            ValueError: a status out of range, a header name that is none, a line break in a value.
        """
        with self._lock:
            self._response.start(status_code, headers or {}, cookies)

    def write(self, data: str | bytes | bytearray | memoryview) -> None:
        """Sends one chunk at once; text as UTF-8. Blocks while the platform takes no more. Empty data sends nothing.

        Raises:
            RuntimeError: the response has ended.
            TypeError: `data` is neither text nor bytes.
            UnicodeEncodeError: text with a lone surrogate.
            ConnectionError: the Runtime API is gone; nothing more can be sent.
        """
        if isinstance(data, str):
            encoded = data.encode()
        elif isinstance(data, bytes | bytearray | memoryview):
            encoded = bytes(data)
        else:
            raise TypeError(f"write() takes str or bytes, not {type(data).__name__}")
        with self._lock:
            self._transmit(self._response.write(encoded))

    def end(self) -> None:
        """Ends the response: the client has its last byte now, while the handler goes on. A second call does nothing.

        Raises:
            ConnectionError: the Runtime API is gone.
        """
        with self._lock:
            self._transmit(self._response.end())

    def on_finish(self, callback: Callable[[], object]) -> None:
        """Has a function called when the client has the whole response or the report of its failure.

        That is after the handler has returned or raised and the runtime has reported it, and before the next
        invocation: the place for logs, metrics and traces, none of which a client should wait for. Functions are called
        in the order in which they were given; an exception in one is logged, and changes nothing.
        """
        self._callbacks.append(callback)

    def finish(self) -> None:
        """Calls what `on_finish` was given. For the runtime; in a test of a handler, for the test."""
        while self._callbacks:
            callback = self._callbacks.pop(0)
            try:
                callback()
            except Exception:
                _logger.exception("a function given to on_finish() failed; the client has its response")

    def fail(self, error_type: str, message: str, stack_trace: Sequence[str]) -> None:
        """Ends a response that has sent bytes with error trailers. For the runtime: a handler raises instead.

        Raises:
            RuntimeError: nothing was sent, or the response has ended.
            ConnectionError: the Runtime API is gone.
        """
        with self._lock:
            self._transmit(self._response.fail(error_type, message, stack_trace))

    def _transmit(self, data: bytes) -> None:
        if data:
            self._send(data)


# The stream of the invocation that this execution environment is working on: set by the runtime client, read by the
# decorator, which is how it passes through the runtime's loop, whose call of the handler has no place for it.
current_stream: ContextVar[ResponseStream | None] = ContextVar("current_stream", default=None)
