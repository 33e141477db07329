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

from lambda_streaming.margin import margin_seconds
from lambda_streaming.stream import ResponseStream
from lambda_streaming.yielded import send

# Seconds that tasks have to end in, which the handler did not wait for.
LEFT_SECONDS = 1.0

_logger = logging.getLogger(__name__)
# The loop is made when the first handler runs.
_loop = asyncio.Runner()


class LoopIsRunningError(RuntimeError):
    """An async handler was called from code that an event loop runs."""


def run_coroutine(coroutine: Coroutine[Any, Any, object], context: Any, stream: ResponseStream) -> object:
    """Runs what an `async def` handler returned, and returns its result.

    Args:
        coroutine: the call of the handler.
        context: Lambda's; without `get_remaining_time_in_millis` there is no deadline.
        stream: the response.

    Raises:
        TimeoutError: the handler was cancelled shortly before the function's deadline.
        RuntimeError: the handler cancelled itself, or what it awaited was cancelled.
        LoopIsRunningError: an event loop runs in this thread already.
        Exception: whatever the handler raises.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        coroutine.close()
        raise LoopIsRunningError("an async handler cannot be called from async code, such as an async test")
    # Without them, the handler would see the context variables of the first invocation.
    variables = contextvars.copy_context()
    try:
        return _loop.run(_until_deadline(coroutine, context), context=variables)
    except asyncio.CancelledError as error:
        # It is no Exception: the runtime would not report it, but end the environment.
        raise RuntimeError("the handler was cancelled: it awaited something that was cancelled") from error
    finally:
        # After the functions that the handler gave: they are not to wait for tasks that end slowly.
        stream.on_finish(_end_what_is_left)


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


def _end_what_is_left() -> None:
    """Ends tasks that the handler did not wait for. Left alone, they would go on in the next invocation."""
    if left := asyncio.all_tasks(_loop.get_loop()):
        _loop.run(_end(left))


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    for task in tasks:
        # An abandoned async generator runs its `finally` in a task of its own. That has nothing of a coroutine.
        if hasattr(task.get_coro(), "cr_await"):
            task.cancel()
    done, pending = await asyncio.wait(tasks, timeout=LEFT_SECONDS)
    for task in done:
        if not task.cancelled() and (error := task.exception()):
            _logger.error("a task that its handler did not wait for failed", exc_info=error)
    for task in pending:
        _logger.error("a task that its handler did not wait for does not end when it is cancelled: %s", task.get_name())
