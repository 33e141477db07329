"""X-Ray's operations: GetTraceSummaries and BatchGetTraces."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sandbox.aws_api.contract import ApiError, Operations, refuse_others
from sandbox.xray.documents import status_of
from sandbox.xray.filters import parse_filter
from sandbox.xray.trace import Trace, Value
from sandbox.xray.traces import Traces

# https://docs.aws.amazon.com/xray/latest/api/API_BatchGetTraces.html
_MOST_TRACES = 5
_LONGEST_RANGE_SECONDS = 6 * 3600
# How many traces X-Ray looks at for a page is not public. So many take some tenths of a second here.
_PAGE = 1000
# Characters. X-Ray's own limit is not public; each comparison is made for every trace.
_LONGEST_FILTER = 2000


def operations(traces: Traces) -> Operations:
    """Return the operations on these traces, by name."""
    return {
        "GetTraceSummaries": partial(_get_trace_summaries, traces),
        "BatchGetTraces": partial(_batch_get_traces, traces),
    }


def _get_trace_summaries(traces: Traces, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page of the traces of the time range, latest first; it may have none of those that the filter wants.

    Clients send whole seconds, so the range has all of its first and of its last second.
    https://docs.aws.amazon.com/xray/latest/api/API_GetTraceSummaries.html
    """
    refuse_others("GetTraceSummaries", request, {"StartTime", "EndTime", "FilterExpression", "NextToken"})
    expression = request.get("FilterExpression")
    if expression is not None and len(expression) > _LONGEST_FILTER:
        raise ApiError("InvalidRequestException", f"FilterExpression is longer than {_LONGEST_FILTER} characters.")
    matches = None if expression is None else parse_filter(expression)
    first, last = (int(request[name].timestamp()) for name in ("StartTime", "EndTime"))
    if last - first > _LONGEST_RANGE_SECONDS:
        raise ApiError("InvalidRequestException", "Time range cannot be longer than 6 hours")
    found, following = traces.within(first, last, request.get("NextToken"), _PAGE)
    return {
        "TraceSummaries": [_summary(trace) for trace in found if matches is None or matches(trace)],
        "TracesProcessedCount": len(found),
        "ApproximateTime": _time(first),
        **({"NextToken": following} if following else {}),
    }


def _batch_get_traces(traces: Traces, request: Mapping[str, Any]) -> dict[str, Any]:
    refuse_others("BatchGetTraces", request, {"TraceIds"})
    trace_ids = list(dict.fromkeys(request["TraceIds"]))
    if len(trace_ids) > _MOST_TRACES:
        raise ApiError(
            "InvalidRequestException",
            f"TraceIds has more than {_MOST_TRACES} ids: ask for the rest in another request",
        )
    found = traces.get(trace_ids)
    return {
        "Traces": [_whole(found[trace_id]) for trace_id in trace_ids if trace_id in found],
        "UnprocessedTraceIds": [trace_id for trace_id in trace_ids if trace_id not in found],
    }


def _whole(trace: Trace) -> dict[str, Any]:
    segments = [
        {"Id": segment["id"], "Document": json.dumps(segment, separators=(",", ":"))} for segment in trace.segments
    ]
    return {"Id": trace.id, "Duration": trace.duration, "LimitExceeded": False, "Segments": segments}


def _summary(trace: Trace) -> dict[str, Any]:
    """Return what the traces list shows of a trace; who gave an annotation, users, resources and causes are left out.

    https://docs.aws.amazon.com/xray/latest/api/API_TraceSummary.html
    """
    status = status_of(trace.root)
    return {
        "Id": trace.id,
        "StartTime": _time(trace.start),
        "Duration": trace.duration,
        "ResponseTime": trace.response_time,
        "HasError": trace.flags["error"],
        "HasFault": trace.flags["fault"],
        "HasThrottle": trace.flags["throttle"],
        "IsPartial": False,
        "Http": {} if status is None else {"HttpStatus": status},
        "Annotations": {
            key: [{"AnnotationValue": _annotation_value(value)} for value in values]
            for key, values in trace.annotations.items()
        },
    }


def _annotation_value(value: Value) -> dict[str, Value]:
    kinds = {bool: "BooleanValue", str: "StringValue"}
    return {kinds.get(type(value), "NumberValue"): value}


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
