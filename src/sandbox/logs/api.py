"""The operations of CloudWatch Logs, and the parameters that each of them understands."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from sandbox.aws_api.contract import ApiError, Operation, Operations, refuse_others
from sandbox.logs.events import filter_log_events
from sandbox.logs.groups import describe_log_groups
from sandbox.logs.insights.queries import Queries
from sandbox.logs.logs import Logs

# Characters. https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html and
# API_FilterLogEvents.html there
_LONGEST = {"queryString": 10_000, "filterPattern": 1024}


def operations(logs: Logs) -> Operations:
    """Return the operations on these logs, by name."""
    queries = Queries(logs)
    # Which member is required of each, if any, and which others it understands. `interleaved`, which `aws logs tail`
    # sends, changes nothing: all events are interleaved, as on AWS since 2019.
    understood: dict[str, tuple[Operation, str | None, set[str]]] = {
        "DescribeLogGroups": (partial(describe_log_groups, logs), None, {"logGroupNamePrefix", "limit", "nextToken"}),
        "FilterLogEvents": (
            partial(filter_log_events, logs),
            "logGroupName",
            {"logStreamNames", "startTime", "endTime", "filterPattern", "interleaved", "limit", "nextToken"},
        ),
        "StartQuery": (queries.start, "logGroupNames", {"startTime", "endTime", "queryString"}),
        "GetQueryResults": (queries.results, "queryId", set()),
    }
    return {name: partial(_checked, name, *entry) for name, entry in understood.items()}


def _checked(
    name: str, operation: Operation, required: str | None, optional: set[str], request: Mapping[str, Any]
) -> dict[str, Any]:
    refuse_others(name, request, optional | ({required} if required else set()))
    if required and not request.get(required):
        raise ApiError("InvalidParameterException", f"{name} needs {required}.")
    for member, longest in _LONGEST.items():
        if len(request.get(member, "")) > longest:
            raise ApiError("InvalidParameterException", f"{member} is longer than {longest} characters.")
    return operation(request)
