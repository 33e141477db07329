"""Runs a function on its schedule, as EventBridge Scheduler does: asynchronously, with an event of its own.

No trace is kept of these invocations.
"""

import asyncio
import contextlib
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime

from sandbox.banner import print_line
from sandbox.invocation import Invocation
from sandbox.lambda_service.pool import EnvironmentPool, ThrottledError
from sandbox.lambda_service.schedule import Schedule
from sandbox.trace_context import trace_context
from template.resources import ACCOUNT_ID


@contextlib.asynccontextmanager
async def scheduling(schedule: Schedule, pool: EnvironmentPool, minute: int) -> AsyncIterator[None]:
    """Invoke the function at once and then regularly while the body runs.

    Args:
        schedule: when, and what.
        pool: runs the invocations.
        minute: how many seconds a minute of the schedule is.
    """
    task = asyncio.create_task(_invoke_regularly(schedule, pool, minute))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _invoke_regularly(schedule: Schedule, pool: EnvironmentPool, minute: int) -> None:
    loop = asyncio.get_running_loop()
    due = loop.time()
    async with asyncio.TaskGroup() as invocations:
        while True:
            invocations.create_task(_invoke(schedule, pool))
            due += schedule.minutes * minute
            await asyncio.sleep(due - loop.time())


async def _invoke(schedule: Schedule, pool: EnvironmentPool) -> None:
    function, now = schedule.function, datetime.now(UTC)
    event = json.dumps(_event(schedule, now)).encode()
    invocation = Invocation(event, trace_context(None, False, now), str(uuid.uuid4()), function.arn)
    try:
        await pool.invoke(invocation)
    except ThrottledError:
        print_line(f"sandbox: {function.name} did not run on its schedule: all of its environments are at work")
        return
    async for _ in invocation:
        pass
    # Not what its end says: an error in trailers is a success.
    if invocation.error:
        print_line(f"sandbox: {function.name} failed on its schedule: {invocation.error.type}")


def _event(schedule: Schedule, now: datetime) -> dict[str, object]:
    """What Scheduler sends for a target without an Input. Its `detail` is a text."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.scheduler",
        "account": ACCOUNT_ID,
        "time": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "region": schedule.function.region,
        "resources": [schedule.arn],
        "detail": "{}",
    }
