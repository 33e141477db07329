"""`lambda_streaming.testing`: what a test learns of a response. Its truth is what the handler did, and when."""

import asyncio
import contextlib
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from lambda_streaming import ResponseStart, ResponseStream, streamify_response
from lambda_streaming.testing import Chunk, Ending, Event, LambdaContext, run


@streamify_response
def answers(event: Any, context: Any) -> Iterator[str | bytes | ResponseStart]:
    yield ResponseStart(201, {"content-type": "text/plain", "x": "é"}, ["a=b", "c=d"])
    yield "Hé"
    yield b""
    yield b"\x00\r\n"


def test_a_whole_response() -> None:
    response = run(answers)
    assert response.status_code == 201
    assert response.headers == {"content-type": "text/plain", "x": "é"}
    assert response.cookies == ["a=b", "c=d"]
    assert [chunk.data for chunk in response.chunks] == ["Hé".encode(), b"\x00\r\n"]
    assert response.body == "Hé\0\r\n".encode()
    assert response.text == "Hé\0\r\n"
    assert (response.ending, response.error) == (Ending.COMPLETE, None)


def test_without_a_start() -> None:
    @streamify_response
    def handler(event: Any, context: Any) -> Iterator[str]:
        yield event["say"]

    response = run(handler, {"say": '{"a": 1}'})
    assert (response.status_code, response.headers, response.cookies) == (200, {}, [])
    assert response.json() == {"a": 1}


def test_an_empty_response_keeps_its_status() -> None:
    @streamify_response
    def handler(event: Any, context: Any, *, response_stream: ResponseStream) -> None:
        response_stream.start(204)

    response = run(handler)
    assert (response.status_code, response.chunks, response.ending) == (204, [], Ending.COMPLETE)


def raising(point: str) -> Any:
    @streamify_response
    def handler(event: Any, context: Any, *, response_stream: ResponseStream) -> None:
        response_stream.start(201, {"x": "y"})
        threading.Event().wait(0.01)
        if point == "before the first byte":
            raise ValueError(point)
        response_stream.write("a")
        if point == "after it":
            raise ValueError(point)
        response_stream.end()
        raise ValueError(point)

    return handler


@pytest.mark.parametrize(
    ("point", "ending", "status", "headers", "text"),
    [
        ("before the first byte", Ending.FAILED, 502, {}, ""),
        ("after it", Ending.CUT, 201, {"x": "y"}, "a"),
        ("after the end", Ending.COMPLETE, 201, {"x": "y"}, "a"),
    ],
)
def test_how_an_error_ends_a_response(
    point: str, ending: Ending, status: int, headers: dict[str, str], text: str
) -> None:
    response = run(raising(point))
    assert (response.ending, response.status_code, response.headers, response.text) == (ending, status, headers, text)
    assert isinstance(response.error, ValueError)
    assert str(response.error) == point
    assert response.ended_at >= 0.01


@pytest.mark.parametrize("point", ["before the first byte", "after it", "after the end"])
def test_a_thread_that_is_left_behind_can_send_nothing(point: str) -> None:
    streams: list[ResponseStream] = []

    @streamify_response
    def handler(event: Any, context: Any, *, response_stream: ResponseStream) -> None:
        streams.append(response_stream)
        if point != "before the first byte":
            response_stream.write("a")
        if point == "after the end":
            response_stream.end()
        raise ValueError

    run(handler)
    with pytest.raises(RuntimeError):
        streams[0].write("late")


def test_chunks_have_their_times() -> None:
    times: list[float] = []
    clock = threading.Event()  # never set: waiting for it takes its timeout at least

    @streamify_response
    def handler(event: Any, context: Any, *, response_stream: ResponseStream) -> None:
        for pause in (0.02, 0.05):
            clock.wait(pause)
            response_stream.write("x")
        clock.wait(0.03)
        response_stream.end()
        clock.wait(0.2)

    response = run(handler)
    times = [chunk.at for chunk in response.chunks]
    assert times[0] >= 0.02
    assert times[1] - times[0] >= 0.05
    assert response.ended_at - times[1] >= 0.03


