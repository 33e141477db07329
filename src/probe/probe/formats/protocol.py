"""What a protocol says about its messages, and the reader that holds a stream's messages against the protocols."""

import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from ..json_object import parse_object


@dataclass(frozen=True)
class Message:
    """One event or line.

    Attributes:
        name: The event's name: "message" where there was none, and for a line.
        data: The event's data, or the line.
    """

    name: str
    data: str

    @cached_property
    def fields(self) -> dict[str, Any] | None:
        """The JSON object in the data, or None when it is none."""
        return parse_object(self.data)


@dataclass(frozen=True)
class Chunk:
    """What one message or one read of an answer says.

    Attributes:
        text: The text that it adds to the answer.
        facts: What it says of the answer under the names of a run's fields: `model`, `usage`, `output_tokens`, ... And
            `has_other_tokens`: some of the output's tokens are reasoning, a tool's input or the like, and no text.
        is_end: It is the end marker of its protocol.
        error: What it says of an error (`type`, `message`, `retryable`) that ends the answer, or None.
        is_broken: It should hold a JSON object and does not.
    """

    text: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    is_end: bool = False
    error: Mapping[str, Any] | None = None
    is_broken: bool = False


@dataclass(frozen=True)
class Protocol:
    """A protocol of streamed answers.

    Attributes:
        name: The format's name in a run.
        end: What its streams end with, for people, with an article.
        recognises: Whether a message can only be one of this protocol. It is asked until one is.
        read: What one of its messages says; a message that the protocol does not know says nothing.
    """

    name: str
    end: str
    recognises: Callable[[Message], bool]
    read: Callable[[Message], Chunk]


class Reader(typing.Protocol):
    """Turns the pieces of a body into chunks.

    Attributes:
        protocol: The protocol, as soon as it is recognised; None for a format that is none.
    """

    protocol: Protocol | None

    @property
    def name(self) -> str:
        """The format's name, as far as it can be told."""

    def feed(self, data: bytes) -> list[Chunk]:
        """The chunks that these bytes complete, in order."""

    def end(self) -> list[Chunk]:
        """The chunks that the end of the body completes."""


class Decoder(typing.Protocol):
    """Turns the pieces of a body into messages.

    Attributes:
        unfinished: How many characters are kept of a message that is not complete.
        has_begun: There was something that does more than keep the connection alive.
    """

    unfinished: int
    has_begun: bool

    def feed(self, data: bytes) -> list[Message]:
        """The messages that these bytes complete, in order."""

    def end(self) -> list[Message]:
        """The messages that the end of the body completes."""


class MessageReader:
    """Reads a stream of messages.

    Args:
        fallback: The format's name while no protocol is recognised.
        decoder: Cuts the body into messages.
        protocols: Those that the stream may be of.
    """

    def __init__(self, fallback: str, decoder: Decoder, protocols: Sequence[Protocol]) -> None:
        self.protocol: Protocol | None = None
        self._fallback = fallback
        self._decoder = decoder
        self._protocols = protocols

    @property
    def name(self) -> str:
        """The protocol's name, or the fallback."""
        return self.protocol.name if self.protocol else self._fallback

    @property
    def unfinished(self) -> int:
        """How many characters are kept of a message that is not complete."""
        return self._decoder.unfinished

    @property
    def has_begun(self) -> bool:
        """There was something that does more than keep the connection alive."""
        return self._decoder.has_begun

    def feed(self, data: bytes) -> list[Chunk]:
        """A chunk for each message that these bytes complete."""
        return [self._read(message) for message in self._decoder.feed(data)]

    def end(self) -> list[Chunk]:
        """A chunk for each message that the end of the body completes."""
        return [self._read(message) for message in self._decoder.end()]

    def _read(self, message: Message) -> Chunk:
        if self.protocol is None:
            self.protocol = next((each for each in self._protocols if each.recognises(message)), None)
        if self.protocol:
            return self.protocol.read(message)
        return failed(message) or Chunk()


def failed(message: Message) -> Chunk | None:
    """The error in a message that is named so, or whose object has one; None in any other, whatever it means."""
    fields = message.fields or {}
    if message.name != "error" and not fields.get("error"):
        return None
    return Chunk(error=_error(fields.get("error") or fields, message.data))


def _error(error: object, otherwise: str) -> dict[str, Any]:
    """What is said of an error.

    Args:
        error: An object, or words. In some servers its `code` is a number, in others a word: `rate_limit_exceeded`.
        otherwise: The message where there is none in it.
    """
    fields = object_of(error)
    kind = text_of(fields.get("type")) or text_of(fields.get("code"))
    message = text_of(fields.get("message")) or text_of(error) or otherwise
    return {"type": kind, "message": message, **{name: fields[name] for name in ("retryable",) if name in fields}}


def text_of(value: object) -> str:
    """`value` if it is a string, else no text."""
    return value if isinstance(value, str) else ""


def object_of(value: object) -> Mapping[str, Any]:
    """`value` if it is a JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}
