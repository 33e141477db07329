"""`streamify_response`, which turns a function with a `response_stream` into a Lambda handler."""

import functools
from collections.abc import Callable
from typing import Any

from lambda_streaming.response import State
from lambda_streaming.stream import ResponseStream, current_stream


def streamify_response(handler: Callable[..., object]) -> Callable[..., None]:
    """Turns a function into a handler that streams. Put it outermost, above any other decorator.

    The function is called with the event, the context and the keyword argument `response_stream`. When it returns, the
    response ends, if it has not ended yet. When it raises, the runtime reports the error. If nothing was sent, that is
    an invocation error; otherwise the error goes into the response's trailers, which cuts the response.

    Args:
        handler: a function `(event, context, *, response_stream)` that writes its answer and returns None.

    Returns:
        A handler for Lambda. A test can pass it a `response_stream` of its own. Without any stream it raises
        RuntimeError. If the function writes nothing and returns a value, it raises TypeError.
    """

    @functools.wraps(handler)
    def streaming_handler(event: Any, context: Any, *, response_stream: ResponseStream | None = None) -> None:
        stream = response_stream if response_stream is not None else current_stream.get()
        if stream is None:
            raise RuntimeError(
                "no response stream: set AWS_LAMBDA_EXEC_WRAPPER=/opt/python/lambda_streaming/bootstrap "
                "on the function, or pass response_stream in a test"
            )
        result = handler(event, context, response_stream=stream)
        if result is not None and stream.state is State.IDLE:
            # An ordinary, async or generator handler does not belong under this decorator: its answer would be lost.
            raise TypeError(
                f"a streaming handler writes to response_stream and returns None, but {handler.__qualname__} "
                f"wrote nothing and returned {type(result).__name__}"
            )
        stream.end()

    return streaming_handler
