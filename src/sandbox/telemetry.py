"""What CloudWatch and X-Ray keep: one store, engines and alarms on it, their operations, the X-Ray daemon's door."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from sandbox.aws_api.contract import Operations
from sandbox.cloudwatch import api as cloudwatch_api
from sandbox.cloudwatch import dashboards
from sandbox.cloudwatch.alarms import api as alarms_api
from sandbox.cloudwatch.alarms.alarms import Alarms
from sandbox.cloudwatch.alarms.definitions import definitions
from sandbox.cloudwatch.alarms.running import evaluating, print_change
from sandbox.cloudwatch.metrics import Metrics
from sandbox.logs import api as logs_api
from sandbox.logs import query_definitions
from sandbox.logs.logs import Logs
from sandbox.store import Store
from sandbox.xray import api as xray_api
from sandbox.xray import daemon
from sandbox.xray.traces import Traces
from template.resources import Resource

# A sandbox that is killed loses what came after the last time.
_FLUSH_SECONDS = 1
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Telemetry:
    """The engines; `operations` has those of all services, by the name that a service's requests are signed for."""

    metrics: Metrics
    logs: Logs
    traces: Traces
    operations: Mapping[str, Operations]
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
        StartError: the directory cannot be used, or another sandbox uses it.
        TemplateError: an alarm makes no sense, or is not supported.
    """
    with contextlib.closing(Store(directory / "telemetry.duckdb" if directory else None)) as store:
        metrics, logs, traces = Metrics(store), Logs(store), Traces(store)
        alarms = Alarms(definitions(resources, region), metrics, alarm_minute, print_change)
        operations = {
            "monitoring": {
                **cloudwatch_api.operations(metrics),
                **alarms_api.operations(alarms),
                **dashboards.operations(resources),
            },
            "logs": {**logs_api.operations(logs), **query_definitions.operations(resources)},
            "xray": xray_api.operations(traces),
        }
        flushing = asyncio.create_task(_flush_regularly(store))
        try:
            async with evaluating(alarms, alarm_minute), daemon.listening(traces) as address:
                yield Telemetry(metrics, logs, traces, operations, address)
        finally:
            flushing.cancel()


async def _flush_regularly(store: Store) -> None:
    while True:
        await asyncio.sleep(_FLUSH_SECONDS)
        try:
            await asyncio.to_thread(store.flush)
        except duckdb.Error as error:  # such as too little memory: what waits is tried again
            _log.error("telemetry could not be kept: %s", " ".join(str(error).split()))
