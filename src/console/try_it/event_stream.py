"""Decodes server-sent events from bytes as they come, wherever those were split.

https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

import codecs
import re
from dataclasses import dataclass

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its name, `message` if the stream gave none, and its data."""

    name: str
    data: str


class EventStream:
    """The events of one response.

    Attributes:
        begun: whether anything but comments has come; a comment only keeps the connection open.
    """

    def __init__(self) -> None:
        self.begun = False
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        # A line that has not ended, in the pieces in which it came: joining them for each piece would take ever longer.
        self._pieces: list[str] = []
        self._after_cr = False
        self._name = ""
        self._data: list[str] = []

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that these bytes complete. An event needs the empty line at its end."""
        text = self._decoder.decode(data)
        if not text:
            return []
        if self._after_cr:
            text = text.removeprefix("\n")
        self._after_cr = text.endswith("\r")
        *ended, rest = _LINE_END.split(text)
        events = []
        for piece in ended:
            line = "".join((*self._pieces, piece))
            self._pieces = []
            if event := self._take(line):
                events.append(event)
        if rest:
            self._pieces.append(rest)
            self._note_begin(self._pieces[0])
        return events

    def _take(self, line: str) -> Event | None:
        self._note_begin(line)
        if not line:
            event = Event(self._name or "message", "\n".join(self._data)) if self._data else None
            self._name, self._data = "", []
            return event
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            self._name = value
        elif field == "data":
            self._data.append(value)
        return None

    def _note_begin(self, line: str) -> None:
        if line and not line.startswith(":"):
            self.begun = True
