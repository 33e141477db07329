"""The points that Bedrock itself adds to the namespace AWS/Bedrock, from what the scripted models did.

https://docs.aws.amazon.com/bedrock/latest/userguide/monitoring-runtime-metrics.html
"""

import re

from sandbox.bedrock.errors import HTTP_FAULTS, STREAM_FAULTS
from sandbox.bedrock.served import COMPLETED, DISCONNECTED, DROPPED, ERROR_SENT, Served
from sandbox.cloudwatch.metrics import Point

_STATUSES = {error.code: error.status for error in (*HTTP_FAULTS.values(), *STREAM_FAULTS.values())}
_THROTTLED = "ThrottlingException"
# An output token of Claude from 3.7 on counts as five, of all other models as one. AWS gives new models rates of their
# own, such as ten: to follow each of them is not worth a table here.
# https://docs.aws.amazon.com/bedrock/latest/userguide/quotas-token-burndown.html
_FIVEFOLD = re.compile(r"anthropic\.claude-(?!instant|v\d|3-(?!7))")


def bedrock_points(served: Served, time_ms: int) -> list[Point]:
    """The points of one request, at the time (milliseconds since 1970) of its end.

    Only a successful request is an invocation, and has latencies and a use of the quota. A throttled request is neither
    an invocation nor an error. The HTTP status tells whether an error is the client's or the server's, inside a stream
    as well. A request whose client left is none of these. Tokens count wherever they were reported.
    """
    values: list[tuple[str, str, float | None]] = [
        ("InputTokenCount", "Count", served.input_tokens),
        ("OutputTokenCount", "Count", served.output_tokens),
        ("CacheReadInputTokens", "Count", served.cache_read_tokens),
        ("CacheWriteInputTokens", "Count", served.cache_write_tokens),
    ]
    if served.outcome == COMPLETED:
        values += [
            ("Invocations", "Count", 1),
            ("InvocationLatency", "Milliseconds", served.duration_ms),
            ("TimeToFirstToken", "Milliseconds", served.first_token_ms),
            ("EstimatedTPMQuotaUsage", "Count", _quota_usage(served)),
        ]
    elif served.outcome != DISCONNECTED:
        values.append((_error_metric(served), "Count", 1))
    dimensions = (("ModelId", served.model_id),)
    return [
        Point("AWS/Bedrock", name, dimensions, unit, time_ms, float(value))
        for name, unit, value in values
        if value is not None
    ]


def _quota_usage(served: Served) -> float | None:
    """The tokens of its quota per minute that a request has used; what is read from the cache costs none."""
    if served.input_tokens is None or served.output_tokens is None:
        return None
    each = 5 if _FIVEFOLD.search(served.model_id) else 1
    return served.input_tokens + (served.cache_write_tokens or 0) + each * served.output_tokens


def _error_metric(served: Served) -> str:
    if served.outcome == _THROTTLED:
        return "InvocationThrottles"
    broke_off = served.outcome in (DROPPED, ERROR_SENT)
    status = 500 if broke_off else _STATUSES.get(served.outcome, served.status)
    return "InvocationServerErrors" if status is None or status >= 500 else "InvocationClientErrors"
