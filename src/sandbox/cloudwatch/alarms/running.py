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
    """Evaluate the alarms after each of their minutes while the body runs; wait for the last evaluation at the end.

    Args:
        alarms: the alarms.
        minute: how many seconds they count as a minute.
    """
    ended = asyncio.Event()
    task = asyncio.create_task(_evaluate_regularly(alarms, minute, ended))
    try:
        yield
    finally:
        ended.set()
        await task


async def _evaluate_regularly(alarms: Alarms, minute: int, ended: asyncio.Event) -> None:
    while True:
        since_due = (time.time() - _FOR_LATE_VALUES * minute) % minute
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), minute - since_due)
            return
        await asyncio.to_thread(alarms.evaluate, int(time.time() * 1000))


def print_change(change: Change) -> None:
    """Print a change of state to the terminal, if it begins or ends an ALARM."""
    old, new = change.old.value, change.new.value
    if "ALARM" in (old, new):
        print_alarm_line(change.new.since, change.alarm.name, old, new, change.new.reason, change.alarm.actions(new))
