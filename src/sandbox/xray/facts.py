"""What X-Ray indexes of a trace and of each service in it: the keywords of filter expressions, and their values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.xray.documents import inside, walk
from sandbox.xray.trace import Trace

Value = bool | int | float | str

# Of which type a keyword's value has to be, and where it is in a document.
_FIELDS: Mapping[str, Any] = {
    "http.status": (int, "http", "response", "status"),
    "http.method": (str, "http", "request", "method"),
    "http.url": (str, "http", "request", "url"),
    "http.useragent": (str, "http", "request", "user_agent"),
    "http.clientip": (str, "http", "request", "client_ip"),
    "user": (str, "user"),
}


@dataclass(frozen=True)
class Facts:
    """Of a trace, or of one of its segments.

    Attributes:
        values: by keyword, annotations as `annotation.KEY`; a keyword without a value is empty or absent.
        services: of a trace: those of its segments, which have a `name` too.
    """

    values: Mapping[str, Sequence[Value]]
    services: Sequence["Facts"] = ()

    def first(self, keyword: str) -> Any:
        """Return the keyword's first value, or None."""
        return next(iter(self.values[keyword]), None)


def trace_facts(trace: Trace) -> Facts:
    """Return what is known of a whole trace.

    Most is the root segment's, so that a failure downstream that the service coped with is not the trace's own. Only
    `throttle` and `partial` are true if they are for any segment or subsegment.
    https://docs.aws.amazon.com/xray/latest/api/API_TraceSummary.html
    """
    nodes = [_outcome(node) for segment in trace.segments for node in walk(segment)]
    services = [_segment_facts(segment) for segment in trace.segments]
    values = dict(_segment_facts(trace.root).values)
    for keyword in ("throttle", "partial"):
        values[keyword] = (any(node[keyword] for node in nodes),)
    values["duration"] = () if trace.duration is None else (trace.duration,)
    values["user"] = [user for service in services for user in service.values["user"]]
    for key, value, _ in annotations(trace):
        values[f"annotation.{key}"] = (*values.get(f"annotation.{key}", ()), value)
    return Facts(values, services)


def annotations(trace: Trace) -> list[tuple[str, Value, dict[str, Any]]]:
    """Return key, value and segment of every annotation, in subsegments too."""
    return [
        (key, value, segment)
        for segment in trace.segments
        for node in walk(segment)
        for key, value in node.get("annotations", {}).items()
        if isinstance(value, Value)
    ]


def _segment_facts(segment: dict[str, Any]) -> Facts:
    values: dict[str, Sequence[Value]] = {keyword: (value,) for keyword, value in _outcome(segment).items()}
    values["name"] = (segment["name"],)
    values["responsetime"] = (segment["end_time"] - segment["start_time"],) if "end_time" in segment else ()
    for keyword, field in _FIELDS.items():
        value = inside(segment, *field)
        values[keyword] = () if value is None else (value,)
    return Facts(values)


def _outcome(node: dict[str, Any]) -> dict[str, bool]:
    """A flag says it, or the status does: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-errors."""
    status = inside(node, *_FIELDS["http.status"]) or 0
    failed = {
        "error": node.get("error") is True or 400 <= status < 500,
        "throttle": node.get("throttle") is True or status == 429,
        "fault": node.get("fault") is True or 500 <= status < 600,
    }
    ok = not any(failed.values()) and (not status or 200 <= status < 300)
    return {**failed, "ok": ok, "partial": "end_time" not in node}
