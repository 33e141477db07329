"""A Runtime API for tests: hands out invocations, records every byte of the answers, misbehaves on request."""

import queue
import select
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from wire.http_message import ProtocolError, Request, RequestParser

DEADLINE_SECONDS = 90
PATIENCE_SECONDS = 60


@dataclass
class Received:
    """One request that reached the Runtime API."""

    request: Request
    raw: bytes = b""
    arrivals: list[tuple[float, bytes]] = field(default_factory=list)  # monotonic seconds and the bytes of one receive
    connection: int = 0
    cut: bool = False
    reset: float = 0.0  # monotonic seconds at which the runtime gave up a response of which no more was taken
    error: str = ""


@dataclass
class Invocation:
    """What /next hands out, and how the Runtime API behaves while it is answered."""

    event: bytes = b"{}"
    request_id: str = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"
    deadline_ms: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    drop_after: int | None = None  # close the connection after so many bytes of the answer
    refuse_after: int | None = None  # answer 413 and close after so many bytes
    silent: bool = False  # never answer
    stops_after: int | None = None  # take nothing more after so many bytes of the answer, until the runtime hangs up
    trickles: bool = False  # after them, take a byte every hundredth of a second
    answer: bytes = (
        b"HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n" + b'{"status":"OK"}\n'
    )
    close_after: bool = False  # drop the connection once it is idle
    drip: bool = False  # send the answer byte by byte
    answers_after: float = 0.0  # seconds


class StrictRuntimeApi:
    """Serves on 127.0.0.1 until `close`. `asked_at` has the time of every poll: one more than invocations are over."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.received: queue.Queue[Received] = queue.Queue()
        self.asked_at: list[float] = []  # monotonic seconds
        self._invocations: queue.Queue[Invocation | None] = queue.Queue()
        self._current = Invocation()
        self._receiving = Received(Request())
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def invoke(self, invocation: Invocation) -> None:
        if not invocation.deadline_ms:
            invocation.deadline_ms = int((time.time() + DEADLINE_SECONDS) * 1000)
        self._invocations.put(invocation)

    def answer(self, timeout: float = PATIENCE_SECONDS) -> Received:
        received = self.received.get(timeout=timeout)
        if received.error:
            raise ProtocolError(received.error)
        return received

    def so_far(self) -> bytes:
        """What has arrived of the answer that is being received."""
        return self._receiving.raw

    def wait_for_next(self, calls: int, timeout: float = PATIENCE_SECONDS) -> None:
        """Waits until the runtime has asked for work `calls` times."""
        until = time.monotonic() + timeout
        while len(self.asked_at) < calls:
            if time.monotonic() > until:
                raise TimeoutError(f"{len(self.asked_at)} calls of /next, not {calls}")
            time.sleep(0.005)

    def close(self) -> None:
        self._invocations.put(None)
        self._listener.close()
        for connection in self._connections:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection, len(self._connections)), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        rest = b""
        try:
            while True:
                received, rest = self._read(connection, rest)
                if received is None:
                    return
                received.connection = number
                if not self._respond(connection, received):
                    return
        except OSError:
            pass
        finally:
            connection.close()

    def _read(self, connection: socket.socket, rest: bytes) -> tuple[Received | None, bytes]:
        parser = RequestParser()
        received = Received(parser.request)
        while True:
            if rest:
                self._receiving = received
                received.arrivals.append((time.monotonic(), rest))
                received.raw += rest
                try:
                    parser.feed(rest)
                except ProtocolError as error:
                    received.error = str(error)
                    self.received.put(received)
                    return None, b""
            is_answer = parser.request.path.endswith("/response")
            current = self._current
            if is_answer and current.drop_after is not None and len(received.raw) >= current.drop_after:
                received.cut = True
                self.received.put(received)
                return None, b""
            if is_answer and current.refuse_after is not None and len(received.raw) >= current.refuse_after:
                connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\ntoo large")
                received.cut = True
                self.received.put(received)
                return None, b""
            if parser.request.done:
                return received, parser.rest
            if is_answer and current.stops_after is not None and len(received.raw) >= current.stops_after:
                received.reset = self._wait_for_reset(connection, trickles=current.trickles)
                received.cut = True
                self.received.put(received)
                return None, b""
            rest = connection.recv(65536)
            if not rest:
                if received.raw:
                    received.cut = True
                    self.received.put(received)
                return None, b""

    def _wait_for_reset(self, connection: socket.socket, *, trickles: bool) -> float:
        poll = select.poll()
        poll.register(connection, 0)  # nothing but what is always reported: the other side is gone
        while not poll.poll(10):
            if trickles:
                connection.recv(1)
        return time.monotonic()

    def _respond(self, connection: socket.socket, received: Received) -> bool:
        path = received.request.path.removeprefix("/2018-06-01/runtime/")
        if path == "invocation/next":
            self.asked_at.append(time.monotonic())
            return self._hand_out(connection)
        self.received.put(received)
        if path == "restore/next":
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            return True
        if self._current.silent:
            connection.recv(1)  # until the runtime hangs up
            return False
        time.sleep(self._current.answers_after)
        for part in [self._current.answer] if not self._current.drip else [bytes([b]) for b in self._current.answer]:
            connection.sendall(part)
        return not self._current.close_after

    def _hand_out(self, connection: socket.socket) -> bool:
        invocation = self._invocations.get()
        if invocation is None:  # the end of the test: for every thread that waits
            self._invocations.put(None)
            return False
        if select.select([connection], [], [], 0)[0]:  # this runtime was stopped: the work is for another
            self._invocations.put(invocation)
            return False
        self._current = invocation
        headers: dict[str, Any] = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Deadline-Ms": invocation.deadline_ms,
            "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:us-east-1:123456789012:function:f",
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1",
            "Content-Type": "application/json",
            "Content-Length": len(invocation.event),
            **invocation.headers,
        }
        head = "HTTP/1.1 200 OK\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
        connection.sendall(head.encode() + invocation.event)
        return True
