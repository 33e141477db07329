"""The operations of CloudWatch Logs, and the parameters that each of them understands."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from sandbox.aws_api.contract import Operation, Operations, not_supported
from sandbox.logs.events import filter_log_events, get_log_events
from sandbox.logs.groups import describe_log_groups, describe_log_streams
from sandbox.logs.insights.queries import Queries
from sandbox.logs.logs import Logs

_GROUP = {"logGroupName", "logGroupIdentifier"}
_RANGE = {"startTime", "endTime", "limit"}


def operations(logs: Logs, region: str) -> Operations:
    """Return the operations on these logs.

    Args:
        logs: what they read.
        region: what the ARNs say.
    """
    queries = Queries(logs, region)
    understood: dict[str, tuple[Operation, set[str]]] = {
        "DescribeLogGroups": (
            partial(describe_log_groups, logs, region),
            {"logGroupNamePrefix", "limit", "nextToken"},
        ),
        "DescribeLogStreams": (
            partial(describe_log_streams, logs, region),
            {*_GROUP, "logStreamNamePrefix", "orderBy", "descending", "limit", "nextToken"},
        ),
        "GetLogEvents": (
            partial(get_log_events, logs, region),
            {*_GROUP, *_RANGE, "logStreamName", "startFromHead", "nextToken"},
        ),
        "FilterLogEvents": (
            partial(filter_log_events, logs, region),
            # All events are interleaved, as on AWS since 2019, whatever `interleaved` says.
            {*_GROUP, *_RANGE, "logStreamNames", "logStreamNamePrefix", "filterPattern", "startFromHead", "interleaved"}
            | {"nextToken"},
        ),
        "StartQuery": (
            queries.start,
            {*_RANGE, "logGroupName", "logGroupNames", "logGroupIdentifiers", "queryString", "queryLanguage"},
        ),
        "GetQueryResults": (queries.results, {"queryId"}),
        "StopQuery": (queries.stop, {"queryId"}),
    }
    return {name: partial(_checked, name, *entry) for name, entry in understood.items()}


def _checked(name: str, operation: Operation, understood: set[str], request: Mapping[str, Any]) -> dict[str, Any]:
    for member, value in request.items():
        # A flag that is not set asks for nothing.
        if member not in understood and value is not False:
            raise not_supported(f"{name} with {member}")
    return operation(request)
