"""What has come of one response so far, made of bytes with the moment at which each piece came. No sockets, no clock.

The formats are those of src/function/README.md. What another function streams is text, whatever its content type says.
"""

import codecs
import json
import re
from array import array
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from console.try_it.event_stream import Event, EventStream

# Lambda streams up to 200 MB. No answer of a model is as long as this, and a browser still shows it.
MOST_CHARACTERS = 1_000_000
_MOST_TICKS = 200_000
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


# What each stop reason says of an answer that came to its end, but is not all that the model would have said.
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_MessageStopEvent.html
_LIMITED = {
    "max_tokens": "cut at the token limit",
    "model_context_window_exceeded": "cut at the end of the model's context window",
    "content_filtered": "cut by a content filter",
    "guardrail_intervened": "changed or blocked by a guardrail",
}


class Ending(Enum):
    """How a response ended."""

    WHOLE = auto()
    REFUSED = auto()  # its status is an error
    FAILED = auto()  # its last event is an error
    CUT = auto()
    STOPPED = auto()  # by the user


class Reading:
    """One response. A thread writes it, and another may read it at any time: each attribute changes at once.

    Times are milliseconds since the request was sent.

    Attributes:
        accept: the format that was asked for.
        status: the HTTP status; None until it is there.
        accepted_ms: when status and headers came.
        first_byte_ms: when the first byte of the body came; comments of an event stream do not count.
        first_text_ms: when the first text came, of a JSON document when it was whole.
        ended_ms: when nothing more could come.
        ending: how it ended; None while it runs.
        problem: what went wrong, as a sentence; None if nothing did.
        texts: the answer in the pieces in which it came.
        ticks: when each piece of text came.
        longest_gap: the two moments with the longest time between them at which pieces of text came.
        bytes: how many bytes of the body have come.
        trace_id: the id of its trace; None if the response does not say that it was sampled: then there is no trace.
        request_id, model, cold_start, stop_reason, usage: what the response says of itself.
        left_out: how many characters were too many to be kept.
    """

    def __init__(self, accept: str) -> None:
        self.accept = accept
        self.status: int | None = None
        self.accepted_ms: float | None = None
        self.first_byte_ms: float | None = None
        self.first_text_ms: float | None = None
        self.ended_ms: float | None = None
        self.ending: Ending | None = None
        self.problem: str | None = None
        self.texts: list[str] = []
        self.ticks = array("d")
        self.longest_gap: tuple[float, float] | None = None
        self.bytes = 0
        self.request_id: str | None = None
        self.trace_id: str | None = None
        self.model: str | None = None
        self.cold_start: bool | None = None
        self.stop_reason: str | None = None
        self.usage: Mapping[str, Any] = {}
        self.left_out = 0
        self._characters = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._last_text_ms: float | None = None
        # Which of the function's formats it may be. Events turn out to be others at the first one.
        self._events: EventStream | None = None
        self._undecided: list[tuple[float, bytes]] = []
        self._document: bytearray | None = None
        self._is_closed = False

    @property
    def limited(self) -> str | None:
        """What kept the model from saying all, as in "cut at the token limit"; None if nothing did."""
        return _LIMITED.get(self.stop_reason or "")

    @property
    def in_one_piece(self) -> bool:
        """Whether the answer was asked for in one piece."""
        return self.accept == "application/json"

    def accepted(self, at_ms: float, status: int, headers: Mapping[str, str]) -> None:
        """Note the status and the headers, whose names are in small letters."""
        self.request_id = _id(headers.get("x-request-id") or headers.get("x-amzn-requestid"))
        trace = dict(part.strip().partition("=")[::2] for part in headers.get("x-amzn-trace-id", "").split(";"))
        self.trace_id = _id(trace.get("Root")) if trace.get("Sampled") == "1" else None
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "text/event-stream" and status < 400:
            self._events = EventStream()
        elif kind == "application/json" and (status >= 400 or self.in_one_piece):
            self._document = bytearray()
        self.status, self.accepted_ms = status, at_ms

    def take(self, at_ms: float, data: bytes) -> None:
        """Note a piece of the body."""
        if not data:
            return
        self.bytes += len(data)
        if self._events:
            self._take_events(self._events, at_ms, data)
            return
        if self.first_byte_ms is None:
            self.first_byte_ms = at_ms
        if self._document is not None and len(self._document) < 4 * MOST_CHARACTERS:
            self._document += data
        else:
            self._add(at_ms, self._decoder.decode(data))

    def finish(self, at_ms: float) -> None:
        """Note that the transfer is whole."""
        if self._undecided:
            self._is_text()
        if self._document is not None:
            self._read_document(at_ms, bytes(self._document))
        if self.status is not None and self.status >= 400:
            self._end(at_ms, Ending.REFUSED, self.problem)
        elif self.problem:
            self._end(at_ms, Ending.FAILED, self.problem)
        elif self._events and not self._is_closed:
            self._end(at_ms, Ending.CUT, "The stream ended with neither an end event nor an error event.")
        else:
            self._end(at_ms, Ending.WHOLE)

    def break_off(self, at_ms: float, ending: Ending, problem: str) -> None:
        """Note that the transfer ended before it was whole."""
        if self._undecided:
            self._is_text()
        if self._document is not None:
            self._add(at_ms, self._document.decode(errors="replace"))
        self._end(at_ms, ending, problem)

    def _end(self, at_ms: float, ending: Ending, problem: str | None = None) -> None:
        self.problem = problem
        self.ended_ms = at_ms
        self.ending = ending

    def _take_events(self, stream: EventStream, at_ms: float, data: bytes) -> None:
        events = stream.feed(data)
        if stream.begun and self.first_byte_ms is None:
            self.first_byte_ms = at_ms
        if self.model is None:
            self._undecided.append((at_ms, data))
            if not events:
                return
            if not self._read_start(events.pop(0)):
                self._is_text()
                return
            self._undecided = []
        for event in events:
            self._read_event(at_ms, event)

    def _is_text(self) -> None:
        """Take the event stream of another function, whose events mean something else, as it is."""
        self._events, pieces, self._undecided = None, self._undecided, []
        for at_ms, data in pieces:
            self._add(at_ms, self._decoder.decode(data))

    def _read_start(self, event: Event) -> bool:
        said = _fields(event.data) if event.name == "start" else {}
        if not isinstance(said.get("model"), str) or not _id(said.get("request_id")):
            return False
        self._read_identity(said)
        return True

    def _read_identity(self, said: Mapping[str, Any]) -> None:
        self.request_id = _id(said.get("request_id")) or self.request_id
        self.cold_start = said.get("cold_start") is True
        self.model = str(said.get("model"))

    def _read_event(self, at_ms: float, event: Event) -> None:
        said = _fields(event.data)
        if event.name == "delta":
            self._add(at_ms, _text(said.get("text")) or "")
        elif event.name == "end":
            self._is_closed = True
            self._read_end(said)
        elif event.name == "error":
            self._is_closed = True
            self._read_problem(said)

    def _read_end(self, said: Mapping[str, Any]) -> None:
        self.stop_reason = _text(said.get("stop_reason"))
        usage = said.get("usage")
        self.usage = usage if isinstance(usage, dict) else {}

    def _read_problem(self, said: Mapping[str, Any]) -> None:
        self.problem = f"{said.get('type')}: {said.get('message')}"
        usage = said.get("partial_usage")
        self.usage = usage if isinstance(usage, dict) else {}

    def _read_document(self, at_ms: float, body: bytes) -> None:
        said = _fields(body)
        if isinstance(said.get("error"), dict):
            self._read_problem(said["error"])
        elif isinstance(said.get("text"), str) and _id(said.get("request_id")):
            self._read_identity(said)
            self._read_end(said)
            self._add(at_ms, said["text"])
        else:
            self._add(at_ms, body.decode(errors="replace"))

    def _add(self, at_ms: float, text: str) -> None:
        if not text:
            return
        if self.first_text_ms is None:
            self.first_text_ms = at_ms
        if self._last_text_ms is not None:
            longest = self.longest_gap
            if longest is None or at_ms - self._last_text_ms > longest[1] - longest[0]:
                self.longest_gap = (self._last_text_ms, at_ms)
        self._last_text_ms = at_ms
        kept = text[: MOST_CHARACTERS - self._characters]
        self._characters += len(kept)
        self.left_out += len(text) - len(kept)
        if kept:
            self.texts.append(kept)
        if len(self.ticks) < _MOST_TICKS:
            self.ticks.append(at_ms)


def _fields(data: str | bytes) -> dict[str, Any]:
    """Return the members of a JSON object, none if it is something else."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _text(said: object) -> str | None:
    return said if isinstance(said, str) else None


def _id(said: object) -> str | None:
    """Return what may stand in an address and in a filter pattern."""
    return said if isinstance(said, str) and _ID.fullmatch(said) else None
