"""The operation DescribeLogGroups: which log groups there are."""

from collections.abc import Mapping
from typing import Any

from sandbox.logs.logs import Logs

# Without a limit of the caller's own, and at most.
_PAGE = 50


def describe_log_groups(logs: Logs, request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page of the log groups, in the order of their names.

    A token is the last name of the page before.
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html
    """
    prefix, after = request.get("logGroupNamePrefix", ""), request.get("nextToken", "")
    limit = min(request.get("limit", _PAGE), _PAGE)
    groups = [
        {"logGroupName": name, "creationTime": created_ms, "logGroupClass": "STANDARD"}
        for name, created_ms in logs.groups()
        if name.startswith(prefix) and name > after
    ]
    page = groups[:limit]
    return {"logGroups": page, **({"nextToken": page[-1]["logGroupName"]} if len(groups) > limit else {})}
