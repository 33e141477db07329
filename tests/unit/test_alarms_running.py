"""The alarms while the sandbox runs: its end waits for no evaluation, and an evaluation that goes on says nothing."""

import asyncio
import threading
from pathlib import Path

import pytest

from alarm_calls import metric_alarm, read_alarms
from sandbox.cloudwatch.alarms.alarms import Alarms, Change
from sandbox.cloudwatch.alarms.running import evaluating
from sandbox.cloudwatch.metrics import Metrics
from sandbox.store import Store


def test_the_end_waits_for_no_evaluation(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    begun, go_on, told = threading.Event(), threading.Event(), []

    def tell(change: Change) -> None:
        told.append(change.alarm.name)
        begun.set()
        go_on.wait(10)  # an end that waits for it goes on as well, and fails the test

    store = Store()
    definitions = read_alarms(tmp_path, {"A": metric_alarm("first"), "B": metric_alarm("second")})
    alarms = Alarms(definitions, Metrics(store), 1, tell)

    async def run() -> None:
        async with evaluating(alarms, 1):
            await asyncio.to_thread(begun.wait)
        # The evaluation is where it was.
        store.close()
        go_on.set()

    asyncio.run(run())  # whose own end waits for the thread
    assert told == ["first"]
    assert not caplog.records
