"""Runs async handlers: on one event loop for the life of the execution environment, until shortly before the deadline.

Clients that a module keeps from one invocation to the next, such as HTTP connections, stay on their loop. Tasks do not
stay: what an invocation leaves running is cancelled before the next one.
"""

import asyncio
import contextlib
import contextvars
import logging
from collections.abc import AsyncGenerator, Coroutine
from typing import Any

from lambda_streaming.stream import ResponseStream
from lambda_streaming.yielded import send

_logger = logging.getLogger(__name__)
# The loop is made when the first handler runs.
_loop = asyncio.Runner()


def run_coroutine(coroutine: Coroutine[Any, Any, object], context: Any, stream: ResponseStream) -> object:
    """Runs what an `async def` handler returned, and returns its result.

    Args:
        coroutine: the call of the handler.
        context: Lambda's; without `get_remaining_time_in_millis` there is no deadline.
        stream: the response.

    Raises:
        TimeoutError: the handler was cancelled shortly before the function's deadline.
        RuntimeError: another event loop is running in this thread.
        Exception: whatever the handler raises.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        coroutine.close()
        raise RuntimeError("an event loop runs in this thread already: call the handler from a test that is not async")
    stream.on_finish(_cancel_what_is_left)
    # Without them, the handler would see the context variables of the first invocation.
    variables = contextvars.copy_context()
    return _loop.run(_until_deadline(coroutine, context), context=variables)


def run_generator(generator: AsyncGenerator[object, None], context: Any, stream: ResponseStream) -> None:
    """Runs what an async generator handler returned, and sends what it yields; otherwise as `run_coroutine`."""
    run_coroutine(_drain(generator, stream), context, stream)


async def _drain(generator: AsyncGenerator[object, None], stream: ResponseStream) -> None:
    """Sends what a generator yields. What cannot be sent raises at its `yield`, where the handler can clean up."""
    async with contextlib.aclosing(generator):
        try:
            item = await anext(generator)
            while True:
                try:
                    send(item, stream)
                except Exception as error:  # noqa: BLE001 - the generator gets it, and raises it unless it can go on
                    item = await generator.athrow(error)
                else:
                    item = await anext(generator)
        except StopAsyncIteration:
            return


def margin_seconds(seconds: float) -> float:
    """Returns how long before the timeout a handler is cancelled, so that it can clean up and its error can be sent.

    Args:
        seconds: until the timeout. Of a short time only a fifth is kept back.
    """
    return min(1.0, seconds / 5)


async def _until_deadline(coroutine: Coroutine[Any, Any, object], context: Any) -> object:
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    if remaining is None:
        return await coroutine
    seconds = remaining() / 1000
    margin = margin_seconds(seconds)
    limit = asyncio.timeout(seconds - margin)
    try:
        async with limit:
            return await coroutine
    except TimeoutError as error:
        if limit.expired():
            raise TimeoutError(f"cancelled {margin:.1f} s before the function's timeout") from error
        raise


def _cancel_what_is_left() -> None:
    """Ends tasks that the handler did not wait for. Left alone, they would go on in the next invocation."""
    if left := asyncio.all_tasks(_loop.get_loop()):
        _loop.run(_cancel(left))


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception):
            _logger.error("a task that its handler did not wait for failed", exc_info=outcome)
