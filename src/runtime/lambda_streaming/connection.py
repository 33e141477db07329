"""The connection for streamed responses to the Runtime API. It is kept alive, and opened again if it was dropped."""

import select
import socket
import struct
import time

from lambda_streaming.margin import margin_seconds

# Closing a socket with this option resets the connection at once.
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER is on, with no seconds to linger
# The Runtime API answers with a word, or with an error of a sentence: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
_MOST_ANSWER_BYTES = 64 * 1024
# For the rest of an answer that has begun to arrive while the response was sent.
_REST_OF_ANSWER_SECONDS = 0.1
_NOT_TAKEN = "the client did not take the response in time, so the rest of it is given up"


class WriteTimeoutError(ConnectionError):
    """The client did not take the response in time, so the rest of it is given up."""


class RuntimeApiConnection:
    """One HTTP/1.1 connection, used by one response at a time.

    Every wait ends before the invocation's deadline: neither a client that takes nothing nor a silent Runtime API can
    hang the runtime. A wait that begins in time ends `margin_seconds` before the deadline. One that begins later has
    half of what is left. The rest is for logs and metrics.

    Args:
        address: `HOST:PORT`, the value of `AWS_LAMBDA_RUNTIME_API`.

    Attributes:
        address: the same.
        broken: whether the connection failed in the current response.
        untouched: whether no byte of the current response has gone to the Runtime API.
        timed_out: whether the time ran out while the Runtime API took no more of the current response, or had not
            accepted it. It passes on no faster than the client takes, so that is the client's doing, unless the
            Runtime API itself hangs: nobody can tell these apart from here.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        host, _, port = address.rpartition(":")
        # As bytes: for a text, Python would import its codec for international names before the first byte.
        self._endpoint = (host.strip("[]").encode(), int(port)) if host else (address.encode(), 80)
        self._socket: socket.socket | None = None
        self._readable = select.poll()
        self._deadline = 0.0
        self._margin = 0.0
        self.untouched = True
        self.broken = False
        self.timed_out = False

    def begin(self, deadline: float) -> None:
        """Prepares for the next response. `deadline` is a Unix time in seconds."""
        seconds = max(deadline - time.time(), 0)
        # A clock that is set while the response goes on must not look like a client that takes nothing.
        self._deadline = time.monotonic() + seconds
        self._margin = margin_seconds(seconds)
        self.untouched = True
        self.broken = False
        self.timed_out = False

    def send(self, data: bytes) -> None:
        """Sends all of the data.

        Raises:
            WriteTimeoutError: the client did not take the data in time.
            ConnectionError: the data could not be sent. The message has the Runtime API's answer, if there was one.
        """
        if self.timed_out:
            raise WriteTimeoutError(_NOT_TAKEN)
        if self.broken:
            raise ConnectionError("the connection to the Runtime API broke earlier in this response")
        try:
            if self.untouched:
                self._send_first(data)
            else:
                assert self._socket is not None
                self._send_all(self._socket, data)
        except OSError as error:
            reason = self._reason()
            if isinstance(error, TimeoutError) and not self.untouched and not reason:
                raise self._gave_up() from error
            self._drop(reset=isinstance(error, TimeoutError))
            raise ConnectionError(f"the response could not be sent to the Runtime API: {error}{reason}") from error
        except BaseException:
            # A signal broke it off, such as an alarm that the function has set. Nobody knows how much was sent.
            self._drop(reset=True)
            raise

    def read_answer(self) -> tuple[int, bytes]:
        """Reads the Runtime API's answer to the response that was sent.

        Returns:
            The HTTP status and the body.

        Raises:
            WriteTimeoutError: no answer came in time: the client has not taken all of the response.
            ConnectionError: the connection broke, or the answer was not HTTP.
        """
        if self.timed_out:
            raise WriteTimeoutError(_NOT_TAKEN)
        if self.broken or self._socket is None:
            raise ConnectionError("the connection to the Runtime API is gone")
        try:
            return self._answer(self._socket, self._remaining())
        except TimeoutError as error:
            raise self._gave_up() from error
        except ConnectionError:
            self._drop()
            raise

    def _answer(self, connected: socket.socket, seconds: float) -> tuple[int, bytes]:
        """Reads the answer, and waits so many seconds for each part of it. Raises TimeoutError or ConnectionError."""
        # Imported when the client has its last byte: it is slow to import, and nothing before needs it.
        from http.client import HTTPException, HTTPResponse

        try:
            connected.settimeout(seconds)
            answer = HTTPResponse(connected, method="POST")
            try:
                answer.begin()
                # Without a limit, http.client makes room for any length that the answer names.
                body = answer.read(_MOST_ANSWER_BYTES)
                if answer.read(1) or answer.length:
                    raise HTTPException(f"its body is cut, or longer than {_MOST_ANSWER_BYTES} bytes")
                reusable = not answer.will_close
            finally:
                answer.close()
        except TimeoutError:
            raise
        except (OSError, HTTPException) as error:
            raise ConnectionError(f"no answer from the Runtime API: {error or type(error).__name__}") from error
        connected.settimeout(None)
        if not reusable:
            self._close()
        return answer.status, body

    def _send_first(self, data: bytes) -> None:
        # Only the first data can be sent again: the Runtime API has seen nothing of this response yet.
        if self._socket is not None and not self._was_dropped():
            try:
                self.untouched = False
                self._send_all(self._socket, data)
            except TimeoutError:
                raise
            except OSError:
                self.untouched = True
            else:
                return
        self._close()
        self._socket = socket.create_connection(self._endpoint, self._remaining())  # type: ignore[arg-type]
        # Small writes must not wait until the previous one is acknowledged (Nagle's algorithm).
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(None)
        self._readable = select.poll()
        self._readable.register(self._socket, select.POLLIN)
        self.untouched = False
        self._send_all(self._socket, data)

    def _send_all(self, connected: socket.socket, data: bytes) -> None:
        """Sends all of the data. Raises TimeoutError, or another OSError."""
        # Nearly always there is room for it. Then this is the only system call.
        try:
            sent = connected.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            connected.settimeout(self._remaining())
            connected.sendall(memoryview(data)[sent:])
            # With a timeout, Python asks for room before each send: another system call.
            connected.settimeout(None)

    def _was_dropped(self) -> bool:
        # An idle connection has nothing to read. If it is readable, the other side closed it.
        return bool(self._readable.poll(0))

    def _reason(self) -> str:
        """Returns what the Runtime API did before all was sent, for the error message; empty if it did nothing.

        If it answered or hung up, it is not the client's doing that the response cannot be sent.
        """
        if self._socket is None or not self._was_dropped():
            return ""
        try:
            status, body = self._answer(self._socket, min(self._remaining(), _REST_OF_ANSWER_SECONDS))
        except TimeoutError:
            return "; only a part of an answer came"
        except ConnectionError as error:
            return f"; {error}"
        return f"; it answered {status} {body[:200].decode(errors='replace')}"

    def _remaining(self) -> float:
        """Returns for how many seconds a wait that begins now may last."""
        left = self._deadline - time.monotonic()
        return max(left - self._margin if left > self._margin else left / 2, 0.001)

    def _gave_up(self) -> WriteTimeoutError:
        """Resets the connection, and returns the error that says why."""
        self.timed_out = True
        self._drop(reset=True)
        return WriteTimeoutError(_NOT_TAKEN)

    def _drop(self, *, reset: bool = False) -> None:
        self.broken = True
        if reset and self._socket is not None:
            # An ordinary close would wait behind the unread data.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._close()

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
