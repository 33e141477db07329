"""What a sandbox has recorded of the soak, read with boto3 as its user would read it."""

import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

_LOG_GROUP = "/aws/lambda/firstbyte-streaming"
_FUNCTION = "firstbyte-StreamingFunction"
# Every outcome in the function's log, and the metric that counts it.
OUTCOMES = {
    "completed": "Completed",
    "client_error": "ClientErrors",
    "client_stalled": "ClientErrors",
    "rejected": "Rejections",
    "throttled": "Throttles",
    "model_error": "ModelErrors",
    "interrupted": "InterruptedStreams",
    "deadline_exceeded": "DeadlineExceeded",
    "internal_error": "InternalErrors",
}
LAMBDA_METRICS = ("Invocations", "Errors", "Throttles", "UrlRequestCount", "Url4xxCount", "Url5xxCount")
# The clocks of functions jump by less.
_MARGIN_SECONDS = 1800
_PATIENCE_SECONDS = 60.0
_SLICE_SECONDS = 60
# No invocation takes longer, even if its environment is stopped for a while.
_LATEST_SECONDS = 20
_REPORT = re.compile(r"REPORT RequestId: (\S+)\t.*?(?:\tStatus: (\w+).*?)?\nXRAY TraceId: (\S+)", re.DOTALL)
_START_OR_END = re.compile(r"(START|END) RequestId: (\S+)")


@dataclass
class Records:
    """All records; ids are those of requests, except where they are those of traces.

    Attributes:
        starts: of START lines.
        ends: of END lines.
        reports: of REPORT lines, each with its trace's id.
        died: of REPORT lines with a status: the environment was ended in the invocation.
        finished: the lines "response finished".
        documents: the documents of metrics.
        lambda_metrics: sums of what Lambda counts.
        function_metrics: sums of what the function counts.
        statuses: the status that Lambda's own segment has, by the trace's id.
        faulty: the traces whose request ended with a fault, for Lambda.
        traced: the outcome in the function's subsegment, by the trace's id.
    """

    starts: list[str] = field(default_factory=list)
    ends: list[str] = field(default_factory=list)
    reports: list[tuple[str, str]] = field(default_factory=list)
    died: set[str] = field(default_factory=set)
    finished: list[dict[str, Any]] = field(default_factory=list)
    documents: list[dict[str, Any]] = field(default_factory=list)
    lambda_metrics: dict[str, float] = field(default_factory=dict)
    function_metrics: dict[str, float] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    faulty: set[str] = field(default_factory=set)
    traced: dict[str, str] = field(default_factory=dict)


class Reader:
    """Reads the records of one sandbox."""

    def __init__(self, ready: dict[str, str]) -> None:
        self._begun = time.time()
        keys = {
            "aws_access_key_id": ready["access_key_id"],
            "aws_secret_access_key": ready["secret_access_key"],
            "region_name": ready["region"],
            "endpoint_url": ready["aws_endpoint_url"],
        }
        config = Config(retries={"total_max_attempts": 1}, read_timeout=300)
        self._logs, self._cloudwatch, self._xray = (
            boto3.client(name, config=config, **keys) for name in ("logs", "cloudwatch", "xray")
        )

    def close(self) -> None:
        """Close the connections."""
        for client in (self._logs, self._cloudwatch, self._xray):
            client.close()

    def wait_until_quiet(self) -> None:
        """Wait until every invocation that began has ended: telemetry comes after the client has its last byte."""
        limit = time.monotonic() + _PATIENCE_SECONDS
        while self._latest("START") - self._latest("REPORT") and time.monotonic() < limit:
            time.sleep(0.2)

    def read(self) -> Records:
        """Read everything."""
        records = Records()
        for page in self._logs.get_paginator("filter_log_events").paginate(logGroupName=_LOG_GROUP):
            for event in page["events"]:
                _enter(records, event["message"])
        records.lambda_metrics = self._sums("AWS/Lambda", LAMBDA_METRICS, FunctionName=_FUNCTION)
        own = ("Requests", *dict.fromkeys(OUTCOMES.values()))
        records.function_metrics = self._sums("Firstbyte", own, service="firstbyte")
        for begin in range(int(self._begun) - 1, int(time.time()) + 1, _SLICE_SECONDS):
            self._read_traces(begin, begin + _SLICE_SECONDS - 1, records)
        return records

    def _latest(self, word: str) -> set[str]:
        """Return the ids in the latest lines that begin with a word."""
        pages = self._logs.get_paginator("filter_log_events").paginate(
            logGroupName=_LOG_GROUP,
            filterPattern=f'"{word} RequestId"',
            startTime=int((time.time() - _LATEST_SECONDS) * 1000),
        )
        return {event["message"].split()[2] for page in pages for event in page["events"]}

    def _sums(self, namespace: str, names: tuple[str, ...], **dimensions: str) -> dict[str, float]:
        metric = {"Namespace": namespace, "Dimensions": [{"Name": k, "Value": v} for k, v in dimensions.items()]}
        queries = [
            {
                "Id": f"m{number}",
                "MetricStat": {"Metric": {**metric, "MetricName": name}, "Period": 3600, "Stat": "Sum"},
            }
            for number, name in enumerate(names)
        ]
        answer = self._cloudwatch.get_metric_data(
            StartTime=datetime.fromtimestamp(self._begun - _MARGIN_SECONDS, UTC),
            EndTime=datetime.fromtimestamp(time.time() + _MARGIN_SECONDS, UTC),
            MetricDataQueries=queries,
        )
        return {name: sum(found["Values"]) for name, found in zip(names, answer["MetricDataResults"], strict=True)}

    def _read_traces(self, first: int, last: int, records: Records) -> None:
        pages = self._xray.get_paginator("get_trace_summaries").paginate(
            StartTime=datetime.fromtimestamp(first, UTC), EndTime=datetime.fromtimestamp(last, UTC)
        )
        for summary in (summary for page in pages for summary in page["TraceSummaries"]):
            if "HttpStatus" in summary.get("Http", {}):
                records.statuses[summary["Id"]] = summary["Http"]["HttpStatus"]
            if summary["HasFault"]:
                records.faulty.add(summary["Id"])
            if outcome := summary.get("Annotations", {}).get("outcome"):
                records.traced[summary["Id"]] = outcome[0]["AnnotationValue"]["StringValue"]


def _enter(records: Records, message: str) -> None:
    if message.startswith('{"_aws"'):
        records.documents.append(json.loads(message))
    elif '"message":"response finished"' in message:
        records.finished.append(json.loads(message))
    elif match := _START_OR_END.match(message):
        (records.starts if match[1] == "START" else records.ends).append(match[2])
    elif match := _REPORT.match(message):
        records.reports.append((match[1], match[3]))
        if match[2]:
            records.died.add(match[1])


def twice(ids: list[str]) -> list[str]:
    """Return the ids that are there more than once."""
    return [name for name, count in Counter(ids).items() if count > 1]
