"""The answer as the client wants it, by the Accept header: streamed as text, server-sent events or NDJSON, or whole."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from firstbyte.failures import ErrorType, Failure, RequestError
from firstbyte.given import given
from firstbyte.model_events import Delta, ModelEvent, Usage

# Valid inside a JSON string, but line ends to readers such as Python's str.splitlines: escaped.
_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}


@dataclass(frozen=True, slots=True)
class Rendering:
    """One way to put an answer on the wire.

    Attributes:
        content_type: of the response.
        frame: the bytes of one event, from its name and its fields.
        has_events: whether a reader sees more than text. If not, an answer that breaks off can only be cut.
        in_one_piece: whether nothing is sent before the answer is whole, and then all of it at once.
    """

    content_type: str
    frame: Callable[[str, Mapping[str, Any]], bytes]
    has_events: bool
    in_one_piece: bool = False

    def begins_with(self, event: ModelEvent) -> bool:
        """Whether this event of the model puts the first byte on the wire, so that the status must be known."""
        return not self.in_one_piece and (self.has_events or isinstance(event, Delta))


def _text_frame(name: str, fields: Mapping[str, Any]) -> bytes:
    return str(fields["text"]).encode() if name == "delta" else b""


def _sse_frame(name: str, fields: Mapping[str, Any]) -> bytes:
    # https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    return f"event: {name}\ndata: {_json_line(fields)}\n\n".encode()


def _ndjson_frame(name: str, fields: Mapping[str, Any]) -> bytes:
    # An error has a `type` of its own, so it stands whole under `error`, as it does in the body of an HTTP error.
    line = {"type": name, "error": fields} if name == "error" else {"type": name, **fields}
    return f"{_json_line(line)}\n".encode()


def _json_frame(_name: str, fields: Mapping[str, Any]) -> bytes:
    return _json_line(fields).encode()


def _json_line(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).translate(_LINE_ENDS)


TEXT = Rendering("text/plain; charset=utf-8", _text_frame, has_events=False)
SSE = Rendering("text/event-stream; charset=utf-8", _sse_frame, has_events=True)
NDJSON = Rendering("application/x-ndjson", _ndjson_frame, has_events=True)
JSON = Rendering("application/json", _json_frame, has_events=True, in_one_piece=True)

_BY_MEDIA_RANGE = {
    "text/plain": TEXT,
    "text/event-stream": SSE,
    "application/x-ndjson": NDJSON,
    "application/json": JSON,
    "text/*": TEXT,
    "application/*": NDJSON,
    "*/*": TEXT,
}


def choose_rendering(accept: str | None) -> Rendering:
    """The rendering that the client likes best: the highest `q`, of several a stream, of these the one it names first.

    Many libraries ask for `application/json, text/plain, */*` whatever they call: that is no wish to wait.

    Raises:
        RequestError: with status 406, when the client accepts none of them.
    """
    best: tuple[tuple[float, bool], Rendering] | None = None
    for entry in (accept or "*/*").split(","):
        media_range, *parameters = (part.strip().lower() for part in entry.split(";"))
        rendering = _BY_MEDIA_RANGE.get(media_range)
        quality = _quality(parameters)
        if rendering is None or quality <= 0:
            continue
        rank = (quality, not rendering.in_one_piece)
        if best is None or rank > best[0]:
            best = (rank, rendering)
    if best is None:
        message = "accept names none of text/plain, text/event-stream, application/x-ndjson and application/json"
        raise RequestError(Failure.of(ErrorType.INVALID_REQUEST, message, status=406, field="accept"))
    return best[1]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 1.0
    return 1.0


def usage_fields(usage: Usage) -> dict[str, int | None]:
    """Token counts for a client: null where Bedrock did not say; the cache's only where it did."""
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        **given(
            cache_read_input_tokens=usage.cache_read_input_tokens,
            cache_write_input_tokens=usage.cache_write_input_tokens,
        ),
    }


def error_fields(failure: Failure) -> dict[str, Any]:
    """A failure as a client may see it."""
    return given(type=failure.type.value, message=failure.message, retryable=failure.retryable, field=failure.field)


def error_body(failure: Failure, usage: Usage, ids: Mapping[str, str]) -> str:
    """The JSON body of a response that is an error; ASCII, because a field's name may be unfit for UTF-8.

    Token counts are in it if the model reported some before it failed.
    """
    partial_usage = usage_fields(usage) if usage != Usage() else None
    return json.dumps({"error": {**error_fields(failure), **given(partial_usage=partial_usage)}, **ids})
