"""What `streamify_response` takes and refuses at import, and where Powertools' decorators go."""

import asyncio
import functools
import json
from collections.abc import AsyncIterator, Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from aws_lambda_powertools import Logger, Metrics, Tracer

from lambda_streaming import ResponseStart, ResponseStream, streamify_response
from lambda_streaming.margin import margin_seconds
from lambda_streaming.testing import Ending, LambdaContext, run


def generator(event: Any, context: Any) -> Iterator[str]:
    yield f"{event} "
    yield context.aws_request_id


async def coroutine(event: Any, context: Any, *, response_stream: ResponseStream) -> None:
    await asyncio.sleep(0)
    response_stream.write(f"{event} {context.aws_request_id}")


class Handlers:
    def method(self, event: Any, context: Any) -> Iterator[str]:
        yield from generator(event, context)

    async def asynchronous(self, event: Any, context: Any) -> AsyncIterator[str]:
        for text in generator(event, context):
            yield text

    def __call__(self, event: Any, context: Any) -> Iterator[str]:
        yield from generator(event, context)


def positional(event: Any, context: Any, response_stream: ResponseStream) -> None:
    response_stream.write(f"{event} {context.aws_request_id}")


def forwards(function: Callable[..., Any]) -> Callable[..., Any]:
    def wrapper(event: Any, context: Any, **more: Any) -> Any:
        return function(event, context, **more)

    return wrapper


def yields_from(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*arguments: Any) -> Iterator[str]:
        yield from function(*arguments)

    return wrapper


def with_prefix(prefix: str, event: Any, context: Any) -> Iterator[str]:
    assert prefix == "given"
    yield from generator(event, context)


@pytest.mark.parametrize(
    "handler",
    [
        generator,
        coroutine,
        positional,
        forwards(positional),
        yields_from(generator),
        Handlers().method,
        Handlers().asynchronous,
        Handlers(),
        functools.partial(with_prefix, "given"),
    ],
    ids=lambda handler: getattr(handler, "__qualname__", type(handler).__name__),
)
def test_whatever_can_be_called_and_can_send_is_a_handler(handler: Callable[..., Any]) -> None:
    response = run(streamify_response(handler), "event")
    assert response.error is None
    assert response.text == f"event {LambdaContext().aws_request_id}"


def returns(event: Any, context: Any) -> str:
    return "lost"


async def returns_later(event: Any, context: Any) -> str:
    return "lost"


def only_by_position(event: Any, context: Any, response_stream: ResponseStream, /) -> None:
    response_stream.write("x")


@pytest.mark.parametrize("handler", [returns, returns_later, only_by_position])
def test_a_handler_that_can_send_nothing_is_refused_at_import(handler: Callable[..., Any]) -> None:
    with pytest.raises(
        TypeError, match=rf"{handler.__name__} has no way to send anything: give it a parameter response_stream"
    ):
        streamify_response(handler)


def lambda_of_node(event: Any, response_stream: ResponseStream, context: Any) -> None:
    response_stream.write("x")


def without_context(event: Any) -> Iterator[str]:
    yield "x"


@pytest.mark.parametrize("handler", [lambda_of_node, without_context])
def test_a_handler_that_lambda_could_not_call_is_refused_at_import(handler: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=rf"Lambda's call of {handler.__name__}\(event, context.* would fail"):
        streamify_response(handler)


def test_twice_is_refused_at_import() -> None:
    handler = streamify_response(generator)
    for again in (handler, Metrics(namespace="N", service="s").log_metrics(handler)):
        with pytest.raises(TypeError, match="stands above generator twice"):
            streamify_response(again)


@pytest.mark.parametrize("value", ["lost", {"statusCode": 200}, 0])
def test_a_returned_value_that_nobody_would_get_is_an_error(value: object) -> None:
    @streamify_response
    def function(event: Any, context: Any, *, response_stream: ResponseStream) -> object:
        return value

    @streamify_response
    def starts(event: Any, context: Any, *, response_stream: ResponseStream) -> object:
        response_stream.start(201)
        return value

    @streamify_response
    def yields_nothing(event: Any, context: Any) -> Any:
        yield from ()
        return value

    for handler in (function, starts, yields_nothing):
        response = run(handler)
        assert (response.ending, response.status_code) == (Ending.FAILED, 502)
        assert str(response.error).endswith(f"sent nothing and returned {type(value).__name__}")


def test_a_value_that_is_returned_after_something_was_sent_is_ignored() -> None:
    @streamify_response
    def handler(event: Any, context: Any) -> Any:
        yield "a"
        return "ignored"

    response = run(handler)
    assert (response.text, response.ending, response.error) == ("a", Ending.COMPLETE, None)


def test_a_context_without_a_deadline_sets_none() -> None:
    assert run(streamify_response(Handlers().asynchronous), "event", SimpleNamespace(aws_request_id="id")).error is None


@pytest.mark.parametrize(("seconds", "margin"), [(900, 1), (5, 1), (4, 0.8), (0.5, 0.1), (0, 0)])
def test_how_long_before_the_timeout_a_handler_is_cancelled(seconds: float, margin: float) -> None:
    assert margin_seconds(seconds) == margin


