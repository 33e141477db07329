"""The connection that streamed responses take to the Runtime API: kept alive, opened again when it was dropped."""

import select
import socket
import time
from http.client import HTTPException, HTTPResponse


class RuntimeApiConnection:
    """One HTTP/1.1 connection, used by one response at a time.

    Every wait is bounded by the invocation's deadline: a Runtime API that goes silent can't hang the runtime.

    Args:
        address: `HOST:PORT`, the value of `AWS_LAMBDA_RUNTIME_API`.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        host, _, port = address.rpartition(":")
        self._endpoint = (host.strip("[]"), int(port)) if host else (address, 80)
        self._socket: socket.socket | None = None
        self._deadline = 0.0
        self._unused = True
        self.broken = False

    def begin(self, deadline: float) -> None:
        """Makes ready for the next response. `deadline` is a Unix time in seconds."""
        self._deadline = deadline
        self._unused = True
        self.broken = False

    def send(self, data: bytes) -> None:
        """Sends all of the data.

        Raises:
            ConnectionError: it could not be sent; says what the Runtime API answered, if it did.
        """
        if self.broken:
            raise ConnectionError("the connection to the Runtime API broke earlier in this response")
        first, self._unused = self._unused, False
        try:
            if first:
                self._send_first(data)
            else:
                assert self._socket is not None
                self._socket.settimeout(self._remaining())
                self._socket.sendall(data)
        except OSError as error:
            raise ConnectionError(
                f"the response could not be sent to the Runtime API: {error}{self._reason()}"
            ) from error

    def read_answer(self) -> tuple[int, bytes]:
        """Reads the answer to the response that was sent.

        Returns:
            The HTTP status and the body.

        Raises:
            ConnectionError: there was none before the deadline, or it was no HTTP.
        """
        if self.broken or self._socket is None:
            raise ConnectionError("the connection to the Runtime API is gone")
        try:
            self._socket.settimeout(self._remaining())
            answer = HTTPResponse(self._socket, method="POST")
            try:
                answer.begin()
                body = answer.read()
                reusable = not answer.will_close
            finally:
                answer.close()
        except (OSError, HTTPException) as error:
            self._drop()
            raise ConnectionError(f"no answer from the Runtime API: {error or type(error).__name__}") from error
        if not reusable:
            self._close()
        return answer.status, body

    def _send_first(self, data: bytes) -> None:
        # Only here can it be sent again: the Runtime API has seen nothing of this response yet.
        if self._socket is not None and not self._was_dropped():
            try:
                self._socket.settimeout(self._remaining())
                self._socket.sendall(data)
            except TimeoutError:
                raise
            except OSError:
                pass
            else:
                return
        self._close()
        self._socket = socket.create_connection(self._endpoint, timeout=self._remaining())
        # Small writes must not wait for the acknowledgement of the one before (Nagle's algorithm).
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(data)

    def _was_dropped(self) -> bool:
        # An idle connection has nothing to read: if it is readable, the other side closed it.
        assert self._socket is not None
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(0))

    def _reason(self) -> str:
        """What the Runtime API said before it hung up, for the error message; then the connection is given up."""
        reason = ""
        if self._socket is not None and self._was_dropped():
            try:
                status, body = self.read_answer()
                reason = f"; it answered {status} {body[:200].decode(errors='replace')}"
            except ConnectionError:
                pass
        self._drop()
        return reason

    def _remaining(self) -> float:
        return max(self._deadline - time.time(), 0.001)

    def _drop(self) -> None:
        self.broken = True
        self._close()

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
