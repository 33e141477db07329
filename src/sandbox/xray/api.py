"""X-Ray's operations: GetTraceSummaries and BatchGetTraces."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.aws_api.contract import ApiError, Operations, not_supported
from sandbox.xray.documents import TRACE_ID, inside
from sandbox.xray.facts import Facts, Value, annotations, trace_facts
from sandbox.xray.filters import FilterError, parse_filter
from sandbox.xray.trace import Trace
from sandbox.xray.traces import TIME_RANGES, Traces

# https://docs.aws.amazon.com/xray/latest/api/API_BatchGetTraces.html
_MOST_TRACES = 5
_TRACES_ON_A_PAGE = 1000


def operations(traces: Traces) -> Operations:
    """Return the operations on these traces, by name."""
    return {
        "GetTraceSummaries": lambda request: _get_trace_summaries(traces, request),
        "BatchGetTraces": lambda request: _batch_get_traces(traces, request),
    }


def _get_trace_summaries(traces: Traces, request: Mapping[str, Any]) -> dict[str, Any]:
    """https://docs.aws.amazon.com/xray/latest/api/API_GetTraceSummaries.html.

    A page is the latest traces that earlier pages have not looked at, whether they match the filter or not. As clients
    send whole seconds, the range has all of its first and of its last second.
    """
    time_range = request.get("TimeRangeType", "TraceId")
    _check(request, time_range)
    try:
        matches = parse_filter(request["FilterExpression"]) if "FilterExpression" in request else None
    except FilterError as error:
        raise _invalid(str(error)) from None
    first, last = (int(request[name].timestamp()) for name in ("StartTime", "EndTime"))
    page = traces.within(time_range, first, last, request.get("NextToken"), _TRACES_ON_A_PAGE)
    found = traces.get([trace_id for trace_id, _ in page])
    summaries = []
    for trace_id, time in page:
        if trace_id not in found:
            continue
        facts = trace_facts(found[trace_id])
        if matches is None or matches(facts):
            event = {"MatchedEventTime": _time(time)} if time_range == "Event" else {}
            summaries.append(_summary(found[trace_id], facts) | event)
    result = {"TraceSummaries": summaries, "TracesProcessedCount": len(page), "ApproximateTime": _time(first)}
    if len(page) < _TRACES_ON_A_PAGE:
        return result
    last_id, last_time = page[-1]
    return result | {"NextToken": last_id, "ApproximateTime": _time(last_time)}


def _check(request: Mapping[str, Any], time_range: str) -> None:
    for option in ("Sampling", "SamplingStrategy"):
        if request.get(option):
            raise not_supported(f"{option} in GetTraceSummaries: it returns all traces")
    if time_range not in TIME_RANGES:
        raise _invalid(f"TimeRangeType must be one of {', '.join(TIME_RANGES)}, not {time_range}")
    if "NextToken" in request and not TRACE_ID.fullmatch(request["NextToken"]):
        raise _invalid("NextToken is not one that GetTraceSummaries has returned")
    if request["StartTime"] > request["EndTime"]:
        raise _invalid("StartTime is after EndTime")


def _batch_get_traces(traces: Traces, request: Mapping[str, Any]) -> dict[str, Any]:
    trace_ids = list(dict.fromkeys(request["TraceIds"]))
    if len(trace_ids) > _MOST_TRACES:
        raise _invalid(f"TraceIds has more than {_MOST_TRACES} ids: ask for the rest in another request")
    if "NextToken" in request:
        # The service refuses it too: https://github.com/aws/aws-sdk/issues/642
        raise _invalid("NextToken is not supported: BatchGetTraces returns everything at once")
    found = traces.get(trace_ids)
    return {
        "Traces": [_whole(found[trace_id]) for trace_id in trace_ids if trace_id in found],
        "UnprocessedTraceIds": [trace_id for trace_id in trace_ids if trace_id not in found],
    }


def _whole(trace: Trace) -> dict[str, Any]:
    segments = [
        {"Id": segment["id"], "Document": json.dumps(segment, separators=(",", ":"))} for segment in trace.segments
    ]
    return _without_none(Id=trace.id, Duration=trace.duration, LimitExceeded=False, Segments=segments)


def _summary(trace: Trace, facts: Facts) -> dict[str, Any]:
    """https://docs.aws.amazon.com/xray/latest/api/API_TraceSummary.html; the analysis of root causes is left out."""
    return _without_none(
        Id=trace.id,
        StartTime=_time(trace.start),
        Duration=trace.duration,
        ResponseTime=facts.first("responsetime"),
        HasError=facts.first("error"),
        HasFault=facts.first("fault"),
        HasThrottle=facts.first("throttle"),
        IsPartial=facts.first("partial"),
        Http=_without_none(
            HttpURL=facts.first("http.url"),
            HttpStatus=facts.first("http.status"),
            HttpMethod=facts.first("http.method"),
            UserAgent=facts.first("http.useragent"),
            ClientIp=facts.first("http.clientip"),
        ),
        Annotations=_annotations(trace),
        Users=_users(trace),
        ServiceIds=_services(trace.segments),
        EntryPoint=_service(trace.root),
        ResourceARNs=[{"ARN": arn} for arn in _distinct(trace.segments, "resource_arn")],
    )


def _annotations(trace: Trace) -> dict[str, list[dict[str, Any]]]:
    """Each value of a key once, with the services that gave it."""
    by_value: dict[tuple[str, type, Value], list[dict[str, Any]]] = {}
    for key, value, segment in annotations(trace):
        by_value.setdefault((key, type(value), value), []).append(segment)
    result: dict[str, list[dict[str, Any]]] = {}
    for (key, kind, value), segments in by_value.items():
        member = {bool: "BooleanValue", str: "StringValue"}.get(kind, "NumberValue")
        entry = {"AnnotationValue": {member: value}, "ServiceIds": _services(segments)}
        result.setdefault(key, []).append(entry)
    return result


def _users(trace: Trace) -> list[dict[str, Any]]:
    return [
        {
            "UserName": user,
            "ServiceIds": _services(segment for segment in trace.segments if segment.get("user") == user),
        }
        for user in _distinct(trace.segments, "user")
    ]


def _distinct(segments: Iterable[dict[str, Any]], field: str) -> Iterable[str]:
    values = (inside(segment, str, field) for segment in segments)
    return dict.fromkeys(value for value in values if value is not None)


def _services(segments: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    services: list[dict[str, Any]] = []
    for segment in segments:
        if (service := _service(segment)) not in services:
            services.append(service)
    return services


def _service(segment: dict[str, Any]) -> dict[str, Any]:
    return _without_none(
        Name=segment["name"],
        Names=[segment["name"]],
        AccountId=inside(segment, str, "aws", "account_id"),
        Type=inside(segment, str, "origin"),
    )


def _without_none(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidRequestException", message)
