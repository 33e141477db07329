"""What a field's name means: a column of the event, a part of a line that Lambda itself writes, or a value in JSON."""

from dataclasses import dataclass
from itertools import product
from typing import Literal

from sandbox.logs.insights.grammar import malformed
from sandbox.logs.logs import EVENT_ID
from sandbox.logs.sql import Parameters, json_pointer
from template.resources import ACCOUNT_ID


@dataclass(frozen=True)
class Expression:
    """A value of the query.

    Attributes:
        sql: what gives it; NULL where an event does not have the field.
        kind: `time` is in milliseconds since 1970 (UTC), `number` a DOUBLE, and `text` what a number may also be in.
    """

    sql: str
    kind: Literal["text", "number", "boolean", "time"]


EVENTS = """
    SELECT *, as_object(regexp_extract(message, '(?s)[{].*[}]')) AS object
    FROM log_events
"""
"""The relation that the expressions below refer to, without a condition. JSON may be embedded in a line."""

_UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_SYSTEM = {
    "@timestamp": Expression("time_ms", "time"),
    "@ingestionTime": Expression("ingested_ns // 1000000", "time"),
    "@message": Expression("message", "text"),
    "@logStream": Expression("log_stream", "text"),
    "@log": Expression(f"('{ACCOUNT_ID}:' || log_group)", "text"),
    "@ptr": Expression(EVENT_ID, "text"),
}
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html
# The lines: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
_IN_LAMBDA_LINES = {
    "@type": r"^(START|END|REPORT|INIT_START|INIT_REPORT) (?:RequestId|Runtime Version|Init Duration): ",
    "@requestId": rf"^(?:(?:[A-Z]+ )?RequestId: |\[[A-Z]+\]\t[^\t]*\t|[0-9-]+T[0-9:.]+Z )({_UUID})\b",
    "@duration": r"^REPORT .*\tDuration: ([0-9.]+) ms",
    "@billedDuration": r"^REPORT .*\tBilled Duration: ([0-9.]+) ms",
    "@initDuration": r"^REPORT .*\tInit Duration: ([0-9.]+) ms",
    "@memorySize": r"^REPORT .*\tMemory Size: ([0-9]+) MB",
    "@maxMemoryUsed": r"^REPORT .*\tMax Memory Used: ([0-9]+) MB",
    "@xrayTraceId": r"^REPORT (?s:.*)XRAY TraceId: (\S+)",
    "@xraySegmentId": r"^REPORT (?s:.*)\tSegmentId: (\S+)",
}
# Those of them that are numbers. A megabyte of Lambda's is a million bytes in Insights.
_UNITS = {"@duration": 1, "@billedDuration": 1, "@initDuration": 1, "@memorySize": 10**6, "@maxMemoryUsed": 10**6}
# Each of them doubles the places that are looked at.
_MOST_DOTS = 8


def field(name: str, parameters: Parameters) -> Expression:
    """Return what the field of this name is in `EVENTS`.

    Raises:
        ApiError: MalformedQueryException, no field can have this name.
    """
    if name in _SYSTEM:
        return _SYSTEM[name]
    if name in _IN_LAMBDA_LINES:
        text = f"nullif(regexp_extract(message, {parameters.add(_IN_LAMBDA_LINES[name])}, 1), '')"
        unit = _UNITS.get(name)
        return Expression(f"as_number({text}) * {unit}", "number") if unit else Expression(text, "text")
    if name.startswith("@") and not name.startswith("@@"):
        raise malformed(f"no field is discovered as {name}")
    leaf = f"leaf(object, {parameters.add(_pointers(name.removeprefix('@')))})"
    # Booleans are 1 and 0.
    return Expression(
        f"CASE {leaf}::VARCHAR WHEN 'true' THEN '1' WHEN 'false' THEN '0' ELSE {leaf} ->> '$' END", "text"
    )


def _pointers(name: str) -> list[str]:
    """Return every place that a dotted name can mean: each dot may lead to an inner object or be part of a key."""
    first, *rest = name.split(".")
    if len(rest) > _MOST_DOTS:
        raise malformed(f"a field's name has at most {_MOST_DOTS} dots, not {len(rest)}")
    places = []
    for inner in product((True, False), repeat=len(rest)):
        keys = [first]
        for descends, part in zip(inner, rest, strict=True):
            keys = [*keys, part] if descends else [*keys[:-1], f"{keys[-1]}.{part}"]
        places.append(json_pointer(keys))
    return places
