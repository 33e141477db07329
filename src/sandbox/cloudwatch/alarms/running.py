"""The alarms while the sandbox runs: evaluated once a minute, their changes printed."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

from sandbox.banner import print_alarm_line
from sandbox.cloudwatch.alarms.alarms import Alarms, Change

# An evaluation waits this part of a minute for late values: a response is recorded only after it has ended.
_FOR_LATE_VALUES = 0.1


@contextlib.asynccontextmanager
async def evaluating(alarms: Alarms, minute: int) -> AsyncIterator[None]:
    """Evaluate the alarms after each of their minutes while the body runs.

    At the end, an evaluation that waits for a thread is left out, and nobody waits for one that has begun.

    Args:
        alarms: the alarms.
        minute: how many seconds they count as a minute.
    """
    task = asyncio.create_task(_evaluate_regularly(alarms, minute))
    try:
        yield
    finally:
        alarms.end()
        task.cancel()


async def _evaluate_regularly(alarms: Alarms, minute: int) -> None:
    while True:
        since_due = (time.time() - _FOR_LATE_VALUES * minute) % minute
        await asyncio.sleep(minute - since_due)
        await asyncio.to_thread(alarms.evaluate, int(time.time() * 1000))


def print_change(change: Change) -> None:
    """Print a change of state to the terminal, if it begins or ends an ALARM."""
    old, new = change.old.value, change.new.value
    if "ALARM" in (old, new):
        print_alarm_line(change.new.since, change.alarm.name, old, new, change.new.reason, change.alarm.actions(new))
