"""Lines out of bytes, however the bytes are cut: one JSON value in each line, as https://github.com/ndjson/ndjson-spec.

Only a line feed ends a line, with or without a carriage return before it: a JSON string may hold other line ends. Empty
lines are none; some servers send them to keep a connection alive.
"""

import codecs

from .protocol import Message


class LineDecoder:
    """Turns pieces of a body into lines; the end of the body ends the last one.

    Attributes:
        unfinished: How many characters are kept of a line that is not complete.
        has_begun: A line has begun that is not empty.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._partial_line: list[str] = []
        self.unfinished = 0
        self.has_begun = False

    def feed(self, data: bytes) -> list[Message]:
        """The lines that these bytes complete, in order."""
        return self._lines(self._decoder.decode(data))

    def end(self) -> list[Message]:
        """The last line, if no line feed ended it."""
        return self._lines(self._decoder.decode(b"", final=True) + "\n")

    def _lines(self, text: str) -> list[Message]:
        self.has_begun = self.has_begun or bool(text.strip())
        first, *others = text.split("\n")
        self._partial_line.append(first)
        self.unfinished = len(others[-1]) if others else self.unfinished + len(first)
        lines = []
        for beginning in others:
            line = "".join(self._partial_line)
            self._partial_line = [beginning]
            if line.strip():
                lines.append(Message("message", line))
        return lines
