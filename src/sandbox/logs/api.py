"""The operations of CloudWatch Logs, and the parameters that each of them understands."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from sandbox.aws_api.contract import ApiError, Operation, Operations, refuse_others
from sandbox.logs.events import filter_log_events
from sandbox.logs.insights.queries import Queries
from sandbox.logs.logs import Logs

# In characters, as botocore's service model has it; its validation leaves this to the service.
_LONGEST = {"filterPattern": 1024, "queryString": 10_000}


def operations(logs: Logs) -> Operations:
    """Return the operations on these logs, by name."""
    queries = Queries(logs)
    # Which member is required of each, and which others it understands. `interleaved`, which `aws logs tail` sends,
    # changes nothing: all events are interleaved, as on AWS since 2019.
    understood: dict[str, tuple[Operation, str, set[str]]] = {
        "FilterLogEvents": (
            partial(filter_log_events, logs),
            "logGroupName",
            {"startTime", "endTime", "filterPattern", "interleaved", "limit", "nextToken"},
        ),
        "StartQuery": (queries.start, "logGroupNames", {"startTime", "endTime", "queryString"}),
        "GetQueryResults": (queries.results, "queryId", set()),
    }
    return {name: partial(_checked, name, *entry) for name, entry in understood.items()}


def _checked(
    name: str, operation: Operation, required: str, optional: set[str], request: Mapping[str, Any]
) -> dict[str, Any]:
    refuse_others(name, request, optional | {required})
    if not request.get(required):
        raise ApiError("InvalidParameterException", f"{name} needs {required}.")
    for member, length in _LONGEST.items():
        if len(request.get(member, "")) > length:
            raise ApiError("InvalidParameterException", f"{member} is longer than {length} characters.")
    return operation(request)
