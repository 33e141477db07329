"""`streamify_response`, which turns a function, a generator or their async forms into a Lambda handler that streams."""

import functools
from collections.abc import Callable
from typing import Any

from lambda_streaming.handlers import name_of, runner
from lambda_streaming.response import State
from lambda_streaming.stream import ResponseStream, current_stream


def streamify_response(handler: Callable[..., object]) -> Callable[..., None]:
    """Turns a function into a handler that streams. Other decorators, such as those of Powertools, go above it.

    Above it they see the whole response: when their function returns, the client has its last byte.

    The handler is called with the event and the context. A handler with a parameter `response_stream` gets the
    `ResponseStream` by that name. There are four kinds:

    - a function writes to `response_stream`, and returns None;
    - a generator yields text or bytes, each of which is one `write()`. A `ResponseStart` that it yields first sets
      status, headers and cookies. What cannot be sent raises at the `yield`;
    - an `async def` function, and an async generator, do the same. They run on an event loop that lives as long as the
      execution environment. Shortly before the function's deadline they are cancelled, and the error is TimeoutError.

    When the handler returns, the response ends, if it has not ended yet. When it raises, the runtime reports the error.
    If nothing was sent, that is an invocation error; otherwise the error goes into the response's trailers, which cuts
    the response.

    Args:
        handler: a function `(event, context)` or `(event, context, *, response_stream)` of one of the four kinds.

    Returns:
        A handler for Lambda. A test runs it with `lambda_streaming.testing.run`. Without any stream it raises
        RuntimeError. If the function sends nothing and returns a value, it raises TypeError.

    Raises:
        TypeError: the handler has no way to send anything or takes other arguments, or a decorator between it and this
            one would return before the generator or coroutine has run.
    """
    if getattr(handler, "is_streaming", False):
        raise TypeError(f"@streamify_response stands above {name_of(handler)} twice: once is enough")
    run = runner(handler)

    @functools.wraps(handler)
    def streaming_handler(event: Any, context: Any, *, response_stream: ResponseStream | None = None) -> None:
        stream = response_stream if response_stream is not None else current_stream.get()
        if stream is None:
            raise RuntimeError(
                "no response stream: set AWS_LAMBDA_EXEC_WRAPPER=/opt/python/lambda_streaming/bootstrap on the "
                "function, and call the handler in the thread that Lambda calls. In a test use "
                "lambda_streaming.testing.run. Lambda Managed Instances cannot stream"
            )
        stream.has_handler = True
        result = run(event, context, stream)
        if result is not None and stream.state in (State.IDLE, State.STARTED):
            raise TypeError(
                f"a streaming handler sends its answer and returns None, but {name_of(handler)} "
                f"sent nothing and returned {type(result).__name__}"
            )
        stream.end()

    # Whatever functools.wraps this has it, too.
    streaming_handler.is_streaming = True  # type: ignore[attr-defined]
    return streaming_handler
