"""Formats of an answer: recognised by the content type and then by the content, and read into what a run needs.

The content type decides how the body is cut into chunks:

| Content type | A chunk is |
|---|---|
| `text/event-stream` | a server-sent event (`event_stream.py`) |
| `application/x-ndjson`, `application/jsonl` and their likes | a line (`lines.py`) |
| any other `text/...` | the text of one read (`plain.py`) |
| `application/json`, `...+json` | the whole body (`plain.py`) |
| anything else, or none | one read (`plain.py`) |

Among events and lines, the first one that a protocol recognises decides about the rest: `firstbyte.py`, `openai.py`,
`anthropic.py`. In a stream of a known protocol the chunks are its pieces of text, and its end marker must come. A
stream that nobody recognises is timed chunk by chunk: which of its chunks is the first token cannot be known. There,
too, an event with the name `error`, and an object with an `error` in it, are errors.

Dependencies point one way: a protocol knows `protocol.py`, this file knows the protocols, nothing here knows a clock.
"""

from . import anthropic, firstbyte, openai
from .event_stream import EventDecoder
from .lines import LineDecoder
from .plain import BytesReader, DocumentReader, TextReader
from .protocol import MessageReader, Reader

EVENT_STREAM, DOCUMENT = "text/event-stream", "application/json"

# Formats without a protocol, and how they are timed. In all of them but text no token can be told from other chunks.
_HOW_TIMED = {
    "sse": "timed event by event; no token is known",
    "ndjson": "timed line by line; no token is known",
    "text": "timed by chunks as they come",
    "json": "one piece; no token is known",
    "bytes": "timed by chunks as they come; no token is known",
}
WITHOUT_TOKENS = tuple(name for name in _HOW_TIMED if name != "text")

# The names of a run's `format`. Those of this stack's function come first.
BY_FIRSTBYTE = (firstbyte.EVENTS.name, firstbyte.LINES.name)
FORMATS = (*BY_FIRSTBYTE, openai.EVENTS.name, anthropic.EVENTS.name, *_HOW_TIMED)

# None of them is registered; these are in use. https://github.com/ndjson/ndjson-spec, https://jsonlines.org
_LINES = {
    f"application/{name}"
    for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonl", "jsonlines", "x-jsonlines", "json-lines", "stream+json")
}


def described(name: str) -> str:
    """A format's name and, if it has no protocol, how it is timed."""
    return f"{name} ({_HOW_TIMED[name]})" if name in _HOW_TIMED else name


def reader(content_type: str) -> Reader:
    """What reads a body of this content type; an empty one stands for none."""
    media_type, *parameters = (part.strip() for part in content_type.split(";"))
    media_type = media_type.lower()
    if media_type == EVENT_STREAM:
        return MessageReader("sse", EventDecoder(), (firstbyte.EVENTS, anthropic.EVENTS, openai.EVENTS))
    if media_type in _LINES:
        return MessageReader("ndjson", LineDecoder(), (firstbyte.LINES,))
    if media_type.startswith("text/"):
        return TextReader(_charset(parameters))
    if media_type == DOCUMENT or media_type.endswith("+json"):
        return DocumentReader()
    return BytesReader()


def _charset(parameters: list[str]) -> str:
    """The charset among a content type's parameters, if Python can decode it; else UTF-8."""
    pairs = (each.partition("=") for each in parameters)
    charset = next((value.strip(' "') for name, _, value in pairs if name.strip().lower() == "charset"), "")
    try:
        "".encode(charset)
    except (LookupError, ValueError):
        return "utf-8"
    return charset
