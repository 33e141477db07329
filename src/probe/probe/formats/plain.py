"""Bodies without messages: text, a document in one piece, and bytes that nobody can read.

Their chunks are reads, as they come from curl. The network, or a proxy, may have merged or cut what the server wrote.
"""

import codecs

from .protocol import Chunk, Protocol


class TextReader:
    """Reads text: a chunk is a read that completes a character or more.

    Args:
        charset: One that Python knows. If it cannot decode the text, as UTF-16 without a byte order mark, UTF-8 can.
    """

    name = "text"

    def __init__(self, charset: str) -> None:
        self.protocol: Protocol | None = None
        self._decoder = codecs.getincrementaldecoder(charset)("replace")
        self._at_start = True

    def feed(self, data: bytes) -> list[Chunk]:
        """The text of these bytes, unless they complete no character."""
        try:
            text = self._decoder.decode(data)
        except ValueError:  # some codecs raise it whatever is to be done with errors
            self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
            text = self._decoder.decode(data)
        if text and self._at_start:
            self._at_start = False
            text = text.removeprefix("\ufeff")
        return [Chunk(text)] if text else []

    def end(self) -> list[Chunk]:
        """Nothing: half a character is no text."""
        return []


class DocumentReader:
    """Reads a document that is of use only when it is whole: its end is its one chunk."""

    name = "json"

    def __init__(self) -> None:
        self.protocol: Protocol | None = None
        self._is_empty = True

    def feed(self, data: bytes) -> list[Chunk]:
        """No chunk."""
        self._is_empty = self._is_empty and not data
        return []

    def end(self) -> list[Chunk]:
        """The document, unless there was none."""
        return [] if self._is_empty else [Chunk()]


class BytesReader:
    """Reads bytes: a chunk is a read."""

    name = "bytes"

    def __init__(self) -> None:
        self.protocol: Protocol | None = None

    def feed(self, data: bytes) -> list[Chunk]:
        """These bytes, if there are any."""
        return [Chunk()] if data else []

    def end(self) -> list[Chunk]:
        """Nothing."""
        return []
