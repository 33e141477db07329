"""The connection to the Runtime API, socket against socket: whose doing it is that a response cannot be sent."""

import signal
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from lambda_streaming.connection import RuntimeApiConnection, WriteTimeoutError

pytestmark = pytest.mark.alone

# Far more than all socket buffers hold.
MUCH = b"x" * 30_000_000
HEAD = b"POST / HTTP/1.1\r\n\r\n"
# Of this time the layer keeps back a fifth, and a wait that begins in that has half of it.
SECONDS = 3.0
HALF_OF_THE_REST = 0.9 * SECONDS


@contextmanager
def begun() -> Iterator[tuple[RuntimeApiConnection, socket.socket]]:
    """A connection on which a response has begun, and its other end, which reads nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        connection = RuntimeApiConnection(f"127.0.0.1:{server.getsockname()[1]}")
        connection.begin(deadline=time.time() + SECONDS)
        connection.send(HEAD)
        other, _ = server.accept()
    with other:
        yield connection, other
        connection._close()


def read_on(other: socket.socket) -> None:
    while other.recv(1_000_000):
        pass


def test_a_runtime_api_that_says_nothing_looks_like_a_client_that_takes_nothing() -> None:
    with begun() as (connection, _):
        with pytest.raises(WriteTimeoutError, match="the client did not take the response in time"):
            connection.send(MUCH)
        assert connection.timed_out
        for again in (lambda: connection.send(b"x"), connection.read_answer):
            with pytest.raises(WriteTimeoutError, match="the client did not take the response in time"):
                again()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (lambda other: other.shutdown(socket.SHUT_WR), "no answer"),
        (lambda other: other.sendall(b"garbage\r\n\r\n"), "garbage"),
        (lambda other: other.sendall(b"HTTP/1.1 413 Too La"), "only a part of an answer"),
        (
            lambda other: other.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 99\r\n\r\ntoo"),
            "only a part of an answer",
        ),
        (lambda other: other.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig"), "answered 413 big"),
    ],
    ids=["end", "garbage", "half a status line", "half a body", "refusal"],
)
def test_a_runtime_api_that_hangs_up_or_answers_is_no_stalled_client(
    answer: Callable[[socket.socket], None], said: str
) -> None:
    with begun() as (connection, other):
        answer(other)
        began = time.monotonic()
        with pytest.raises(ConnectionError, match=said) as raised:
            connection.send(MUCH)
        assert time.monotonic() - began < HALF_OF_THE_REST - 0.02, "no time is spent on what does not come"
        assert not isinstance(raised.value, WriteTimeoutError)
        assert not connection.timed_out
        with pytest.raises(ConnectionResetError):  # it learns at once that no more comes
            read_on(other)
        for again in (lambda: connection.send(b"x"), connection.read_answer):
            with pytest.raises(ConnectionError) as raised:
                again()
            assert not isinstance(raised.value, WriteTimeoutError)


def take(other: socket.socket, length: int) -> bytes:
    taken = bytearray()
    while len(taken) < length:
        taken += other.recv(min(length - len(taken), 1_000_000))
    return bytes(taken)


def answer(connection: RuntimeApiConnection, other: socket.socket) -> None:
    other.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")
    connection.read_answer()


def send_much(connection: RuntimeApiConnection, other: socket.socket) -> None:
    take(other, len(HEAD))
    data = bytes(range(251)) * (len(MUCH) // 251)
    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(take, other, len(data))
        connection.send(data)
        assert taken.result() == data


def fill(connection: RuntimeApiConnection) -> None:
    """Leaves no room for a single byte."""
    assert connection._socket is not None
    refusals = 0
    while refusals < 5:
        try:
            connection._socket.send(MUCH, socket.MSG_DONTWAIT)
            refusals = 0
        except BlockingIOError:
            refusals += 1
            time.sleep(0.02)  # for what is still on its way to the other end


@pytest.mark.parametrize("before", [lambda *_: None, answer, send_much], ids=["connect", "answer", "slow send"])
def test_a_wait_ends_before_the_deadline_of_its_own_response(
    before: Callable[[RuntimeApiConnection, socket.socket], None],
) -> None:
    with begun() as (connection, other):
        before(connection, other)
        fill(connection)
        began = time.monotonic()
        connection.begin(deadline=time.time() + SECONDS / 3)
        with pytest.raises(WriteTimeoutError):
            connection.send(b"x")
        assert time.monotonic() - began < SECONDS / 3


def test_a_client_that_stalls_after_it_has_taken_much_is_given_up_in_time_too() -> None:
    with begun() as (connection, other):
        with ThreadPoolExecutor(1) as pool:
            taken = pool.submit(take, other, len(HEAD) + len(MUCH))
            began = time.monotonic()
            connection.send(MUCH)  # it waits again and again, until the other side has room
            taken.result()
        connection.send(b"x")
        with pytest.raises(WriteTimeoutError):
            connection.send(MUCH)
        assert time.monotonic() - began < SECONDS
        assert connection.timed_out


def test_a_signal_that_breaks_off_a_send_ends_the_connection() -> None:
    class OwnError(Exception):
        pass

    def raise_it(*_: object) -> None:
        raise OwnError

    before = signal.signal(signal.SIGALRM, raise_it)
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            connection = RuntimeApiConnection(f"127.0.0.1:{server.getsockname()[1]}")
            connection.begin(deadline=time.time() + SECONDS)
            signal.setitimer(signal.ITIMER_REAL, 0.2)
            with pytest.raises(OwnError):
                connection.send(MUCH)
            other, _ = server.accept()
            other.settimeout(SECONDS)
            with other, pytest.raises(ConnectionResetError):
                read_on(other)
            # Nobody knows how much of it went out, so no later byte may follow it.
            with pytest.raises(ConnectionError, match="broke earlier"):
                connection.send(b"x")
            connection.begin(deadline=time.time() + SECONDS)
            connection.send(b"next")
            server.settimeout(SECONDS)
            other, _ = server.accept()
            with other:
                assert other.recv(10) == b"next"
            connection._close()
    finally:
        signal.signal(signal.SIGALRM, before)
