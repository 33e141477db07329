"""A log line as people read it: what it says first, then the fields that matter, the rest on request."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from console.ids import TRACE_ID

# Of a line in JSON: what says how urgent it is, and what it says.
_LEVEL, _MESSAGE = ("level", "log_level"), ("message", "msg", "event")
# Fields that tell why something failed or was slow, in the order in which they are shown.
_KEY_FIELDS = (
    *("outcome", "error_type", "code", "detail", "place", "exception_name", "exception", "errorType", "errorMessage"),
    *("model", "model_id", "stop_reason", "ttft_ms", "duration_ms", "output_tokens"),
)
# Set by Lambda's and by other loggers: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
_URGENT = {"WARN": "warn", "WARNING": "warn", "ERROR": "bad", "CRITICAL": "bad", "FATAL": "bad"}


@dataclass(frozen=True)
class Line:
    """One log line, taken apart.

    Attributes:
        text: what it says; the whole line if it is no JSON.
        level: such as WARNING; empty if the line says none.
        urgency: `warn` or `bad`, or empty.
        fields: name and value of those that matter.
        rest: the other fields as JSON, indented; empty if there are none.
        trace_id: the trace that it names; None if it names none.
    """

    text: str
    level: str = ""
    urgency: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    rest: str = ""
    trace_id: str | None = None


def read_line(message: str) -> Line:
    """Return a log event's message, taken apart if it is an object of JSON."""
    trace = TRACE_ID.search(message)
    return replace(_taken_apart(message), trace_id=trace and trace[0])


def _taken_apart(message: str) -> Line:
    found = _object(message)
    if not found:
        text = message.rstrip()
        level = next((level for level in _URGENT if text.startswith(f"[{level}]")), "")
        return Line(text, level="", urgency=_URGENT.get(level, ""))
    if isinstance(found.get("_aws"), dict):
        return Line(_metrics(found), rest=_indented(found))
    level = next((str(found[name]) for name in _LEVEL if isinstance(found.get(name), str)), "")
    said = next((name for name in _MESSAGE if isinstance(found.get(name), str)), None)
    fields = tuple((name, _text(found[name])) for name in _KEY_FIELDS if found.get(name) is not None)
    shown = {said, *(name for name, _ in fields), *_LEVEL}
    rest = {name: value for name, value in found.items() if name not in shown}
    if said is None and not fields:
        return Line(message, level=level, urgency=_URGENT.get(level.upper(), ""))
    return Line(
        text=found[said] if said else "",
        level=level,
        urgency=_URGENT.get(level.upper(), ""),
        fields=fields,
        rest=_indented(rest) if rest else "",
    )


def _object(message: str) -> Mapping[str, Any] | None:
    if not message.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(message)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _metrics(document: Mapping[str, Any]) -> str:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html."""
    directives = document["_aws"].get("CloudWatchMetrics")
    names: set[str] = set()
    namespaces: set[str] = set()
    for directive in directives if isinstance(directives, list) else []:
        if isinstance(directive, dict):
            namespaces.add(str(directive.get("Namespace")))
            listed = directive.get("Metrics")
            names |= (
                {str(one.get("Name")) for one in listed if isinstance(one, dict)} if isinstance(listed, list) else set()
            )
    return f"{len(names)} metrics of {', '.join(sorted(namespaces)) or 'no namespace'}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _indented(value: Any) -> str:
    # Lists of numbers, such as gaps between chunks, stay on one line.
    lines = [
        f"  {json.dumps(name, ensure_ascii=False)}: {json.dumps(each, ensure_ascii=False)}"
        for name, each in value.items()
    ]
    return "{\n" + ",\n".join(lines) + "\n}"
