"""The log lines of a trace: those of its invocations, found by their request ids or by the trace's own."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from console.ids import TRACE_ID
from console.source import Source

_MOST_GROUPS, _MOST_REQUESTS, _MOST_PAGES, _MOST_LINES = 10, 5, 10, 500
# A line may be a little older than the request, and its last one comes when the invocation has ended.
_BEFORE_MS, _AFTER_MS = 2_000, 60_000
_PLATFORM = re.compile(r"(START|END|REPORT) RequestId: (\S+)")

Event = Mapping[str, Any]


@dataclass(frozen=True)
class TraceLog:
    """Log events in the order of their times, and whether there are more of them."""

    events: list[Event]
    is_cut: bool


def request_ids(documents: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the ids of a trace's invocations: Lambda's segments name them."""
    found = (one["aws"].get("request_id") for one in documents if isinstance(one.get("aws"), dict))
    return list(dict.fromkeys(str(one) for one in found if one))


def trace_log(source: Source, groups: Sequence[str], wanted: Sequence[str], start_ms: int, end_ms: int) -> TraceLog:
    """Return the log events of some invocations. It blocks: call it on a thread.

    An environment runs one invocation at a time. So everything in its stream from START to REPORT is of this one, also
    a line that names no id, such as one that was printed.

    Args:
        source: whose log it is.
        groups: the stack's log groups.
        wanted: ids of requests, or of a trace.
        start_ms: when the trace began, in milliseconds since 1970 (UTC).
        end_ms: when it ended.

    Raises:
        ClientError, BotoCoreError: AWS refuses, or does not answer.
    """
    events: dict[str, Event] = {}
    for group in groups[:_MOST_GROUPS]:
        around = {"logGroupName": group, "startTime": start_ms - _BEFORE_MS, "endTime": end_ms + _AFTER_MS}
        for one in wanted[:_MOST_REQUESTS]:
            named = [event for page in _pages(source, filterPattern=f'"{one}"', **around) for event in page]
            events |= {str(event["eventId"]): event for event in named}
            for stream in dict.fromkeys(str(event["logStreamName"]) for event in named):
                in_stream = [event for page in _pages(source, logStreamNames=[stream], **around) for event in page]
                events |= {str(event["eventId"]): event for event in of_invocation(in_stream, one)}
    in_order = sorted(events.values(), key=lambda event: int(event["timestamp"]))
    return TraceLog(in_order[:_MOST_LINES], len(in_order) > _MOST_LINES)


def of_invocation(events: Sequence[Event], request_id: str) -> list[Event]:
    """Return the events of a stream, in their order, that belong to an invocation; none if it does not start there.

    What an environment says before its first START is of the invocation for which it was made.
    """
    found: list[Event] = []
    before: list[Event] = []
    is_ours = False
    for event in events:
        match = _PLATFORM.match(str(event["message"]))
        if match and match[1] == "START":
            is_ours = match[2] == request_id
            found += [*before, event] if is_ours else []
        elif match and match[2] != request_id:
            is_ours = False
        elif is_ours:
            found.append(event)
            is_ours = not (match and match[1] == "REPORT")
        else:
            before.append(event)
            continue
        before = []
    return found


def trace_of_request(source: Source, groups: Sequence[str], request_id: str, start_ms: int, end_ms: int) -> str | None:
    """Return the id of the trace that the log names beside a request; None if it names none. It blocks.

    Raises:
        ClientError, BotoCoreError: AWS refuses, or does not answer.
    """
    for group in groups[:_MOST_GROUPS]:
        around = {"logGroupName": group, "startTime": start_ms, "endTime": end_ms}
        for page in _pages(source, filterPattern=f'"{request_id}"', **around):
            for event in page:
                if found := TRACE_ID.search(str(event["message"])):
                    return found[0]
    return None


def _pages(source: Source, **request: Any) -> Iterator[list[Event]]:
    token: dict[str, str] = {}
    for _ in range(_MOST_PAGES):
        answer = source.logs.filter_log_events(**request, **token)
        yield answer["events"]
        token = {"nextToken": answer["nextToken"]} if answer.get("nextToken") else {}
        if not token:
            return


def read_documents(trace: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the documents of a trace of BatchGetTraces, those that can be drawn."""
    found = (json.loads(segment["Document"]) for segment in trace["Segments"])
    return [one for one in found if isinstance(one, dict) and "start_time" in one]
