"""The alarms while the sandbox runs: made from the template, evaluated once a minute, their changes told to people."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from typing import TYPE_CHECKING

from sandbox.banner import print_alarm_line
from sandbox.cloudwatch.alarms.properties import SHAPES
from sandbox.cloudwatch.metrics import Metrics
from template.resources import Resource

if TYPE_CHECKING:
    from sandbox.cloudwatch.alarms.alarms import Alarms, Change

# The part of a minute that is left to the last values of the one before: a response is recorded when it has ended.
_FOR_LATE_VALUES = 0.1


def has_alarms(resources: Mapping[str, Resource]) -> bool:
    """Tell whether any of a template's resources is an alarm."""
    return any(resource.type in SHAPES for resource in resources.values())


def make_alarms(metrics: Metrics, resources: Mapping[str, Resource], region: str, minute: int) -> "Alarms":
    """Return the alarms that a template defines; every change of theirs is printed. Takes a fifth of a second.

    Args:
        metrics: what they watch.
        resources: the template's.
        region: the stack's.
        minute: how many seconds they count as a minute.

    Raises:
        TemplateError: an alarm makes no sense, or is not supported.
    """
    # Imported late: a sandbox without alarms starts without the grammars.
    from sandbox.cloudwatch.alarms.alarms import Alarms
    from sandbox.cloudwatch.alarms.definitions import definitions

    return Alarms(definitions(resources, region), metrics, minute, _print_change)


@contextlib.asynccontextmanager
async def evaluating(alarms: "Alarms", minute: int) -> AsyncIterator[None]:
    """Evaluate the alarms after every minute of theirs while the body runs; no evaluation is broken off at its end."""
    ended = asyncio.Event()
    task = asyncio.create_task(_evaluate_regularly(alarms, minute, ended))
    try:
        yield
    finally:
        ended.set()
        await task


async def _evaluate_regularly(alarms: "Alarms", minute: int, ended: asyncio.Event) -> None:
    while True:
        since_due = (time.time() - _FOR_LATE_VALUES * minute) % minute
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ended.wait(), minute - since_due)
            return
        await asyncio.to_thread(alarms.evaluate, int(time.time() * 1000))


def _print_change(change: "Change") -> None:
    old, new = change.old.value, change.new.value
    if "ALARM" not in (old, new):
        return  # that there is enough data, or not, is no news
    print_alarm_line(change.new.since, change.alarm.name, old, new, change.new.reason, change.alarm.actions(new))
