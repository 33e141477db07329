"""Finding traces: a filter as X-Ray's filter expression, and a search that begins with the newest."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from console.source import Source
from console.time_range import TimeRange

# What the function's annotation says, in the order in which people ask for it.
OUTCOMES = (
    *("completed", "interrupted", "model_error", "throttled", "rejected", "deadline_exceeded", "client_stalled"),
    *("client_error", "internal_error"),
)
FAILED = "failed"
"""The filter's word for every outcome but `completed`, and for what Lambda itself calls a fault or an error."""
MOST_TRACES = 200
# One request covers six hours at most: https://docs.aws.amazon.com/xray/latest/api/API_GetTraceSummaries.html
_LONGEST = timedelta(hours=6)
_FIRST = timedelta(minutes=10)
# One takes some tenths of a second on AWS.
_MOST_REQUESTS = 40


@dataclass(frozen=True)
class Wanted:
    """What the list should have; None is everything.

    Attributes:
        outcome: one of `OUTCOMES`, or `FAILED`.
        model: the id of the model that answered.
        slow_ms: only a longer time to first token, in milliseconds.
    """

    outcome: str | None = None
    model: str | None = None
    slow_ms: float | None = None


@dataclass(frozen=True)
class Found:
    """Summaries of traces, newest first; if not all of the time was looked at, `since` is the first moment that was."""

    summaries: list[Mapping[str, Any]]
    since: datetime | None


def filter_expression(wanted: Wanted, functions: Sequence[str]) -> str | None:
    """Return X-Ray's filter expression; None if every trace is wanted.

    AND binds more than OR. So each alternative says everything, and no brackets are needed.
    https://docs.aws.amazon.com/xray/latest/devguide/xray-console-filters.html

    Args:
        wanted: the filter.
        functions: names of the functions whose traces they are; none for all traces of the account.
    """
    alternatives: list[list[str]] = [[f"service({_quoted(name)})"] for name in functions] or [[]]
    if wanted.model:
        alternatives = [[*one, f"annotation.model = {_quoted(wanted.model)}"] for one in alternatives]
    if wanted.slow_ms is not None:
        alternatives = [[*one, f"annotation.ttft_ms > {wanted.slow_ms:g}"] for one in alternatives]
    if wanted.outcome == FAILED:
        # A stream that broke off has status 200, and a function that died has no annotation.
        failures = ('annotation.outcome != "completed"', "fault", "error")
        alternatives = [[*one, failure] for one in alternatives for failure in failures]
    elif wanted.outcome:
        alternatives = [[*one, f"annotation.outcome = {_quoted(wanted.outcome)}"] for one in alternatives]
    return " OR ".join(" AND ".join(one) for one in alternatives if one) or None


def functions_of(source: Source) -> list[str]:
    """Return the names of a deployed stack's functions: its alarms name them. In the sandbox, all traces are its own.

    Raises:
        ClientError, BotoCoreError: AWS refuses, or does not answer.
    """
    if source.is_sandbox:
        return []
    pages = source.cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=source.prefix, AlarmTypes=["MetricAlarm"], PaginationConfig={"MaxItems": 100}
    )
    alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
    metrics = [
        one["MetricStat"]["Metric"] for alarm in alarms for one in alarm.get("Metrics", ()) if "MetricStat" in one
    ]
    return sorted(
        {
            str(dimension["Value"])
            for metric in (*metrics, *alarms)
            for dimension in metric.get("Dimensions", ())
            if dimension["Name"] == "FunctionName"
        }
    )


def search(xray: Any, shown: TimeRange, expression: str | None) -> Found:
    """Return the newest traces, 200 or some more, of a time range. It blocks: call it on a thread.

    Pages of one request come in no order that is documented. So the range is searched in pieces from its end, short
    ones first, each to its last page.

    Args:
        xray: boto3's client.
        shown: the time range.
        expression: the filter expression, None for all.

    Raises:
        ClientError, BotoCoreError: AWS refuses, or does not answer.
    """
    summaries: dict[str, Mapping[str, Any]] = {}
    requests, since = 0, shown.end
    for start, end in _pieces(shown):
        if requests >= _MOST_REQUESTS or len(summaries) >= MOST_TRACES:
            break
        request = {"StartTime": start, "EndTime": end, **({"FilterExpression": expression} if expression else {})}
        token: dict[str, str] = {}
        while requests < _MOST_REQUESTS:
            answer = xray.get_trace_summaries(**request, **token)
            requests += 1
            summaries |= {one["Id"]: one for one in answer["TraceSummaries"]}
            token = {"NextToken": answer["NextToken"]} if answer.get("NextToken") else {}
            if not token:
                since = start
                break
    newest_first = sorted(summaries.values(), key=lambda one: _begin(one), reverse=True)
    return Found(newest_first, since if since > shown.start else None)


def _begin(summary: Mapping[str, Any]) -> float:
    """Return when a trace began, in seconds since 1970; its id says the second if the summary says nothing."""
    start = summary.get("StartTime")
    return start.timestamp() if isinstance(start, datetime) else float(int(str(summary["Id"])[2:10], 16))


def _pieces(shown: TimeRange) -> Iterator[tuple[datetime, datetime]]:
    """Yield pieces of a time range from its end, each twice as long as the one before, up to six hours."""
    end, length = shown.end, _FIRST
    while end > shown.start:
        start = max(shown.start, end - length)
        yield start, end
        end, length = start, min(2 * length, _LONGEST)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
