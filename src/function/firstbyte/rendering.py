"""Chooses the response format from the Accept header: text, server-sent events, NDJSON, or one JSON document."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from firstbyte.failures import ErrorType, Failure, RequestError
from firstbyte.given import given
from firstbyte.model_events import Delta, ModelEvent, Usage

# These are valid inside a JSON string. They are escaped because readers such as str.splitlines take them for line ends.
_LINE_ENDS = {code: f"\\u{code:04x}" for code in (0x85, 0x2028, 0x2029)}
# Made once: `json.dumps` with arguments would make one for every frame.
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Rendering(NamedTuple):
    """One way to put an answer on the wire.

    Attributes:
        name: what the log calls it.
        content_type: the response's content type.
        frame: returns the bytes of one event, given its name and its fields.
        has_events: whether a reader sees more than text. If not, an answer that breaks off can only be cut.
        in_one_piece: whether the answer is sent at once when it is whole.
        delta: returns the bytes of a piece of text; bare text by default. It is the `delta` frame, made faster: nearly
            every frame of a stream is one.
        comment: bytes that a reader ignores, for keeping a silent connection open; empty if the format has none.
    """

    name: str
    content_type: str
    frame: Callable[[str, Mapping[str, Any]], bytes]
    has_events: bool
    in_one_piece: bool = False
    delta: Callable[[str], bytes] = str.encode
    comment: bytes = b""

    def begins_with(self, event: ModelEvent) -> bool:
        """Return whether this event of the model puts the first byte on the wire. The status must be known by then."""
        return not self.in_one_piece and (self.has_events or isinstance(event, Delta))


def _no_frame(_name: str, _fields: Mapping[str, Any]) -> bytes:
    return b""


def _sse_frame(name: str, fields: Mapping[str, Any]) -> bytes:
    # https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
    return b"event: %b\ndata: %b\n\n" % (name.encode(), _json_line(fields))


def _sse_delta(text: str) -> bytes:
    return b'event: delta\ndata: {"text":%b}\n\n' % _json_line(text)


def _ndjson_frame(name: str, fields: Mapping[str, Any]) -> bytes:
    # An error has a `type` of its own. So the whole error goes under the key `error`, as in the body of an HTTP error.
    line = {"type": name, "error": fields} if name == "error" else {"type": name, **fields}
    return _json_line(line) + b"\n"


def _ndjson_delta(text: str) -> bytes:
    return b'{"type":"delta","text":%b}\n' % _json_line(text)


def _json_frame(_name: str, fields: Mapping[str, Any]) -> bytes:
    return _json_line(fields)


def _json_line(value: Mapping[str, Any] | str) -> bytes:
    line = _JSON.encode(value)
    # The words of a model or of Bedrock can hold half of a surrogate pair, which UTF-8 cannot.
    return line.encode() if line.isascii() else line.translate(_LINE_ENDS).encode(errors="replace")


TEXT = Rendering("text", "text/plain; charset=utf-8", _no_frame, has_events=False)
# A line that begins with a colon is a comment:
# https://html.spec.whatwg.org/multipage/server-sent-events.html#authoring-notes
SSE = Rendering(
    "sse",
    "text/event-stream; charset=utf-8",
    _sse_frame,
    has_events=True,
    delta=_sse_delta,
    comment=b": keep-alive\n\n",
)
NDJSON = Rendering("ndjson", "application/x-ndjson", _ndjson_frame, has_events=True, delta=_ndjson_delta)
JSON = Rendering("json", "application/json", _json_frame, has_events=True, in_one_piece=True)

# The earlier one is sent where a client likes two of them equally well.
_ALL = (TEXT, SSE, NDJSON, JSON)
# RFC 9110, 12.4.2, and without the 0 before the point, as some clients write it.
_WEIGHT = re.compile(r"1(\.0*)?|0?\.[0-9]+|0\.?")


def choose_rendering(accept: str | None) -> Rendering:
    """Return the rendering that the client prefers.

    The weight of a format is that of the most specific range that it fits: `text/plain` before `text/*` before `*/*`.
    The highest weight wins; then a stream wins over one piece; then the one that the header names first. A stream wins
    because many libraries send `application/json, text/plain, */*` by default, and do not mean to wait.
    https://www.rfc-editor.org/rfc/rfc9110#section-12.5.1

    Args:
        accept: the value of the Accept header; None or empty accepts everything.

    Raises:
        RequestError: the client accepts none of the formats; the status is 406.
    """
    weights = _weights(accept or "*/*")
    best: tuple[tuple[float, bool, int], Rendering] | None = None
    for rendering in _ALL:
        media_type = rendering.content_type.partition(";")[0]
        fitting = (media_type, f"{media_type.partition('/')[0]}/*", "*/*")
        weight, place = next((weights[one] for one in fitting if one in weights), (0.0, 0))
        rank = (weight, not rendering.in_one_piece, -place)
        if weight > 0 and (best is None or rank > best[0]):
            best = (rank, rendering)
    if best is None:
        message = (
            "accept names none of text/plain, text/event-stream, application/x-ndjson and application/json, "
            "or refuses them with q=0, or with a q that is not from 0 to 1"
        )
        raise RequestError(Failure.of(ErrorType.INVALID_REQUEST, message, status=406, field="accept"))
    return best[1]


def _weights(accept: str) -> dict[str, tuple[float, int]]:
    """Return the weight of each media range, and its place in the header. Entries with an invalid `q` are ignored."""
    weights: dict[str, tuple[float, int]] = {}
    for place, entry in enumerate(accept.split(",")):
        media_range, *parameters = (part.strip().lower() for part in entry.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        weight = next((value.strip() for name, _, value in pairs if name.strip() == "q"), "1")
        if _WEIGHT.fullmatch(weight) and float(weight) > weights.get(media_range, (-1.0, 0))[0]:
            weights[media_range] = (float(weight), place)
    return weights


def usage_fields(usage: Usage) -> dict[str, int | None]:
    """Return token counts for a client. Unreported counts are null; unreported counts of the cache are left out."""
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        **given(
            cache_read_input_tokens=usage.cache_read_input_tokens,
            cache_write_input_tokens=usage.cache_write_input_tokens,
        ),
    }


def error_fields(failure: Failure) -> dict[str, Any]:
    """Return the fields of a failure that a client may see."""
    return given(type=failure.type.value, message=failure.message, retryable=failure.retryable, field=failure.field)


def error_body(failure: Failure, usage: Usage, ids: Mapping[str, str]) -> str:
    """Return the JSON body of an error response. It is ASCII, because UTF-8 cannot encode every field name.

    Args:
        failure: why there is no answer.
        usage: token counts that the model reported before it failed; in the body if there are any.
        ids: the ids of request and trace.
    """
    partial_usage = usage_fields(usage) if usage != Usage() else None
    return json.dumps({"error": {**error_fields(failure), **given(partial_usage=partial_usage)}, **ids})
