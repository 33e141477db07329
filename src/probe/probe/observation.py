"""What the reader saw of one response, and when: timestamped bytes in, timestamped chunks out. Judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .content_coding import CorruptBodyError, Deflated, Plain, decoder, effective
from .curl import HEADER, Arrival
from .formats import reader
from .formats.plain import DocumentReader
from .formats.protocol import Chunk, MessageReader, Protocol, Reader
from .response_head import ResponseHead, parse_response_head

# More than Lambda gives in one piece, which is 6 MB: a JSON answer or error is kept whole, an endless body is not.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
KEPT_BYTES = 8 * 1024 * 1024

# It ends a header section; before it stands the end of a line.
_EMPTY_LINE = re.compile(rb"\n\r?\n")

# Ten times the longest answer of a model: its events and lines are not kept, but the moment of each text is.
MOST_MESSAGES = 1_000_000


@dataclass
class Observation:
    """One response as it came in.

    Attributes:
        head: The final response's head, once it is complete.
        first_header_at: When the first byte of any header section came, in seconds of the reader's clock.
        first_body_at: When the first byte of the body came, likewise. A comment or an empty line before the first event
            or line is none: it only keeps the connection alive.
        last_body_at: When the last one came, until now, likewise.
        body_bytes: How many bytes of body came, as they were on the wire.
        decoded_bytes: How many of them there are without the coding, as far as they were decoded.
        content_encoding: The body's coding in lower case, or None.
        corruption: Why the body is not what its coding says, or None.
        kept_body: The decoded body of an error or of a document, up to `KEPT_BYTES` of it.
        format: The format of an answer, one of `formats.FORMATS`, as far as it can be told; None without an answer.
        protocol: Its protocol, if it has one.
        chunks: When each of its chunks came, in seconds of the reader's clock: where text can be told, pieces of text.
        facts: What it says of itself, under the names of a run's fields.
        messages: How many events or lines came; in a format without them, how many reads, or 1 for a document.
        broken: How many of them should hold a JSON object and do not.
        has_ended: Its end marker came.
        error: What it says of the error that ended it, or None.
        too_long: Why the rest was not read, if there was more of it than is kept; else "".
    """

    head: ResponseHead | None = None
    first_header_at: float | None = None
    first_body_at: float | None = None
    last_body_at: float | None = None
    body_bytes: int = 0
    decoded_bytes: int = 0
    content_encoding: str | None = None
    corruption: str | None = None
    kept_body: bytearray = field(default_factory=bytearray)
    format: str | None = None
    protocol: Protocol | None = None
    chunks: list[float] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    messages: int = 0
    broken: int = 0
    has_ended: bool = False
    error: Mapping[str, Any] | None = None
    too_long: str = ""

    @property
    def media_type(self) -> str:
        """The response's media type in lower case; "" as long as there is none."""
        content_type = self.head.headers.get("content-type", "") if self.head else ""
        return content_type.partition(";")[0].strip().lower()

    @property
    def is_answer(self) -> bool:
        """The response has a status of success (2xx)."""
        return self.head is not None and self.head.status // 100 == 2

    @property
    def is_undecodable(self) -> bool:
        """The body's coding is none that can be undone."""
        return self.content_encoding is not None and decoder(self.content_encoding) is None


