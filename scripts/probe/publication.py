"""What the runs mean to CloudWatch: values with their names, units and dimensions, as forms ready to be sent.

A value stands for one run and carries that run's own time, so that percentiles stay true. Only a completed run has
times: a response that is refused at once must not look like a fast one. Every run says whether it failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import quote_plus, urlencode

from .measurement import COMPLETED, INTERRUPTED, Run

NAMESPACE = "Firstbyte"

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html says 1000 metrics and 1 MB.
# curl, for its part, would announce a body over 1 MiB with an `Expect:` header (see `curl.configuration`).
MAX_VALUES = 1000
MAX_BYTES = 1_000_000


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


@dataclass(frozen=True)
class Datum:
    """One value of one metric; its fields are those of CloudWatch's MetricDatum.

    Attributes:
        name: The metric's name.
        unit: The metric's unit.
        dimensions: Names and values.
        timestamp: When the run began, in UTC as ISO 8601.
        value: The value.
    """

    name: str
    unit: str
    dimensions: tuple[tuple[str, str], ...]
    timestamp: str
    value: float


def data(runs: Sequence[Run], service: str, probe: str) -> list[Datum]:
    """All values of these runs, in both dimension sets; an interrupted run has none."""
    dimension_sets = ((("service", service),), (("service", service), ("probe", probe)))
    return [
        Datum(metric.name, metric.unit, dimensions, run.started_at, value)
        for run in runs
        if run.outcome != INTERRUPTED
        for metric in METRICS
        if (value := metric.value(run)) is not None
        for dimensions in dimension_sets
    ]


def forms(values: Sequence[Datum]) -> Iterator[bytes]:
    """The bodies of the PutMetricData requests for these values, each within CloudWatch's limits.

    They are in the query protocol, which every curl can sign: a form whose field names spell out the structure.
    """
    head = urlencode({"Action": "PutMetricData", "Version": "2010-08-01", "Namespace": NAMESPACE})
    fields: list[str] = []
    size = len(head)
    for datum in values:
        field = _fields(len(fields) + 1, datum)
        if fields and (len(fields) == MAX_VALUES or size + len(field) > MAX_BYTES):
            yield (head + "".join(fields)).encode()
            field = _fields(1, datum)
            fields, size = [], len(head)
        fields.append(field)
        size += len(field)
    if fields:
        yield (head + "".join(fields)).encode()


def _fields(number: int, datum: Datum) -> str:
    pairs = {"MetricName": datum.name, "Unit": datum.unit, "Timestamp": datum.timestamp, "Value": repr(datum.value)}
    for index, (name, value) in enumerate(datum.dimensions, 1):
        pairs[f"Dimensions.member.{index}.Name"] = name
        pairs[f"Dimensions.member.{index}.Value"] = value
    return "".join(f"&MetricData.member.{number}.{name}={quote_plus(value)}" for name, value in pairs.items())


def _completed(run: Run) -> bool:
    return run.outcome == COMPLETED
