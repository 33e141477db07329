"""What CloudWatch and X-Ray keep: one store, engines and alarms on it, their operations, the X-Ray daemon's door."""

import asyncio
import contextlib
import functools
import logging
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from sandbox.aws_api.contract import Operations
from sandbox.cloudwatch.alarms.running import evaluating, has_alarms, make_alarms
from sandbox.cloudwatch.metrics import Metrics
from sandbox.logs.logs import Logs
from sandbox.store import Store
from sandbox.xray import daemon
from sandbox.xray.traces import Traces
from template.resources import Resource

if TYPE_CHECKING:
    from sandbox.cloudwatch.alarms.alarms import Alarms

# A sandbox that is killed loses what came after the last time.
_FLUSH_SECONDS = 1
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Telemetry:
    """The engines; `operations` gives those of all services, by the name that a service's requests are signed for."""

    metrics: Metrics
    logs: Logs
    traces: Traces
    operations: Callable[[], Mapping[str, Operations]]
    xray_daemon_address: str


@contextlib.asynccontextmanager
async def running_telemetry(
    directory: Path | None, resources: Mapping[str, Resource], region: str, alarm_minute: int
) -> AsyncIterator[Telemetry]:
    """Keep telemetry, and evaluate the alarms on it, while the body runs.

    Args:
        directory: where it stays for the next start; None keeps it in memory.
        resources: the stack's.
        region: the stack's.
        alarm_minute: how many seconds alarms count as a minute.

    Raises:
        StartError: the directory cannot be used, another sandbox uses it, or an alarm is not supported.
    """
    with contextlib.closing(Store(directory / "telemetry.duckdb" if directory else None)) as store:
        metrics, logs, traces = Metrics(store), Logs(store), Traces(store)
        alarms = functools.cache(lambda: make_alarms(metrics, resources, region, alarm_minute))
        make = functools.cache(lambda: _operations(metrics, alarms(), logs, traces))
        making = threading.Lock()

        def operations() -> Mapping[str, Operations]:
            with making:  # once, however many threads ask first: the queries of Logs Insights are kept in there
                return make()

        evaluated: contextlib.AbstractAsyncContextManager[None] = contextlib.nullcontext()
        if has_alarms(resources):
            evaluated = evaluating(await asyncio.to_thread(alarms), alarm_minute)
        flushing = asyncio.create_task(_flush_regularly(store))
        try:
            async with evaluated, daemon.listening(traces) as address:
                yield Telemetry(metrics, logs, traces, operations, address)
        finally:
            flushing.cancel()


def _operations(metrics: Metrics, alarms: "Alarms", logs: Logs, traces: Traces) -> Mapping[str, Operations]:
    # Imported late: making the grammars takes a fifth of a second, which would be part of the sandbox's start.
    from sandbox.cloudwatch import api as cloudwatch_api
    from sandbox.cloudwatch.alarms import api as alarms_api
    from sandbox.logs import api as logs_api
    from sandbox.xray import api as xray_api

    return {
        "monitoring": {**cloudwatch_api.operations(metrics), **alarms_api.operations(alarms)},
        "logs": logs_api.operations(logs),
        "xray": xray_api.operations(traces),
    }


async def _flush_regularly(store: Store) -> None:
    while True:
        await asyncio.sleep(_FLUSH_SECONDS)
        try:
            await asyncio.to_thread(store.flush)
        except duckdb.Error as error:
            _log.error("telemetry was lost: %s", error)
