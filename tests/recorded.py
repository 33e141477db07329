"""What a running sandbox has recorded, asked for with the real boto3 at its AWS endpoint."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from firstbyte.catalogue import METRICS
from sandbox_client import aws_client

T = TypeVar("T")

SERVICE = "firstbyte"
LOG_GROUP = "/aws/lambda/firstbyte-streaming"
# The metrics that sum to Requests, each with an outcome that it counts. ClientErrors also counts `client_stalled`.
OUTCOMES = {
    "completed": "Completed",
    "client_error": "ClientErrors",
    "rejected": "Rejections",
    "throttled": "Throttles",
    "model_error": "ModelErrors",
    "interrupted": "InterruptedStreams",
    "deadline_exceeded": "DeadlineExceeded",
    "internal_error": "InternalErrors",
}
# The fields of the log line "response finished" beside the figures and what Powertools adds.
FIELDS = {"level", "message", "service", "request_id", "trace_id", "outcome", "error_type", "model", "stop_reason"}
FIELDS |= {"api", "rendering", "function_version", "max_tokens", "prompt_chars", "caller"}
# A response is recorded after its last byte; on a loaded machine the function takes a while for it.
PATIENCE_SECONDS = 60


def until(read: Callable[[], T], good: Callable[[T], object] = bool) -> T:
    """Read again and again until it is good: records come when the client has its response already."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while not good(value := read()):
        assert time.monotonic() < limit, f"never good: {value}"
        time.sleep(0.05)
    return value


class Recorded:
    """Metrics, logs and traces of one sandbox.

    Args:
        ready: what its ready file says.
        model: the only model that was asked; its dimensions have the metrics that the service's do not have.
    """

    def __init__(self, ready: dict[str, str], model: str | None = None) -> None:
        self._model = model
        self.cloudwatch: Any = aws_client(ready, "cloudwatch")
        self.logs: Any = aws_client(ready, "logs")
        self.xray: Any = aws_client(ready, "xray")

    def wait_for_requests(self, count: int) -> None:
        """Wait until so many responses have been recorded; more are an error."""
        assert until(lambda: self.metric("Requests", "Sum") or 0, lambda found: found >= count) == count

    def metric(self, name: str, statistic: str, namespace: str = "Firstbyte", **dimensions: str) -> float | None:
        """One statistic over everything that was recorded; None if nothing was."""
        if not dimensions:
            by_service = namespace != "Firstbyte" or any(one.by_service for one in METRICS if one.name == name)
            dimensions = {"service": SERVICE} | ({} if by_service or not self._model else {"model": self._model})
        now = time.time()
        answer = self.cloudwatch.get_metric_data(
            StartTime=datetime.fromtimestamp(now - 3600, UTC),
            EndTime=datetime.now(UTC) + timedelta(minutes=1),
            MetricDataQueries=[
                {
                    "Id": "m",
                    "MetricStat": {
                        "Metric": {
                            "Namespace": namespace,
                            "MetricName": name,
                            "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
                        },
                        "Period": 86400,
                        "Stat": statistic,
                    },
                }
            ],
        )
        (result,) = answer["MetricDataResults"]
        assert result["StatusCode"] == "Complete"
        assert len(result["Values"]) <= 1
        return result["Values"][0] if result["Values"] else None

    def totals(self, namespace: str, name: str, **dimensions: str) -> dict[str, float]:
        """Sum, SampleCount, Minimum and Maximum of all that the metric has ever got; empty if it has nothing."""
        now = datetime.now(UTC)
        points = self.cloudwatch.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": key, "Value": value} for key, value in dimensions.items()],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(minutes=1),
            Period=60,
            Statistics=["Sum", "SampleCount", "Minimum", "Maximum"],
        )["Datapoints"]
        if not points:
            return {}
        together: dict[str, Callable[[Iterable[float]], float]] = {
            "Sum": sum,
            "SampleCount": sum,
            "Minimum": min,
            "Maximum": max,
        }
        return {name: of(point[name] for point in points) for name, of in together.items()}

    def log_lines(self, pattern: str) -> Iterator[dict[str, Any]]:
        """The function's log lines that a filter pattern lets through, as JSON."""
        for page in self.logs.get_paginator("filter_log_events").paginate(
            logGroupName=LOG_GROUP, filterPattern=pattern
        ):
            yield from (json.loads(event["message"]) for event in page["events"])

    def streams(self, group: str) -> dict[str, list[str]]:
        """The messages of each of the group's log streams, oldest first."""
        streams: dict[str, list[str]] = {}
        for page in self.logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            for event in page["events"]:
                streams.setdefault(event["logStreamName"], []).append(event["message"])
        return streams

    def log(self, group: str, request_id: str) -> list[str]:
        """The messages of the stream in which the request's REPORT is, once it is there."""
        streams = until(
            lambda: list(self.streams(group).values()),
            lambda streams: any(is_report(message, request_id) for stream in streams for message in stream),
        )
        return next(stream for stream in streams if any(is_report(message, request_id) for message in stream))

    def report(self, group: str, request_id: str) -> str:
        """The request's REPORT."""
        return next(message for message in self.log(group, request_id) if is_report(message, request_id))

    def trace_summaries(self, expression: str = "") -> list[dict[str, Any]]:
        """Summaries of the traces of the last half hour that a filter expression lets through."""
        now = datetime.now(UTC)
        answer = self.xray.get_trace_summaries(
            StartTime=now - timedelta(minutes=30),
            EndTime=now + timedelta(minutes=1),
            **({"FilterExpression": expression} if expression else {}),
        )
        found: list[dict[str, Any]] = answer["TraceSummaries"]
        return found

    def segments(self, trace_id: str) -> list[dict[str, Any]]:
        """The documents of a trace's segments, in the order of their start."""
        traces = self.xray.batch_get_traces(TraceIds=[trace_id])["Traces"]
        documents = [json.loads(segment["Document"]) for trace in traces for segment in trace["Segments"]]
        return sorted(documents, key=lambda document: float(document["start_time"]))


def is_report(message: str, request_id: str) -> bool:
    return message.startswith(f"REPORT RequestId: {request_id}\t")


def fields(report: str) -> dict[str, float]:
    """The figures in a REPORT line: `{"Duration": 12.3, "Max Memory Used": 87.0}`."""
    parts = [part.partition(": ") for part in report.split("\n")[0].split("\t")[1:] if part]
    return {name: float(value.split(" ")[0]) for name, _, value in parts if value.endswith((" ms", " MB"))}
