"""The kinds of handler, and how each is run: a function that writes, a generator, `async def`, an async generator."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Generator
from typing import Any

from lambda_streaming.stream import ResponseStream
from lambda_streaming.yielded import send

Handler = Callable[..., Any]
# Runs a handler with the event, the context and the stream. What it returns is what the handler returned.
Run = Callable[[Any, Any, ResponseStream], object]


def name_of(handler: Handler) -> str:
    """Returns what an error message calls a handler."""
    return getattr(handler, "__qualname__", repr(handler))


def runner(handler: Handler) -> Run:
    """Returns the function that runs a handler of this kind.

    Args:
        handler: a function `(event, context)`, with a parameter `response_stream` where it wants the stream.

    Raises:
        TypeError: the handler cannot stream: nothing says how it would, or a decorator would hide what it yields.
    """
    kind = _kind(handler)
    _refuse_decorators_that_do_not_wait(handler, kind)
    takes_stream = _takes_stream(handler, kind)
    if kind in (None, "async def") and not takes_stream:
        raise TypeError(
            f"@streamify_response: {name_of(handler)} has no way to send anything: "
            "give it a parameter response_stream, passed by keyword, or let it yield text or bytes"
        )
    _refuse_other_parameters(handler, takes_stream)

    def call(event: Any, context: Any, stream: ResponseStream) -> Any:
        return handler(event, context, response_stream=stream) if takes_stream else handler(event, context)

    if kind is None:
        return call
    if kind == "generator":
        return lambda event, context, stream: _drain(call(event, context, stream), stream)
    # Imported only for handlers that need it: asyncio is a part of the cold start.
    from lambda_streaming import async_handlers

    run = async_handlers.run_coroutine if kind == "async def" else async_handlers.run_generator
    return lambda event, context, stream: run(call(event, context, stream), context, stream)


def _drain(generator: Generator[object, None, object], stream: ResponseStream) -> object:
    """Sends what a generator yields. What cannot be sent raises at its `yield`, where the handler can clean up."""
    with contextlib.closing(generator):
        try:
            item = next(generator)
            while True:
                try:
                    send(item, stream)
                except Exception as error:  # noqa: BLE001 - the generator gets it, and raises it unless it can go on
                    item = generator.throw(error)
                else:
                    item = next(generator)
        except StopIteration as stop:
            return stop.value


def _kind(handler: Handler) -> str | None:
    """Returns what has to be run after the call; None for a function that has done its work when it returns."""
    function: Any = handler
    if not inspect.isroutine(handler) and not isinstance(handler, functools.partial):
        function = function.__call__  # an object: its method tells
    if inspect.isasyncgenfunction(function):
        return "async generator"
    if inspect.iscoroutinefunction(function):
        return "async def"
    return "generator" if inspect.isgeneratorfunction(function) else None


def _takes_stream(handler: Handler, kind: str | None) -> bool:
    # signature() looks through functools.wraps. A function with **kwargs is often a decorator's that does not use it.
    parameters = inspect.signature(handler).parameters
    named = parameters.get("response_stream")
    if named is not None:
        return named.kind in (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return kind is None and any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())


def _refuse_other_parameters(handler: Handler, takes_stream: bool) -> None:
    named = {"response_stream": None} if takes_stream else {}
    try:
        inspect.signature(handler).bind(None, None, **named)
    except TypeError as error:
        call = f"{name_of(handler)}(event, context{', response_stream=...' if named else ''})"
        raise TypeError(f"@streamify_response: Lambda's call of {call} would fail: {error}") from None


def _refuse_decorators_that_do_not_wait(handler: Handler, kind: str | None) -> None:
    """Refuses a decorator that returns before the generator or coroutine inside it has run.

    Calling such a function only makes a generator or a coroutine. Powertools' `log_metrics`, for example, would flush
    the metrics before the first chunk, and the metrics of this response would go out with the next one.
    """
    inner = inspect.unwrap(handler)
    if kind is None and (inner_kind := _kind(inner)):
        module = getattr(handler, "__globals__", {}).get("__name__", "?")
        raise TypeError(
            f"a decorator in {module} may return before the {inner_kind} {name_of(inner)} has run: "
            "put that decorator above @streamify_response"
        )
