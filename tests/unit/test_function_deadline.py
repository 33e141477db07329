"""The deadline: it breaks off a blocked read, ends the answer in an orderly way, and leaves nothing behind."""

import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from bedrock_replay import ReplayServer, Reply, chunk
from certificates import self_signed
from firstbyte.deadline import Deadline, DeadlineReachedError
from function_calls import call, running_function, url_event

OPENING = chunk({"messageStart": {"role": "assistant"}})
HELLO = chunk({"contentBlockDelta": {"delta": {"text": "Hello"}, "contentBlockIndex": 0}})
STOP = chunk({"messageStop": {"stopReason": "end_turn"}})
# An invocation that may take 0.5 s has its deadline at 0.4 s. The model's own idle timeout is 1 s and has another type.
SECONDS = 0.5


@pytest.fixture(scope="module")
def function() -> Iterator[tuple[Any, ReplayServer]]:
    with running_function() as function:
        yield function


def silent_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a connection; reading fails after 10 s, so that a deadline that does not work fails its test."""
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    return ours, theirs


def test_a_quick_step_is_left_alone() -> None:
    with Deadline(60) as deadline:
        assert deadline.wait(lambda: 42) == 42
        assert not deadline.reached


def test_errors_of_a_step_pass_through() -> None:
    with Deadline(60) as deadline, pytest.raises(ZeroDivisionError):
        deadline.wait(lambda: 1 // 0)


def test_a_blocked_read_is_broken_off() -> None:
    ours, theirs = silent_pair()
    with ours, theirs, Deadline(0.1) as deadline:
        with pytest.raises(DeadlineReachedError):
            deadline.wait(lambda: ours.recv(1))
        assert deadline.reached
        with pytest.raises(DeadlineReachedError):
            deadline.wait(lambda: pytest.fail("not to be called any more"))


def test_work_outside_a_wait_is_not_cut_in_two() -> None:
    with Deadline(0.05) as deadline:
        end = time.monotonic() + 0.1
        while time.monotonic() < end:
            time.sleep(0.01)
        assert deadline.reached


def test_an_interrupt_that_is_swallowed_comes_again() -> None:
    ours, theirs = silent_pair()

    def swallow_once() -> bytes:
        try:
            return ours.recv(1)
        except BaseException:  # noqa: BLE001
            return ours.recv(1)

    with ours, theirs, Deadline(0.05) as deadline, pytest.raises(DeadlineReachedError):
        deadline.wait(swallow_once)


def test_libraries_that_catch_exceptions_do_not_stop_it() -> None:
    ours, theirs = silent_pair()

    def stubborn() -> None:
        for _ in range(3):
            try:
                ours.recv(1)
            except Exception:  # noqa: BLE001
                continue

    with ours, theirs, Deadline(0.05) as deadline, pytest.raises(DeadlineReachedError):
        deadline.wait(stubborn)


def test_a_long_invocation_keeps_a_second_back_a_short_one_a_part(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def reached(deadline: Deadline, at: float) -> bool:
        now[0] = at
        return deadline.reached

    long, short = Deadline(300), Deadline(2)
    assert [reached(long, 298.9), reached(long, 299.1)] == [False, True]
    assert [reached(short, 1.5), reached(short, 1.7)] == [False, True]


@pytest.mark.parametrize("timer", [(50.0, 7.0), (0.0, 0.0)], ids=["a timer was running", "no timer"])
def test_handler_and_timer_are_put_back(timer: tuple[float, float]) -> None:
    # pytest-timeout may be using the same timer for the test that runs here.
    before = signal.setitimer(signal.ITIMER_REAL, *timer)
    handler = signal.getsignal(signal.SIGALRM)
    try:
        with suppress(ZeroDivisionError), Deadline(0.05):
            time.sleep(0.1)
            raise ZeroDivisionError
        delay, interval = signal.getitimer(signal.ITIMER_REAL)
        assert timer[0] * 0.8 <= delay <= timer[0]
        assert interval == timer[1]
        assert signal.getsignal(signal.SIGALRM) is handler
    finally:
        signal.setitimer(signal.ITIMER_REAL, *before)


def test_on_another_thread_it_is_looked_at_between_waits() -> None:
    outcome: list[str] = []

    def work() -> None:
        with Deadline(0.05) as deadline:
            deadline.wait(lambda: time.sleep(0.1))
            try:
                deadline.wait(lambda: None)
            except DeadlineReachedError:
                outcome.append("reached")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(10)
    assert outcome == ["reached"]


def test_a_task_runs_while_a_read_blocks_and_the_read_goes_on() -> None:
    ours, theirs = silent_pair()
    ran: list[float] = []

    def task() -> float:
        ran.append(time.monotonic())
        if len(ran) == 4:
            theirs.send(b"x")
        return 0.05

    with ours, theirs, Deadline(10) as deadline:
        deadline.run_in_waits(task)
        assert deadline.wait(lambda: ours.recv(1)) == b"x"
    assert all(later - earlier >= 0.05 for earlier, later in pairwise(ran))


def test_the_same_through_tls_with_what_is_left_of_its_timeout(tmp_path: Path) -> None:
    ours, theirs = silent_pair()
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client_side = ssl.create_default_context(cafile=str(self_signed(tmp_path, server_side)))
    accepted: list[ssl.SSLSocket] = []
    thread = threading.Thread(target=lambda: accepted.append(server_side.wrap_socket(theirs, server_side=True)))
    thread.start()
    ran: list[float] = []

    def task() -> float:
        ran.append(time.monotonic())
        if len(ran) == 4:
            accepted[0].send(b"x")
        return 0.05

    with client_side.wrap_socket(ours, server_hostname="127.0.0.1") as encrypted, Deadline(10) as deadline:
        thread.join()
        deadline.run_in_waits(task)
        assert deadline.wait(lambda: encrypted.recv(1)) == b"x"
        encrypted.settimeout(0.3)
        started = time.monotonic()
        with pytest.raises(TimeoutError):
            deadline.wait(lambda: encrypted.recv(1))
        assert 0.3 <= time.monotonic() - started < 5
        assert len(ran) > 5
        accepted[0].close()


@pytest.mark.parametrize("blocks", [True, False])
def test_an_error_of_a_task_leaves_the_block_as_what_it_is(blocks: bool) -> None:
    ours, theirs = silent_pair()
    after: list[object] = []

    def step() -> None:
        try:
            if blocks:
                ours.recv(1)
        except Exception as error:  # noqa: BLE001
            after.append(error)

    def task() -> float:
        if blocks and not after:
            after.append("ran once")
            return 0.05
        raise BrokenPipeError("the response")

    def block() -> None:
        with Deadline(10) as deadline:
            deadline.run_in_waits(task)
            deadline.wait(step)
            after.append("went on")

    with ours, theirs, pytest.raises(BrokenPipeError, match="the response"):
        block()
    assert after == (["ran once"] if blocks else [])


def test_no_task_runs_outside_a_wait() -> None:
    ran: list[int] = []

    def task() -> float:
        ran.append(1)
        return 0.01

    with Deadline(10) as deadline:
        deadline.run_in_waits(task)
        time.sleep(0.1)
        assert ran == []
        deadline.wait(lambda: None)
        assert ran == [1]


@pytest.mark.parametrize("accept", ["text/plain", "text/event-stream"])
@pytest.mark.parametrize("reply", [Reply(before=60), Reply([], end="silent")], ids=["no response", "no event"])
def test_silence_before_the_first_byte_is_a_504(function: tuple[Any, ReplayServer], reply: Reply, accept: str) -> None:
    app, server = function
    server.prepare(reply)
    response = call(app, url_event({"prompt": "x"}, accept), seconds=SECONDS)
    assert (response.status, response.json["error"]["type"]) == (504, "deadline_exceeded")
    assert response.ended
    assert [line["error_type"] for line in response.log] == ["deadline_exceeded"]


@pytest.mark.parametrize("end", ["silent", "busy"])
def test_a_whole_answer_that_is_not_finished_in_time_is_a_504(function: tuple[Any, ReplayServer], end: str) -> None:
    app, server = function
    busy = [part for _ in range(100) for part in (HELLO, 0.02)]
    server.prepare(Reply([OPENING, HELLO], end="silent") if end == "silent" else Reply([OPENING, *busy, STOP]))
    response = call(app, url_event({"prompt": "x"}, "application/json"), seconds=SECONDS)
    assert (response.status, response.json["error"]["type"]) == (504, "deadline_exceeded")
    assert response.ended
    assert response.finished["outcome"] == "deadline_exceeded"


def test_silence_in_mid_stream_ends_in_an_error_event(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply([OPENING, HELLO], end="silent"))
    response = call(app, url_event({"prompt": "x"}, "text/event-stream"), seconds=SECONDS)
    assert response.names == ["start", "delta", "error"]
    assert response.events[-1][1]["type"] == "deadline_exceeded"
    assert response.ended


def test_silence_in_mid_stream_cuts_text(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply([OPENING, HELLO], end="silent"))
    response = call(app, url_event({"prompt": "x"}), seconds=SECONDS)
    assert response.body == b"Hello"
    assert not response.ended
    assert response.raised is not None


def test_a_busy_model_is_ended_too(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply([OPENING, *(part for _ in range(100) for part in (HELLO, 0.02)), STOP]))
    response = call(app, url_event({"prompt": "x"}, "text/event-stream"), seconds=SECONDS)
    assert response.names[-1] == "error"
    assert response.events[-1][1]["type"] == "deadline_exceeded"


def test_nothing_leaks_into_the_next_request(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply([OPENING, HELLO], end="silent"), Reply([OPENING, 0.3, HELLO, STOP]))
    call(app, url_event({"prompt": "x"}, "text/event-stream"), seconds=SECONDS)
    # Longer than the interval at which the signal is repeated.
    response = call(app, url_event({"prompt": "x"}, "text/event-stream"))
    assert response.names == ["start", "delta", "end"]
    assert server.seen[0].connection != server.seen[1].connection
