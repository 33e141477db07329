"""`streamify_response`, which turns a function with a `response_stream` into a Lambda handler."""

import functools
from collections.abc import Callable
from typing import Any

from lambda_streaming.response import State
from lambda_streaming.stream import ResponseStream, current_stream


def streamify_response(handler: Callable[..., object]) -> Callable[..., None]:
    """Makes a handler that streams. It goes outermost, over any other decorator.

    The function is called with the event, the context and the keyword argument `response_stream`. When it returns, the
    response is ended if it has not been. When it raises, the runtime reports it: as an invocation error if nothing was
    sent, else in the trailers of the response, which cuts it.

    Args:
        handler: a function `(event, context, *, response_stream)` that writes its answer and returns None.

    Returns:
        A handler for Lambda. A test can pass it a `response_stream` of its own.
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
            # An ordinary, async or generator handler under the wrong decorator: its answer would be lost silently.
            raise TypeError(
                f"a streaming handler writes to response_stream and returns None, but {handler.__qualname__} "
                f"wrote nothing and returned {type(result).__name__}"
            )
        stream.end()

    return streaming_handler
