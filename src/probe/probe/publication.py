"""What the runs mean to CloudWatch: values with their names, units and dimensions, as requests ready to be sent.

Every run's own value is in them, so that percentiles stay true: equal ones of a minute, which is as fine as CloudWatch
keeps them, stand there once with their count. Only a completed run has times: a response that is refused at once must
not look like a fast one. Every run says whether it failed; the warm-up and a run that was stopped say nothing.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from .measurement import COMPLETED, INTERRUPTED, Run

NAMESPACE = "Firstbyte"

# Of one request: values of one metric, metrics, and bytes. The first counts for one of the data in a request, or for
# all that are of the same metric; as many runs keep it in either case.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html
MAX_RUNS = 150
MAX_DATA = 1000
MAX_BYTES = 1_000_000

# Of a time in ISO 8601, the characters up to the minute.
_MINUTE = len("2026-11-22T12:34")


@dataclass(frozen=True)
class Metric:
    """What is published of every run.

    Attributes:
        name: The metric's name.
        unit: CloudWatch's word for its unit.
        value: The run's value, or None where it has none.
    """

    name: str
    unit: str
    value: Callable[[Run], float | None]


METRICS = (
    Metric("ClientTimeToFirstByte", "Milliseconds", lambda run: run.ttfb_ms if _completed(run) else None),
    Metric("ClientTimeToFirstToken", "Milliseconds", lambda run: run.ttft_ms if _completed(run) else None),
    Metric("ClientMaxInterChunkLatency", "Milliseconds", lambda run: run.max_gap_ms if _completed(run) else None),
    Metric("ClientResponseDuration", "Milliseconds", lambda run: run.total_ms if _completed(run) else None),
    Metric("ProbeFailures", "Count", lambda run: float(not _completed(run))),
)

# A request of PutMetricData, in the shape that the AWS CLI takes as `--cli-input-json`.
Document = dict[str, Any]


def documents(runs: Iterable[Run], service: str, probe: str) -> list[Document]:
    """The requests that publish these runs, each within CloudWatch's limits; none if there is nothing to publish."""
    published = [run for run in runs if not run.warm_up and run.outcome != INTERRUPTED]
    return list(_documents(published, service, probe)) if published else []


def count(document: Document) -> int:
    """How many values a request holds."""
    return sum(sum(datum["Counts"]) for datum in document["MetricData"])


def shown(document: Document) -> str:
    """A request for people and for the AWS CLI: JSON, with a line for each metric and minute."""
    data = ",\n".join(f"  {json.dumps(datum)}" for datum in document["MetricData"])
    return f'{{"Namespace": {json.dumps(document["Namespace"])}, "MetricData": [\n{data}\n]}}'


def form(document: Document) -> bytes:
    """The request's body in the query protocol, which every curl can sign: field names spell out the structure."""
    fields = {"Action": "PutMetricData", "Version": "2010-08-01", **dict(_fields(document))}
    return urlencode(fields).encode()


def _documents(runs: Sequence[Run], service: str, probe: str) -> Iterator[Document]:
    if len(runs) <= MAX_RUNS:
        document = _document(runs, service, probe)
        if len(document["MetricData"]) <= MAX_DATA and len(form(document)) <= MAX_BYTES:
            yield document
            return
    middle = len(runs) // 2  # a single run is far within the limits
    yield from _documents(runs[:middle], service, probe)
    yield from _documents(runs[middle:], service, probe)


def _document(runs: Sequence[Run], service: str, probe: str) -> Document:
    by_service = {"Name": "service", "Value": service}
    minutes: dict[str, list[Run]] = {}
    for run in runs:
        minutes.setdefault(run.started_at[:_MINUTE], []).append(run)
    data = [
        {
            "MetricName": metric.name,
            "Dimensions": dimensions,
            "Timestamp": min(run.started_at for run in together),
            "Unit": metric.unit,
            "Values": list(counts),
            "Counts": list(counts.values()),
        }
        for together in minutes.values()
        for metric in METRICS
        if (counts := Counter(value for run in together if (value := metric.value(run)) is not None))
        for dimensions in ([by_service], [by_service, {"Name": "probe", "Value": probe}])
    ]
    return {"Namespace": NAMESPACE, "MetricData": data}


def _fields(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _fields(member, f"{name}.{key}" if name else key)
    elif isinstance(value, list):
        for number, member in enumerate(value, 1):
            yield from _fields(member, f"{name}.member.{number}")
    else:
        yield name, str(value)


def _completed(run: Run) -> bool:
    return run.outcome == COMPLETED
