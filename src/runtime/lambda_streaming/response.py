"""The states of one streamed response, and what each state allows. It returns bytes and touches no socket (sans-IO)."""

from collections.abc import Mapping, Sequence
from enum import Enum, auto
from typing import Protocol

from lambda_streaming import wire


class State(Enum):
    """Where a response stands."""

    IDLE = auto()  # no call has been made
    STARTED = auto()  # status and headers are known; nothing is on the wire
    STREAMING = auto()  # the first byte is on the wire
    ENDED = auto()  # the terminal chunk is on the wire
    FAILED = auto()  # the terminal chunk is on the wire, with error trailers
    UNSENT = auto()  # nothing is on the wire, and nothing may be: the runtime reports the result itself

    # Every chunk looks its state up. A member is one object, while Enum would hash its name, in Python.
    __hash__ = object.__hash__


class Action(Enum):
    """The calls on a response."""

    START = auto()
    WRITE = auto()
    END = auto()
    FAIL = auto()
    WITHDRAW = auto()

    __hash__ = object.__hash__


# Whatever is not in the table is illegal. An error before the first byte is not a FAIL: nothing has been sent, so the
# runtime reports it (POST .../error).
_TRANSITIONS: dict[State, dict[Action, State]] = {
    State.IDLE: {
        Action.START: State.STARTED,
        Action.WRITE: State.STREAMING,
        Action.END: State.ENDED,
        Action.WITHDRAW: State.UNSENT,
    },
    State.STARTED: {Action.WRITE: State.STREAMING, Action.END: State.ENDED, Action.WITHDRAW: State.UNSENT},
    State.STREAMING: {Action.WRITE: State.STREAMING, Action.END: State.ENDED, Action.FAIL: State.FAILED},
    State.ENDED: {Action.END: State.ENDED},
    State.FAILED: {Action.END: State.FAILED},
}

_ILLEGAL = {
    Action.START: "start() must be called once, before the first write()",
    Action.WRITE: "write() after the end of the response",
    Action.END: "end() after the invocation",
    Action.FAIL: "only a response that has sent bytes and not ended can fail",
    Action.WITHDRAW: "only a response that has sent nothing can be withdrawn",
}


class Head(Protocol):
    """Makes the request head once the content type is known."""

    def __call__(self, *, content_type: str) -> bytes:
        """Returns the bytes that precede the body."""
        ...


class StreamedResponse:
    """Turns `start`, `write`, `end` and `fail` into the bytes to send, and refuses calls that the state does not allow.

    A refused call raises and leaves the state as it was.

    Args:
        head: makes the request head.

    Attributes:
        state: where the response stands.
    """

    def __init__(self, head: Head) -> None:
        self.state = State.IDLE
        self._head = head
        self._prelude: bytes | None = None

    def start(self, status_code: int, headers: Mapping[str, str], cookies: Sequence[str]) -> None:
        """Sets status, headers and cookies. Nothing is sent yet: an error before the first byte can still become a 502.

        Args:
            status_code: the HTTP status, 200 to 599.
            headers: header names and values.
            cookies: values of `Set-Cookie`.

        Raises:
            RuntimeError: the response has begun.
            TypeError: see `wire.prelude`.
            ValueError: see `wire.prelude`.
        """
        state = self._next(Action.START)
        self._prelude = wire.prelude(status_code, headers, cookies)
        self.state = state

    def write(self, data: bytes) -> bytes:
        """Returns the bytes to send for one chunk of the body. Empty data makes no bytes.

        Raises:
            RuntimeError: the response has ended.
        """
        state = self._next(Action.WRITE)
        if not data:
            return b""
        out = self._opening() + wire.chunk(data)
        self.state = state
        return out

    def end(self) -> bytes:
        """Returns the bytes that end the response. They include status and headers if no body was sent.

        A second call returns no bytes.
        """
        state = self._next(Action.END)
        if state is self.state:
            return b""
        out = self._opening() + wire.body_end()
        self.state = state
        return out

    def fail(self, error_type: str, message: str) -> bytes:
        """Returns the bytes that end the response with error trailers.

        Args:
            error_type: such as `TypeError`.
            message: the error's message.

        Raises:
            RuntimeError: nothing was sent, or the response has ended.
        """
        state = self._next(Action.FAIL)
        out = wire.body_end_with_error(error_type, message)
        self.state = state
        return out

    def withdraw(self) -> None:
        """Makes sure that nothing will be sent any more.

        Raises:
            RuntimeError: something was sent.
        """
        self.state = self._next(Action.WITHDRAW)

    def _opening(self) -> bytes:
        if self.state is State.STREAMING:
            return b""
        if self._prelude is None:
            return self._head(content_type=wire.STREAM_CONTENT_TYPE)
        return self._head(content_type=wire.HTTP_INTEGRATION_CONTENT_TYPE) + wire.chunk(self._prelude)

    def _next(self, action: Action) -> State:
        try:
            return _TRANSITIONS[self.state][action]
        except KeyError:
            raise RuntimeError(f"{_ILLEGAL[action]} (state: {self.state.name})") from None