class Observer:
    """Builds an `Observation` out of arrivals.

    Attributes:
        observation: What has been seen until now.
    """

    def __init__(self) -> None:
        self.observation = Observation()
        self._header_bytes = bytearray()
        self._decoder: Plain | Deflated | None = None
        self._reader: Reader | None = None

    def take(self, arrival: Arrival) -> str:
        """Note one arrival and return the text that it added to the answer."""
        if arrival.source == HEADER:
            self._take_header(arrival)
            return ""
        seen = self.observation
        seen.last_body_at = arrival.at
        seen.body_bytes += len(arrival.data)
        text = self._decode(arrival)
        if seen.first_body_at is None and not self._is_kept_alive_only():
            seen.first_body_at = arrival.at
        return text

    def end(self) -> None:
        """Note that the transfer has come to its proper end."""
        seen = self.observation
        if self._reader and seen.last_body_at is not None:
            self._note(seen.last_body_at, self._reader.end())
        if self._decoder and not seen.corruption:
            try:
                self._decoder.end()
            except CorruptBodyError as error:
                seen.corruption = str(error)

    def _take_header(self, arrival: Arrival) -> None:
        seen = self.observation
        if seen.first_header_at is None:
            seen.first_header_at = arrival.at
        if seen.head is None:
            looked_at = max(len(self._header_bytes) - 2, 0)  # an empty line may have begun there
            self._header_bytes += arrival.data
            ends = [found.end() for found in _EMPTY_LINE.finditer(self._header_bytes, looked_at)]
            if ends:
                seen.head = parse_response_head(bytes(self._header_bytes))
                del self._header_bytes[: ends[-1]]
            if seen.head:
                self._prepare(seen.head)

    def _prepare(self, head: ResponseHead) -> None:
        coding = effective(head.headers.get("content-encoding", ""))
        self.observation.content_encoding = coding or None
        self._decoder = decoder(coding)
        if self.observation.is_answer:
            self._reader = reader(head.headers.get("content-type", ""))
            self.observation.format = self._reader.name

    def _decode(self, arrival: Arrival) -> str:
        seen = self.observation
        if self._decoder is None or seen.corruption or seen.too_long:
            return ""
        try:
            return "".join([self._take_body(arrival.at, data) for data in self._decoder.decode(arrival.data)])
        except CorruptBodyError as error:
            seen.corruption = str(error)
            return ""

    def _is_kept_alive_only(self) -> bool:
        """The body has begun, but no message of it; a body that cannot be read is taken for what it seems to be."""
        is_read = self._decoder is not None and not self.observation.corruption
        return is_read and isinstance(self._reader, MessageReader) and not self._reader.has_begun

    def _take_body(self, at: float, data: bytes) -> str:
        seen = self.observation
        seen.decoded_bytes += len(data)
        if self._reader is None or isinstance(self._reader, DocumentReader):
            seen.kept_body += data[: KEPT_BYTES - len(seen.kept_body)]
        if self._reader is None or seen.too_long:
            return ""
        if not isinstance(self._reader, MessageReader):
            # It can be timed whatever its length, but one that was compressed grows here: a little may become a lot.
            if seen.decoded_bytes > KEPT_BYTES and isinstance(self._decoder, Deflated):
                seen.too_long = (
                    f"the answer, without its compression, is longer than {KEPT_BYTES} bytes, and is not kept"
                )
                return ""
            return self._note(at, self._reader.feed(data))
        text = self._note(at, self._reader.feed(data))
        if self._reader.unfinished > KEPT_BYTES:
            seen.too_long = f"one event or line is longer than {KEPT_BYTES} bytes, and is not kept"
        elif seen.messages > MOST_MESSAGES:
            seen.too_long = f"the answer has more than {MOST_MESSAGES} events or lines, and the others are not kept"
        return text

    def _note(self, at: float, chunks: Iterable[Chunk]) -> str:
        """Note what came; what comes behind the answer's end is only counted."""
        seen, text = self.observation, ""
        for chunk in chunks:
            seen.messages += 1
            seen.broken += chunk.is_broken
            if seen.has_ended or seen.error is not None:
                continue
            seen.has_ended, seen.error = chunk.is_end, chunk.error
            if chunk.facts:
                _add(seen.facts, chunk.facts)
            assert self._reader is not None  # it gave the chunk
            if seen.protocol is None and self._reader.protocol:
                seen.chunks.clear()  # what came before was no text
            seen.format, seen.protocol = self._reader.name, self._reader.protocol
            is_chunk = bool(chunk.text) if seen.protocol else chunk.error is None
            # A read that is decoded in several steps is one chunk.
            if is_chunk and (isinstance(self._reader, MessageReader) or seen.chunks[-1:] != [at]):
                seen.chunks.append(at)
            text += chunk.text
        return text


def _add(facts: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add to the facts, in place; a usage may come in many parts."""
    usage, part = facts.get("usage"), more.get("usage")
    facts.update(more)
    if isinstance(usage, dict):
        facts["usage"] = usage
        usage.update(part if isinstance(part, dict) else {})
    elif isinstance(part, dict):
        facts["usage"] = dict(part)
