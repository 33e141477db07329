"""Comments in an event stream while the model is silent or thinks: real handler, real signals, a model with a plan."""

import socket
import struct
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from bedrock_replay import ReplayServer, Reply, chunk, exception
from disturbance import allowance_ms
from firstbyte.config import Config
from firstbyte.failures import RequestError
from firstbyte.rendering import SSE
from function_calls import CLAUDE, IDLE_TIMEOUT_SECONDS, NOVA, Call, call, running_function, url_event
from lambda_streaming import ResponseStream, WriteTimeoutError
from lambda_streaming.testing import LambdaContext, run

pytestmark = pytest.mark.alone

PERIOD = 0.1
OPENING = chunk({"messageStart": {"role": "assistant"}})
THOUGHT = chunk({"contentBlockDelta": {"delta": {"reasoningContent": {"reasoningText": {"text": "hmm"}}}}})
STOP = chunk({"messageStop": {"stopReason": "end_turn"}})
CLAUDES = [
    chunk({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "b"}}),
    chunk({"type": "message_delta", "delta": {"stop_reason": "end_turn"}}),
]


def text(piece: str) -> bytes:
    return chunk({"contentBlockDelta": {"delta": {"text": piece}, "contentBlockIndex": 0}})


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[Any, ReplayServer]]:
    with running_function() as function:
        yield function


@pytest.fixture
def function(running: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ReplayServer]:
    set_period(running[0], monkeypatch, PERIOD)
    return running


