"""What a field's name means: a column of the event, a part of a line that Lambda itself writes, or a value in JSON."""

from dataclasses import dataclass
from typing import Literal

from sandbox.aws_api.contract import not_supported
from sandbox.logs.sql import Parameters


@dataclass(frozen=True)
class Expression:
    """A value of the query.

    Attributes:
        sql: what gives it; NULL where an event does not have the field.
        kind: `time` is in milliseconds since 1970 (UTC), `number` a DOUBLE, and `text` what a number may also be in.
    """

    sql: str
    kind: Literal["text", "number", "time"]


EVENTS = """
    SELECT *, as_object(regexp_extract(message, '(?s)[{].*[}]')) AS object
    FROM log_events
"""
"""The relation that the expressions below refer to, without a condition. JSON may be embedded in a line."""

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CWL_AnalyzeLogData-discoverable-fields.html
# The lines: https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
_LINE_TYPE = "^(START|END|REPORT|INIT_START|INIT_REPORT) (?:RequestId|Runtime Version|Init Duration): "
_INIT_DURATION = r"^REPORT .*\tInit Duration: ([0-9.]+) ms"
_SYSTEM = {
    "@timestamp": Expression("time_ms", "time"),
    "@message": Expression("message", "text"),
    "@type": Expression(f"nullif(regexp_extract(message, '{_LINE_TYPE}', 1), '')", "text"),
    "@initDuration": Expression(f"as_number(regexp_extract(message, '{_INIT_DURATION}', 1))", "number"),
}


def field(name: str, parameters: Parameters) -> Expression:
    """Return what the field of this name is in `EVENTS`; each dot leads to an inner JSON object.

    Raises:
        ApiError: NotImplementedException, AWS makes this field itself and the sandbox does not.
    """
    if name in _SYSTEM:
        return _SYSTEM[name]
    if name.startswith("@"):
        raise not_supported(f"the Logs Insights field {name}. It supports {', '.join(_SYSTEM)} and those in JSON")
    place = f"object, {parameters.add('/' + name.replace('.', '/'))}"
    # Booleans are 1 and 0.
    boolean = f"(leaf({place}) = 'true')::INTEGER::VARCHAR"
    return Expression(f"CASE json_type({place}) WHEN 'BOOLEAN' THEN {boolean} ELSE leaf({place}) END", "text")
