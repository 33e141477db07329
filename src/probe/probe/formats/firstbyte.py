"""The protocol of this stack's function, as server-sent events and as lines; src/function/README.md describes it.

`start` {request_id, trace_id, model, cold_start}, `delta` {text}, and either `end` {stop_reason, usage, timing} or
`error` {type, message, retryable, partial_usage}. A line carries the name as `type`; an error, which has a type of its
own, lies under `error` there.
"""

from collections.abc import Mapping
from typing import Any

from .protocol import Chunk, Message, Protocol, object_of, text_of


def _read(name: str, fields: Mapping[str, Any]) -> Chunk:
    match name:
        case "start":
            return Chunk(facts=_of(fields, "request_id", "trace_id", "model", "cold_start"))
        case "delta":
            return Chunk(text_of(fields.get("text")))
        case "end":
            return Chunk(facts=_usage(fields.get("usage")) | _of(fields, "stop_reason", "timing"), is_end=True)
        case "error":
            return Chunk(error=fields, facts=_usage(fields.get("partial_usage")))
        case _:  # what a later version may send
            return Chunk()


def _usage(usage: object) -> dict[str, Any]:
    return {"usage": usage, **_of(object_of(usage), "input_tokens", "output_tokens")}


def _of(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: fields[name] for name in names if name in fields}


def _is_start(name: object, fields: Mapping[str, Any]) -> bool:
    # Other people's streams begin with a `start` that names a model, too; this one has both ids, always.
    return name == "start" and "request_id" in fields and "trace_id" in fields


def _read_event(event: Message) -> Chunk:
    return Chunk(is_broken=True) if event.fields is None else _read(event.name, event.fields)


def _read_line(line: Message) -> Chunk:
    if line.fields is None:
        return Chunk(is_broken=True)
    name = text_of(line.fields.get("type"))
    return _read(name, object_of(line.fields.get("error")) if name == "error" else line.fields)


EVENTS = Protocol(
    "firstbyte-sse",
    end="an end or error event",
    recognises=lambda event: _is_start(event.name, event.fields or {}),
    read=_read_event,
)
LINES = Protocol(
    "firstbyte-ndjson",
    end="an end or error line",
    recognises=lambda line: _is_start((line.fields or {}).get("type"), line.fields or {}),
    read=_read_line,
)