def set_period(app: Any, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(app, "config", app.config._replace(keep_alive_seconds=seconds))


def ask(app: Any, accept: str = "text/event-stream", *, seconds: float = 60) -> Call:
    return call(app, url_event({"prompt": "x"}, accept), seconds=seconds)


def kinds(response: Call) -> str:
    """What was written, one letter a chunk: c for a comment, otherwise the first letter of the event's name."""
    return "".join("c" if data == SSE.comment else data.decode()[len("event: ")] for data in response.chunks)


def check_rhythm(response: Call) -> None:
    """No comment came before it was due, and all of them were on the wire at once, each in a chunk of its own."""
    times = [0.0, *(chunk.at for chunk in response.response.chunks)]
    for before, (at, data) in zip(times, response.response.chunks, strict=False):
        assert data != SSE.comment or at - before >= PERIOD * 0.99


def test_a_model_that_is_silent_before_its_first_event(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply([0.55, OPENING, text("a"), STOP]))
    response = ask(app)
    assert response.status == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    comments, _, rest = kinds(response).partition("s")
    assert (set(comments), rest) == ({"c"}, "de")
    assert len(comments) >= 2
    check_rhythm(response)
    assert response.names == ["start", "delta", "end"], "a reader sees no comment"
    assert response.finished["outcome"] == "completed"


def test_a_model_that_sends_no_response_at_all_for_a_while(function: tuple[Any, ReplayServer]) -> None:
    """The wait is for the status line: it is in the same call, but not in the same read."""
    app, server = function
    server.prepare(Reply([OPENING, text("a"), STOP], before=0.35))
    response = ask(app)
    assert kinds(response).strip("c") == "sde"
    assert kinds(response).startswith("cc")
    assert response.finished["ttfb_ms"] >= 350


def test_a_model_that_thinks(function: tuple[Any, ReplayServer]) -> None:
    """Chunks arrive all the time, and nothing is written."""
    app, server = function
    server.prepare(Reply([OPENING, *(piece for _ in range(25) for piece in (THOUGHT, 0.02)), text("a"), STOP]))
    response = ask(app)
    assert kinds(response).replace("c", "") == "sde"
    assert kinds(response).index("d") - 1 >= 2
    check_rhythm(response)
    assert response.finished["first_reasoning_ms"] < 200 < response.finished["ttft_ms"]


def test_a_pause_in_mid_stream(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply([OPENING, text("a"), 0.35, text("b"), text("c"), 0.35, STOP]))
    response = ask(app)
    first, second, third = kinds(response).split("d")[1:]
    assert (set(first), second, set(third[:-1]), third[-1]) == ({"c"}, "", {"c"}, "e")
    check_rhythm(response)
    assert response.text == "abc"
    assert response.finished["max_inter_chunk_ms"] >= 300


def test_a_busy_stream_has_no_comments(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply([OPENING, *(piece for _ in range(30) for piece in (text("a"), 0.01)), STOP]))
    response = ask(app)
    check_rhythm(response)
    # A busy machine may pause for longer than the period, but not every time.
    assert kinds(response).count("c") < 5


def test_comments_are_nothing_but_bytes_in_the_figures(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply([0.35, OPENING, 0.35, text("a"), STOP]))
    response = ask(app)
    figures, timing = response.finished, response.events[-1][1]["timing"]
    start, delta = (
        next(c.at for c in response.response.chunks if c.data.startswith(b"event: " + name)) for name in (b"s", b"d")
    )
    assert figures["response_bytes"] == len(response.body)
    assert figures["ttfb_ms"] == timing["ttfb_ms"] == pytest.approx(start * 1000, abs=allowance_ms(15))
    assert figures["first_text_ms"] == pytest.approx(delta * 1000, abs=allowance_ms(15))
    assert figures["ttft_ms"] >= 700


def test_the_fallback_takes_over_after_comments_and_the_caller_has_felt_both(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, server = function
    monkeypatch.setattr(app, "config", app.config._replace(fallback_model_id=CLAUDE))
    server.prepare(Reply.error(503, "ServiceUnavailableException", "x", before=0.35), Reply([0.25, *CLAUDES]))
    response = ask(app)
    assert kinds(response).lstrip("c") == "sde"
    assert response.events[0][1]["model"] == CLAUDE
    figures = response.finished
    assert (figures["outcome"], figures["fallbacks"]) == ("completed", 1)
    assert figures["ttft_ms"] >= 250
    assert figures["first_text_ms"] >= figures["ttft_ms"] + 350


@pytest.mark.parametrize(
    ("reply", "outcome", "error_type"),
    [
        (Reply.error(429, "ThrottlingException", "x", before=0.3), "throttled", "throttled"),
        (Reply([0.3, exception("modelStreamErrorException", "x")]), "model_error", "model_error"),
        (Reply([], end="silent"), "model_error", "model_timeout"),
    ],
)
def test_a_failure_after_comments_is_an_error_event_and_keeps_its_outcome(
    function: tuple[Any, ReplayServer], reply: Reply, outcome: str, error_type: str
) -> None:
    app, server = function
    server.prepare(reply)
    response = ask(app)
    assert (response.status, response.ended, response.raised) == (200, True, None)
    assert response.names == ["error"]
    assert response.events[0][1]["type"] == error_type
    assert response.events[0][1]["partial_usage"] == {"input_tokens": None, "output_tokens": None}
    assert set(kinds(response)[:-1]) == {"c"}
    assert (response.finished["outcome"], response.finished["error_type"]) == (outcome, error_type)
    assert "first_text_ms" not in response.finished


def test_comments_do_not_put_off_the_models_idle_timeout(function: tuple[Any, ReplayServer]) -> None:
    """A read that goes on after a signal has what is left of its timeout, and not a new one."""
    app, server = function
    server.prepare(Reply([OPENING, text("a")], end="silent"))
    response = ask(app)
    assert response.names == ["start", "delta", "error"]
    assert response.events[-1][1]["type"] == "model_timeout"
    assert IDLE_TIMEOUT_SECONDS <= response.response.ended_at < IDLE_TIMEOUT_SECONDS + 3


@pytest.mark.parametrize("pieces", [[], [OPENING, text("a")]], ids=["before the first event", "in mid-stream"])
def test_the_deadline_after_comments(function: tuple[Any, ReplayServer], pieces: list[bytes]) -> None:
    app, server = function
    server.prepare(Reply(pieces, end="silent"))
    response = ask(app, seconds=0.5)
    assert response.ended
    assert response.names[-1] == "error"
    assert response.events[-1][1]["type"] == "deadline_exceeded"
    assert kinds(response)[-3:-1] == "cc"
    assert response.finished["outcome"] == "deadline_exceeded"
    assert response.response.ended_at < IDLE_TIMEOUT_SECONDS


def test_a_bug_after_comments_is_told_and_raised(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, server = function

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("firstbyte.meter.Attempt.observe", broken)
    server.prepare(Reply([0.25, OPENING]))
    response = ask(app)
    assert str(response.raised).startswith("internal: ")
    assert [line["code"] for line in response.log] == ["ZeroDivisionError"]
    assert kinds(response).lstrip("c") == "e"
    assert response.events[-1][1]["type"] == "internal"
    assert response.finished["outcome"] == "internal_error"


@pytest.mark.parametrize("accept", ["text/plain", "application/x-ndjson", "application/json"])
def test_other_formats_have_no_comments(function: tuple[Any, ReplayServer], accept: str) -> None:
    app, server = function
    server.prepare(Reply([0.25, OPENING, text("a"), 0.25, STOP]))
    assert b":" not in ask(app, accept).body.split(b"{")[0]
    server.prepare(Reply.error(429, "ThrottlingException", "x", before=0.25))
    assert ask(app, accept).status == 429


def test_none_with_a_period_of_0(function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch) -> None:
    app, server = function
    set_period(app, monkeypatch, 0)
    server.prepare(Reply([0.25, OPENING, text("a"), 0.25, STOP]))
    assert kinds(ask(app)) == "sde"


def test_the_period_is_a_setting(function: tuple[Any, ReplayServer]) -> None:
    app, _ = function
    assert Config.from_environment(app.os.environ | {"KEEP_ALIVE_SECONDS": "7"}).keep_alive_seconds == 7


@pytest.mark.parametrize("busy", [False, True], ids=["while it is silent", "while it thinks"])
@pytest.mark.parametrize("sends", [0, 2], ids=["at once", "later"])
def test_a_client_that_is_gone_when_a_comment_is_written(
    function: tuple[Any, ReplayServer], capsys: pytest.CaptureFixture[str], sends: int, busy: bool
) -> None:
    """The error is that of the response, as with any other write: no model is at fault, and no fallback is asked."""
    app, server = function
    thoughts = [piece for _ in range(100) for piece in (THOUGHT, 0.02)] if busy else []
    server.prepare(Reply([OPENING, text("a"), *thoughts][2 * (not sends) :], end="silent"))
    sent: list[bytes] = []

    def send(data: bytes) -> None:
        if len(sent) == sends:
            raise ConnectionError("the client is gone")
        sent.append(data)

    stream = ResponseStream(send)
    started = time.monotonic()
    with pytest.raises(RequestError, match="internal: The function failed"):
        app.handler(url_event({"prompt": "x"}, "text/event-stream"), LambdaContext(), response_stream=stream)
    assert time.monotonic() - started < IDLE_TIMEOUT_SECONDS
    stream.finish()
    out = capsys.readouterr().out
    assert '"InternalErrors":[1.0]' in out if not sends else '"InterruptedStreams":[1.0]' in out
    assert [seen.path.split("/")[2] for seen in server.seen] == [NOVA.replace(":", "%3A")]
    # Nothing of it is left for the next request.
    server.prepare(Reply([OPENING, 0.15, text("a"), STOP]))
    assert ask(app).names == ["start", "delta", "end"]


def test_a_client_that_takes_no_comment(function: tuple[Any, ReplayServer], capsys: pytest.CaptureFixture[str]) -> None:
    app, server = function
    server.prepare(Reply([OPENING, text("a")], end="silent"))
    sent: list[bytes] = []

    def send(data: bytes) -> None:
        if len(sent) == 2:
            raise WriteTimeoutError("the client did not take it")
        sent.append(data)

    stream = ResponseStream(send)
    app.handler(url_event({"prompt": "x"}, "text/event-stream"), LambdaContext(), response_stream=stream)
    stream.finish(timed_out=True)
    assert '"ClientErrors":[1.0]' in capsys.readouterr().out


def test_on_another_thread_a_thinking_model_is_covered(function: tuple[Any, ReplayServer]) -> None:
    """There are no signals there; between two chunks there is time."""
    app, server = function
    server.prepare(Reply([OPENING, *(piece for _ in range(20) for piece in (THOUGHT, 0.02)), text("a"), STOP]))
    bodies: list[bytes] = []
    thread = threading.Thread(
        target=lambda: bodies.append(run(app.handler, url_event({"prompt": "x"}, "text/event-stream")).body)
    )
    thread.start()
    thread.join(10)
    assert bodies[0].count(SSE.comment) >= 2


def test_a_write_that_blocks_meets_no_second_comment(function: tuple[Any, ReplayServer]) -> None:
    """A client that reads nothing: the write blocks in the signal's handler while more signals come."""
    app, server = function
    server.prepare(Reply([0.3, OPENING, text("a"), STOP]))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, struct.calcsize("i"))
        filler = ours.send(b"x" * 10_000_000, socket.MSG_DONTWAIT)
        body = bytearray()

        def read_late() -> None:
            time.sleep(0.8)  # several periods, and several repeats of the signal
            while data := theirs.recv(65536):
                body.extend(data)

        reader = threading.Thread(target=read_late)
        reader.start()
        stream = ResponseStream(ours.sendall)
        app.handler(url_event({"prompt": "x"}, "text/event-stream"), LambdaContext(), response_stream=stream)
        ours.shutdown(socket.SHUT_WR)
        reader.join(10)
    stream.finish()
    written = bytes(body[filler:])
    assert written.count(SSE.comment) == 1
    assert written.count(b"event: ") == 3
