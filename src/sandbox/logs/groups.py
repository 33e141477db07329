"""Log groups and log streams: which there are, and which of them a request means."""

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.aws_api.contract import ApiError
from sandbox.logs.logs import Logs
from sandbox.logs.request import invalid, page
from template.resources import ACCOUNT_ID

_LIST_GROUPS = """
    SELECT log_group, min(created_ms), sum(bytes)::BIGINT
    FROM (
        SELECT log_group, created_ms, 0 AS bytes FROM log_groups
        UNION ALL SELECT log_group, ingested_ns // 1000000, strlen(message) FROM log_events
    )
    GROUP BY log_group ORDER BY log_group
"""
_GROUP_NAMES = "SELECT log_group FROM log_groups UNION SELECT log_group FROM log_events"
_LIST_STREAMS = """
    SELECT log_stream, min(ingested_ns) // 1000000, min(time_ms), max(time_ms), max(ingested_ns) // 1000000
    FROM log_events WHERE log_group = ? AND starts_with(log_stream, ?)
    GROUP BY log_stream
"""


def describe_log_groups(logs: Logs, region: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The operation DescribeLogGroups: by name.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogGroups.html
    """
    prefix = request.get("logGroupNamePrefix", "")
    groups = [
        {
            "logGroupName": name,
            "creationTime": created_ms,
            "arn": f"{_arn(region, name)}:*",
            "logGroupArn": _arn(region, name),
            "logGroupClass": "STANDARD",
            "metricFilterCount": 0,
            "storedBytes": stored_bytes,
        }
        for name, created_ms, stored_bytes in logs.store.query(_LIST_GROUPS)
        if name.startswith(prefix)
    ]
    return page(groups, lambda group: str(group["logGroupName"]), request, "logGroups")


def describe_log_streams(logs: Logs, region: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The operation DescribeLogStreams: by name or by the time of the last event.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeLogStreams.html
    """
    by_time = request.get("orderBy") == "LastEventTime"
    prefix = request.get("logStreamNamePrefix", "")
    if by_time and prefix:
        raise invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    group = requested_group(logs, region, request)
    streams = [
        {
            "logStreamName": name,
            "creationTime": created_ms,
            "firstEventTimestamp": first_ms,
            "lastEventTimestamp": last_ms,
            "lastIngestionTime": ingested_ms,
            "arn": f"{_arn(region, group)}:log-stream:{name}",
            "storedBytes": 0,
        }
        for name, created_ms, first_ms, last_ms, ingested_ms in logs.store.query(_LIST_STREAMS, [group, prefix])
    ]

    def place(stream: dict[str, Any]) -> str:
        return f"{stream['lastEventTimestamp']:015}/{stream['logStreamName']}" if by_time else stream["logStreamName"]

    streams.sort(key=place, reverse=bool(request.get("descending")))
    return page(streams, place, request, "logStreams")


def requested_group(logs: Logs, region: str, request: Mapping[str, Any]) -> str:
    """Return the name of the one group that a request means by `logGroupName` or `logGroupIdentifier`.

    Raises:
        ApiError: InvalidParameterException, it has none of them or both; ResourceNotFoundException, no such group.
    """
    identifiers = [request[member] for member in ("logGroupName", "logGroupIdentifier") if member in request]
    if len(identifiers) != 1:
        raise invalid("Exactly one of logGroupName and logGroupIdentifier is required.")
    return existing_groups(logs, region, identifiers)[0]


def existing_groups(logs: Logs, region: str, identifiers: Iterable[str]) -> list[str]:
    """Return the names of the groups that are meant by these names and ARNs.

    Raises:
        ApiError: ResourceNotFoundException, one of them does not exist.
    """
    names = [identifier.removeprefix(_arn(region, "")).removesuffix(":*") for identifier in identifiers]
    existing = {row[0] for row in logs.store.query(_GROUP_NAMES)}
    if not existing.issuperset(names):
        raise ApiError("ResourceNotFoundException", "The specified log group does not exist.")
    return names


def check_streams(logs: Logs, group: str, streams: Iterable[str]) -> None:
    """Check that a group has these streams.

    Raises:
        ApiError: ResourceNotFoundException, it has not.
    """
    if not {row[0] for row in logs.store.query(_LIST_STREAMS, [group, ""])}.issuperset(streams):
        raise ApiError("ResourceNotFoundException", "The specified log stream does not exist.")


def _arn(region: str, group: str) -> str:
    return f"arn:aws:logs:{region}:{ACCOUNT_ID}:log-group:{group}"
