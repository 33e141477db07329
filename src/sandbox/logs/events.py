"""Reading a group's log events, oldest first, through a filter pattern."""

import re
from collections.abc import Mapping
from typing import Any

from sandbox.aws_api.contract import ApiError
from sandbox.logs.filter_pattern import filter_condition
from sandbox.logs.logs import EVENT_ID, Logs
from sandbox.logs.sql import Parameters

_MOST_EVENTS = 10_000


def filter_log_events(logs: Logs, request: Mapping[str, Any]) -> dict[str, Any]:
    """The operation FilterLogEvents: a page of the events of a group, of all its streams or of some.

    Clients such as `aws logs` and boto3's paginator ask for the next page by themselves. A token is the place of the
    page's last event: its time in milliseconds and its time of ingestion in nanoseconds, which orders the events of one
    millisecond.
    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html

    Raises:
        ApiError: the group does not exist, or a parameter makes no sense or is not supported.
    """
    logs.check_groups([request["logGroupName"]])
    limit = min(request.get("limit", _MOST_EVENTS), _MOST_EVENTS)
    parameters = Parameters()
    conditions = [
        f"log_group = {parameters.add(request['logGroupName'])}",
        filter_condition(request.get("filterPattern", ""), parameters),
    ]
    if "logStreamNames" in request:
        conditions.append(f"list_contains({parameters.add(request['logStreamNames'])}, log_stream)")
    if "startTime" in request:
        conditions.append(f"time_ms >= {parameters.add(request['startTime'])}")
    if "endTime" in request:
        conditions.append(f"time_ms <= {parameters.add(request['endTime'])}")
    if "nextToken" in request:
        time_ms, ingested_ns = _read_token(request["nextToken"])
        place = f"({parameters.add(time_ms)}::BIGINT, {parameters.add(ingested_ns)}::BIGINT)"
        conditions.append(f"(time_ms, ingested_ns) > {place}")
    sql = f"""
        SELECT time_ms, ingested_ns, log_stream, message, {EVENT_ID} FROM log_events
        WHERE {" AND ".join(conditions)} ORDER BY time_ms, ingested_ns LIMIT {int(limit) + 1}
    """  # noqa: S608 - made of parameters' names
    rows = logs.store.query(sql, parameters)
    page = rows[:limit]
    events = [
        {
            "logStreamName": stream,
            "timestamp": time_ms,
            "message": message,
            "ingestionTime": ingested_ns // 1_000_000,
            "eventId": event_id,
        }
        for time_ms, ingested_ns, stream, message, event_id in page
    ]
    following = {"nextToken": f"{page[-1][0]}/{page[-1][1]}"} if len(rows) > limit else {}
    return {"events": events, "searchedLogStreams": [], **following}


def _read_token(token: str) -> tuple[int, int]:
    match = re.fullmatch("([0-9]{1,18})/([0-9]{1,19})", token)
    if not match:
        raise ApiError("InvalidParameterException", "The specified nextToken is invalid.")
    return int(match[1]), int(match[2])