def test_on_finish_is_called_after_the_end(caplog: pytest.LogCaptureFixture) -> None:
    states: list[str] = []

    @streamify_response
    def handler(event: Any, context: Any, *, response_stream: ResponseStream) -> None:
        response_stream.on_finish(lambda: states.append(response_stream.state.name))
        response_stream.on_finish(lambda: 1 / 0)
        response_stream.write("a")
        if event == "fail":
            raise ValueError

    with caplog.at_level(logging.ERROR):
        assert run(handler).ending is Ending.COMPLETE
        assert run(handler, "fail").ending is Ending.CUT
    assert states == ["ENDED", "FAILED"]
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [ZeroDivisionError] * 2


STREAM = (
    "\ufeffevent: start\ndata: {}\n\n"
    ": a comment\r\n\r\n"
    "data: one\r\ndata:two\r\rdata\n\n"
    "id: 7\nretry: 1\nevent: only a name\n\n"
    'event: delta\ndata: {"text": "é\u2028"}\n\nevent: open\ndata: lost'
)


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_server_sent_events_are_read_as_a_browser_reads_them(end: str) -> None:
    @streamify_response
    def handler(event: Any, context: Any) -> Iterator[bytes]:
        for byte in (STREAM + end).encode():
            yield bytes([byte])

    events = run(handler).events()
    assert events == [
        Event("start", "{}"),
        Event("message", "one\ntwo"),
        Event("message", ""),
        Event("delta", '{"text": "é\u2028"}'),
    ]
    assert events[-1].json() == {"text": "é\u2028"}


def test_the_context_is_lambdas() -> None:
    @streamify_response
    def handler(event: Any, context: Any) -> Iterator[str]:
        yield json.dumps([context.aws_request_id, context.get_remaining_time_in_millis()])

    request_id, remaining = run(handler, None, LambdaContext(timeout_seconds=5, aws_request_id="mine")).json()
    assert request_id == "mine"
    assert 0 <= remaining <= 5000
    assert LambdaContext(timeout_seconds=-1).get_remaining_time_in_millis() == 0


def test_an_async_handler_is_cancelled_before_the_contexts_timeout() -> None:
    cleaned = []

    @streamify_response
    async def handler(event: Any, context: Any) -> AsyncIterator[str]:
        yield "a"
        try:
            await asyncio.sleep(60)
        finally:
            cleaned.append(True)

    response = run(handler, None, LambdaContext(timeout_seconds=0.2))
    assert (response.ending, response.text, cleaned) == (Ending.CUT, "a", [True])
    assert isinstance(response.error, TimeoutError)


async def test_in_an_async_test_an_async_handler_is_refused() -> None:
    @streamify_response
    async def handler(event: Any, context: Any) -> AsyncIterator[str]:
        yield "a"

    with pytest.raises(RuntimeError, match="cannot be called from async code, such as an async test"):
        run(handler)


def test_a_handler_without_the_decorator_is_refused() -> None:
    with pytest.raises(TypeError, match="missing, or a decorator above it has swallowed an error"):
        run(lambda event, context: {"statusCode": 200})


@pytest.mark.parametrize("first", [True, False])
def test_an_error_that_a_decorator_swallows_ends_nothing(first: bool) -> None:
    @streamify_response
    def handler(event: Any, context: Any) -> Iterator[str]:
        if first:
            yield "a"
        raise ValueError

    def swallowing(event: Any, context: Any) -> None:
        with contextlib.suppress(ValueError):
            handler(event, context)

    if first:
        response = run(swallowing)
        assert (response.text, response.ending, response.error) == ("a", Ending.COMPLETE, None)
    else:
        with pytest.raises(TypeError, match="swallowed"):
            run(swallowing)


def test_two_runs_share_nothing() -> None:
    first = run(answers)
    assert run(answers).chunks[0].data == first.chunks[0].data
    assert len(first.chunks) == 2
    assert isinstance(first.chunks[0], Chunk)