@pytest.mark.alone
def test_a_handler_is_cancelled_with_time_to_clean_up() -> None:
    left: list[int] = []

    @streamify_response
    async def handler(event: Any, context: Any) -> AsyncIterator[str]:
        yield "a"
        try:
            await asyncio.sleep(60)
        finally:
            left.append(context.get_remaining_time_in_millis())

    response = run(handler, None, LambdaContext(timeout_seconds=3))
    assert str(response.error) == "cancelled 0.6 s before the function's timeout"
    assert 0 < left[0] <= 600


def test_a_generator_that_a_function_returns_is_not_run_in_silence() -> None:
    @streamify_response
    def handler(event: Any, context: Any, *, response_stream: ResponseStream) -> Iterator[str]:
        return generator(event, context)

    assert "returned generator" in str(run(handler).error)


def an_interrupted_generator(cleaned: list[str]) -> Callable[..., Any]:
    def handler(event: Any, context: Any) -> Iterator[str]:
        try:
            yield "a"
        finally:
            cleaned.append("up")

    return handler


def an_interrupted_async_generator(cleaned: list[str]) -> Callable[..., Any]:
    async def handler(event: Any, context: Any) -> AsyncIterator[str]:
        try:
            yield "a"
        finally:
            cleaned.append("up")

    return handler


@pytest.mark.parametrize("make", [an_interrupted_generator, an_interrupted_async_generator])
def test_a_generator_is_closed_when_sending_is_interrupted(make: Callable[[list[str]], Callable[..., Any]]) -> None:
    """By a signal, for example: what it raises is no Exception, and the generator does not get it."""

    class Interrupt(BaseException):
        pass

    def send(data: bytes) -> None:
        raise Interrupt

    cleaned: list[str] = []
    stream = ResponseStream(send)
    with pytest.raises(Interrupt) as interrupted:
        streamify_response(make(cleaned))({}, LambdaContext(), response_stream=stream)
    assert cleaned == ["up"]
    assert interrupted.traceback, "which keeps the generator alive: the garbage collector has not closed it"


# --- decorators -----------------------------------------------------------------------------------------------------


def powertools() -> dict[str, Callable[..., Any]]:
    tracer = Tracer(service="s", disabled=True, auto_patch=False)
    return {
        "log_metrics": Metrics(namespace="N", service="s").log_metrics,
        "inject_lambda_context": Logger(service="s").inject_lambda_context,
        "capture_lambda_handler": tracer.capture_lambda_handler,
    }


@pytest.mark.parametrize("name", powertools())
@pytest.mark.parametrize("handler", [generator, coroutine, Handlers.asynchronous])
def test_a_decorator_that_would_return_too_early_is_refused_at_import(name: str, handler: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="put that decorator above @streamify_response") as refused:
        streamify_response(powertools()[name](handler))
    assert "in aws_lambda_powertools." in str(refused.value)
    assert handler.__qualname__ in str(refused.value)


def a_function(work: Callable[[], None]) -> Callable[..., Any]:
    def handler(event: Any, context: Any, *, response_stream: ResponseStream) -> None:
        response_stream.write("a")
        work()
        response_stream.write("b")

    return handler


def a_generator(work: Callable[[], None]) -> Callable[..., Any]:
    def handler(event: Any, context: Any) -> Iterator[str]:
        yield "a"
        work()
        yield "b"

    return handler


def an_async_def(work: Callable[[], None]) -> Callable[..., Any]:
    async def handler(event: Any, context: Any, *, response_stream: ResponseStream) -> None:
        response_stream.write("a")
        work()
        response_stream.write("b")

    return handler


def an_async_generator(work: Callable[[], None]) -> Callable[..., Any]:
    async def handler(event: Any, context: Any) -> AsyncIterator[str]:
        yield "a"
        work()
        yield "b"

    return handler


@pytest.mark.parametrize("make", [a_function, a_generator, an_async_def, an_async_generator])
def test_above_it_powertools_sees_the_whole_response(
    make: Callable[[Callable[[], None]], Callable[..., Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    metrics = Metrics(namespace="N", service="s")
    states: list[str] = []

    def work() -> None:
        metrics.add_metric(name="Answers", unit="Count", value=1)

    def note_state(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(event: Any, context: Any) -> None:
            function(event, context)
            from lambda_streaming.stream import current_stream

            stream = current_stream.get()
            assert stream
            states.append(stream.state.name)

        return wrapper

    handler = metrics.log_metrics(note_state(streamify_response(make(work))))
    for _ in range(2):
        response = run(handler)
        assert (response.text, response.error) == ("ab", None)
        # What a decorator does after its function has returned, no client waits for.
        assert states.pop() == "ENDED"
        (document,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert document["Answers"] == [1.0]


def test_a_response_start_has_the_arguments_of_start() -> None:
    @streamify_response
    def handler(event: Any, context: Any) -> Any:
        yield ResponseStart(404, {"content-type": "text/plain"}, ["a=b"])
        yield "no such page"

    response = run(handler)
    assert (response.status_code, response.headers, response.cookies) == (404, {"content-type": "text/plain"}, ["a=b"])


def test_outside_of_lambda_a_handler_says_what_is_missing() -> None:
    with pytest.raises(RuntimeError, match="AWS_LAMBDA_EXEC_WRAPPER=/opt/python/lambda_streaming/bootstrap"):
        streamify_response(generator)({}, None)
