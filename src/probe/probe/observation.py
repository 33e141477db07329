"""What the reader saw of one response, and when: timestamped bytes in, timestamped events out. Judges nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .curl import HEADER, Arrival
from .events import Event, EventDecoder
from .response_head import ResponseHead, parse_response_head

# What is asked for: an answer as a stream of events, or in one piece.
EVENT_STREAM, DOCUMENT = "text/event-stream", "application/json"

# More than Lambda gives in one piece, which is 6 MB: a JSON answer or error is kept whole, an endless body is not.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
KEPT_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True)
class TimedEvent:
    """An event of the function's contract.

    Attributes:
        at: When the read that completed it returned, in seconds of the reader's clock.
        name: `start`, `delta`, `end`, `error`, or one that a later version of the function sends.
        fields: The JSON object in its data, or None when the data is none.
    """

    at: float
    name: str
    fields: Mapping[str, Any] | None

    @property
    def text(self) -> str:
        """The text that a `delta` carries; "" for every other event."""
        text = self.fields.get("text") if self.name == "delta" and self.fields else None
        return text if isinstance(text, str) else ""


@dataclass
class Observation:
    """One response as it came in.

    Attributes:
        head: The final response's head, once it is complete.
        first_header_at: When the first byte of any header section came, in seconds of the reader's clock.
        first_body_at: When the first byte of the body came, likewise.
        last_body_at: When the last one came, until now, likewise.
        body_bytes: How many bytes of body came.
        kept_body: A body that is not an event stream, up to `KEPT_BYTES` of it.
        events: The events, in order.
    """

    head: ResponseHead | None = None
    first_header_at: float | None = None
    first_body_at: float | None = None
    last_body_at: float | None = None
    body_bytes: int = 0
    kept_body: bytearray = field(default_factory=bytearray)
    events: list[TimedEvent] = field(default_factory=list)

    @property
    def media_type(self) -> str:
        """The response's media type in lower case; "" as long as there is none."""
        content_type = self.head.headers.get("content-type", "") if self.head else ""
        return content_type.partition(";")[0].strip().lower()

    @property
    def is_event_stream(self) -> bool:
        """The response is a streamed answer: an event stream with status 200."""
        return self.head is not None and self.head.status == 200 and self.media_type == EVENT_STREAM


class Observer:
    """Builds an `Observation` out of arrivals.

    Attributes:
        observation: What has been seen until now.
    """

    def __init__(self) -> None:
        self.observation = Observation()
        self._header_bytes = bytearray()
        self._decoder = EventDecoder()

    def take(self, arrival: Arrival) -> str:
        """Note one arrival and return the text that it added to the answer."""
        if arrival.source == HEADER:
            self._take_header(arrival)
            return ""
        seen = self.observation
        if seen.first_body_at is None:
            seen.first_body_at = arrival.at
        seen.last_body_at = arrival.at
        seen.body_bytes += len(arrival.data)
        if not seen.is_event_stream:
            seen.kept_body += arrival.data[: KEPT_BYTES - len(seen.kept_body)]
            return ""
        if seen.body_bytes > KEPT_BYTES:
            return ""
        events = [_timed(arrival.at, event) for event in self._decoder.feed(arrival.data)]
        seen.events += events
        return "".join(event.text for event in events)

    def _take_header(self, arrival: Arrival) -> None:
        seen = self.observation
        if seen.first_header_at is None:
            seen.first_header_at = arrival.at
        if seen.head is None:
            self._header_bytes += arrival.data
            seen.head = parse_response_head(bytes(self._header_bytes))


def _timed(at: float, event: Event) -> TimedEvent:
    return TimedEvent(at, event.name, parse_object(event.data))


def parse_object(text: str | bytes | bytearray) -> dict[str, Any] | None:
    """The JSON object in `text`, or None when it is none. NaN and numbers beyond a float's range are no JSON here."""
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value
