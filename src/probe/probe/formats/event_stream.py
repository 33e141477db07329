"""Server-sent events out of bytes, however the bytes are cut. No input or output, and no idea of what the events mean.

Follows "Interpreting an event stream" of the HTML standard, without `id` and `retry`: the probe never reconnects.
"""

from __future__ import annotations

import codecs
import re

from .protocol import Message

_LINE_END = re.compile(r"\r\n|\r|\n")


class EventDecoder:
    """Turns pieces of an event stream into events; an event that the stream's end leaves open is never given.

    Attributes:
        unfinished: How many characters are kept of an event that is not complete.
        has_begun: A line has begun that is neither empty nor a comment, which only keeps the connection alive.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._at_start = True
        self._after_carriage_return = False
        self._partial_line: list[str] = []
        self._line_begins_with = ""
        self.has_begun = False
        self._name = ""
        self._data: list[str] = []
        self.unfinished = 0

    def feed(self, data: bytes) -> list[Message]:
        """The events that these bytes complete, in order."""
        text = self._decoder.decode(data)
        if not text:
            return []
        if self._at_start:
            self._at_start = False
            text = text[1:] if text[0] == "\ufeff" else text
        if self._after_carriage_return and text.startswith("\n"):
            text = text[1:]
        self._after_carriage_return = text.endswith("\r")
        first, *others = _LINE_END.split(text)
        self._partial_line.append(first)
        self._look_at(first)
        self.unfinished += len(first)
        events = []
        for beginning in others:
            self._line_begins_with = ""
            self._look_at(beginning)
            line = "".join(self._partial_line)
            self.unfinished += len(beginning) - len(line)
            event = self._line(line)
            if event is not None:
                events.append(event)
            self._partial_line = [beginning]
        return events

    def end(self) -> list[Message]:
        """Nothing: an event that no empty line ended is none."""
        return []

    def _look_at(self, text: str) -> None:
        if not self._line_begins_with and text:
            self._line_begins_with = text[0]
            self.has_begun = self.has_begun or text[0] != ":"

    def _line(self, line: str) -> Message | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if name == "event":
            self._name = value
        elif name == "data":
            self._data.append(value)
            self.unfinished += len(value) + 1
        return None

    def _dispatch(self) -> Message | None:
        event = Message(self._name or "message", "\n".join(self._data)) if self._data else None
        self.unfinished -= sum(len(value) + 1 for value in self._data)
        self._name, self._data = "", []
        return event
