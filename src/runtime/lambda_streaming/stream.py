"""`ResponseStream`, which a handler writes to: it joins a streamed response to the function that sends its bytes."""

import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from threading import Lock

from lambda_streaming.connection import WriteTimeoutError
from lambda_streaming.response import Head, State, StreamedResponse

_logger = logging.getLogger(__name__)


# Of what a handler raised: the type and the message.
Error = tuple[str, str]


def _no_head(*, content_type: str) -> bytes:  # noqa: ARG001
    return b""


class ResponseStream:
    """The response of one invocation.

    The runtime gives one to the handler. In tests, `lambda_streaming.testing.run` does.

    Several threads may call it, such as a timer that sends keep-alive comments. The data of each call stays together.

    Args:
        send: sends bytes of a chunked HTTP body to the Runtime API; raises ConnectionError if it cannot.
        head: makes the request head that precedes the body; without it, there is none.

    Attributes:
        has_handler: whether a streaming handler runs; `streamify_response` sets it.
    """

    def __init__(self, send: Callable[[bytes], object], head: Head = _no_head) -> None:
        self._send = send
        self._response = StreamedResponse(head)
        self._lock = Lock()
        self._callbacks: list[Callable[[], object]] = []
        self.has_handler = False
        self._timed_out = False

    @property
    def state(self) -> State:
        """Where the response stands."""
        return self._response.state

    @property
    def timed_out(self) -> bool:
        """Whether the response was given up because the client did not take it in time.

        It is final when the functions that `on_finish` was given are called: a response that was sent to its last byte
        can still be given up, for the client has to take what is on the way. A Runtime API that hangs looks the same.
        """
        return self._timed_out

    def start(
        self, status_code: int = 200, headers: Mapping[str, str] | None = None, cookies: Sequence[str] = ()
    ) -> None:
        """Sets what comes before the body; optional. It is sent together with the first chunk, or by `end()`.

        Without it, a Function URL answers with status 200 and `application/octet-stream`.

        Args:
            status_code: the HTTP status, 200 to 599.
            headers: header names and values.
            cookies: values of `Set-Cookie`, such as `a=b; Secure`.

        Raises:
            RuntimeError: called twice, or after the first `write()`.
            TypeError: an argument has the wrong type.
            ValueError: a status out of range, an invalid header name, a control character or half of a surrogate pair
                in a value, or more than 16 KiB in all.
        """
        with self._lock:
            self._response.start(status_code, headers or {}, cookies)

    def write(self, data: str | bytes | bytearray | memoryview) -> None:
        """Sends one chunk at once. It blocks while the client takes no more. Empty data sends nothing.

        It blocks until 1 s before the function's timeout at the longest (a fifth of the time, if the timeout is under
        5 s), so that the response can still be recorded. What is written later has half of the time that is left.

        Args:
            data: the chunk; text is sent as UTF-8.

        Raises:
            RuntimeError: the response has ended.
            TypeError: `data` is neither text nor bytes.
            UnicodeEncodeError: the text has half of a surrogate pair.
            WriteTimeoutError: the client did not take the data in time. It is a ConnectionError. The stream is cut.
            ConnectionError: the Runtime API is gone, so nothing more can be sent.
        """
        if isinstance(data, bytes):
            encoded = data
        elif isinstance(data, str):
            encoded = data.encode()
        elif isinstance(data, bytearray | memoryview):
            encoded = bytes(data)
        else:
            raise TypeError(f"write() takes str or bytes, not {type(data).__name__}")
        with self._lock:
            self._transmit(self._response.write(encoded))

    def end(self) -> None:
        """Ends the response. The client has its last byte now, while the handler goes on.

        A second call does nothing, and neither does one after a WriteTimeoutError.

        Raises:
            WriteTimeoutError: as for `write()`.
            ConnectionError: the Runtime API is gone.
        """
        with self._lock:
            if not self._timed_out:
                self._transmit(self._response.end())

    def on_finish(self, callback: Callable[[], object]) -> None:
        """Registers a function to call when the client has the whole response, or the report of its failure.

        The call comes after the handler has returned or raised and the runtime has reported it, and before the next
        invocation. That is the place for logs, metrics and traces, because no client waits for them. Functions are
        called in the order of their registration. An exception in one is logged and changes nothing.

        Args:
            callback: an ordinary function; what it returns is ignored.

        Raises:
            TypeError: the function is async: nothing would await it.
        """
        if inspect.iscoroutinefunction(callback):
            raise TypeError("on_finish() takes an ordinary function, not an async one: nothing awaits it")
        self._callbacks.append(callback)

    def finish(self, *, timed_out: bool = False) -> None:
        """Calls the functions that `on_finish` was given. The runtime does this.

        Args:
            timed_out: whether the response was given up because the client did not take it in time.
        """
        self._timed_out |= timed_out
        while self._callbacks:
            callback = self._callbacks.pop(0)
            try:
                callback()
            except Exception:
                _logger.exception("a function given to on_finish() failed; the client has its response")

    def close(self, error: Error | None = None) -> bool:
        """Ends the response for good. Only the runtime calls this, when the handler has returned or raised.

        Threads that the handler has left behind can send nothing from then on.

        Args:
            error: what the handler raised: a type such as `TypeError`, and a message. If bytes were sent, and the
                response has not ended, it goes into error trailers.

        Returns:
            Whether the response was streamed. If it was not, the runtime reports result or error in its own way.

        Raises:
            ConnectionError: the Runtime API is gone.
        """
        with self._lock:
            if self._response.state in (State.IDLE, State.STARTED):
                self._response.withdraw()
            elif self._response.state is State.STREAMING:
                self._transmit(self._response.fail(*error) if error else self._response.end())
            return self._response.state is not State.UNSENT

    def _transmit(self, data: bytes) -> None:
        if data:
            try:
                self._send(data)
            except WriteTimeoutError:
                self._timed_out = True
                raise


# The stream of the current invocation. The runtime client sets it and the decorator reads it: the runtime's loop lies
# between them, and calls the handler with event and context only.
current_stream: ContextVar[ResponseStream | None] = ContextVar("current_stream", default=None)
