"""Reading log events in the order of their time: one stream in both directions, or a group through a filter."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sandbox.aws_api.contract import not_supported
from sandbox.logs.filter_pattern import filter_condition
from sandbox.logs.groups import check_streams, requested_group
from sandbox.logs.logs import EVENT_ID, Logs
from sandbox.logs.request import invalid, limit_of
from sandbox.logs.sql import Parameters
from sandbox.store import Row

_PAGE = 10_000
_END_OF_TIME_MS = 2**62


@dataclass(frozen=True)
class _Cut:
    """A place between two events, and the direction in which to read from it; its text is the token of a page."""

    direction: str
    time_ms: int
    ingested_ns: int

    def __str__(self) -> str:
        return f"{self.direction}/{self.time_ms}/{self.ingested_ns}"


_HEAD = _Cut("f", 0, 0)
_TAIL = _Cut("b", _END_OF_TIME_MS, 0)


def get_log_events(logs: Logs, region: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The operation GetLogEvents: one stream; a page is in ascending order, whichever the direction of reading.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetLogEvents.html
    """
    group = requested_group(logs, region, request)
    stream = request["logStreamName"]
    check_streams(logs, group, [stream])
    start = _HEAD if request.get("startFromHead") else _TAIL
    cut = _read_token(request["nextToken"], "fb") if "nextToken" in request else start
    parameters = Parameters()
    # Other than in FilterLogEvents, an event of the end time is outside.
    conditions = [*_range(parameters, group, request, "<"), f"log_stream = {parameters.add(stream)}"]
    rows = sorted(_events(logs, parameters, conditions, cut, limit_of(request, _PAGE)))
    # A page without events ends where it began; but forward from the end of time, nothing would ever come.
    before = _Cut("b", *rows[0][:2]) if rows else cut
    after = _after(rows[-1]) if rows else (_HEAD if cut == _TAIL else cut)
    return {
        "events": [
            {"timestamp": time_ms, "message": message, "ingestionTime": ingested_ns // 1_000_000}
            for time_ms, ingested_ns, _, message, _ in rows
        ],
        "nextForwardToken": str(replace(after, direction="f")),
        "nextBackwardToken": str(replace(before, direction="b")),
    }


def filter_log_events(logs: Logs, region: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """The operation FilterLogEvents: all streams of a group or some of them, oldest events first.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
    """
    if request.get("startFromHead") is False:
        raise not_supported("FilterLogEvents with startFromHead=false")
    names, prefix = request.get("logStreamNames"), request.get("logStreamNamePrefix")
    if names and prefix:
        raise invalid("Only one of logStreamNames and logStreamNamePrefix can be given.")
    group = requested_group(logs, region, request)
    cut = _read_token(request["nextToken"], "f") if "nextToken" in request else _HEAD
    limit = limit_of(request, _PAGE)
    parameters = Parameters()
    conditions = _range(parameters, group, request, "<=")
    if names:
        check_streams(logs, group, names)
        conditions.append(f"list_contains({parameters.add(names)}, log_stream)")
    if prefix:
        conditions.append(f"starts_with(log_stream, {parameters.add(prefix)})")
    conditions.append(filter_condition(request.get("filterPattern", ""), parameters))
    rows = _events(logs, parameters, conditions, cut, limit + 1)
    return {
        "events": [
            {
                "logStreamName": stream,
                "timestamp": time_ms,
                "message": message,
                "ingestionTime": ingested_ns // 1_000_000,
                "eventId": event_id,
            }
            for time_ms, ingested_ns, stream, message, event_id in rows[:limit]
        ],
        "searchedLogStreams": [],
        **({"nextToken": str(_after(rows[limit - 1]))} if len(rows) > limit else {}),
    }


def _range(parameters: Parameters, group: str, request: Mapping[str, Any], until: str) -> list[str]:
    start, end = request.get("startTime", 0), request.get("endTime", _END_OF_TIME_MS)
    return [
        f"log_group = {parameters.add(group)}",
        f"time_ms >= {parameters.add(start)}",
        f"time_ms {until} {parameters.add(end)}",
    ]


def _events(logs: Logs, parameters: Parameters, conditions: list[str], cut: _Cut, limit: int) -> list[Row]:
    """Return time, time of ingestion, stream, message and id of the events next to the cut."""
    side, order = (">=", "ASC") if cut.direction == "f" else ("<", "DESC")
    place = f"({parameters.add(cut.time_ms)}::BIGINT, {parameters.add(cut.ingested_ns)}::BIGINT)"
    sql = f"""
        SELECT time_ms, ingested_ns, log_stream, message, {EVENT_ID} FROM log_events
        WHERE {" AND ".join(conditions)} AND (time_ms, ingested_ns) {side} {place}
        ORDER BY time_ms {order}, ingested_ns {order} LIMIT {limit}
    """  # noqa: S608 - made of parameters' names
    return logs.store.query(sql, parameters)


def _after(row: Row) -> _Cut:
    return _Cut("f", row[0], row[1] + 1)


def _read_token(token: str, directions: str) -> _Cut:
    match = re.fullmatch(rf"([{directions}])/([0-9]{{1,19}})/([0-9]{{1,19}})", token)
    if not match or int(match[2]) > _END_OF_TIME_MS or int(match[3]) > _END_OF_TIME_MS:
        raise invalid("The specified nextToken is invalid.")
    return _Cut(match[1], int(match[2]), int(match[3]))
