"""The formats of answers: what each content type and each protocol is read as, however the bytes are cut."""

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.formats import BY_FIRSTBYTE, FORMATS, WITHOUT_TOKENS, described, reader
from probe.formats.protocol import Chunk
from stream_samples import (
    ANTHROPIC,
    ANTHROPIC_ERROR,
    ANTHROPIC_START,
    FIRSTBYTE_LINES,
    FIRSTBYTE_TIMING,
    FIRSTBYTE_USAGE,
    LINES_ERROR,
    LINES_START,
    OPENAI,
    OPENAI_AWKWARD,
    OPENAI_DONE,
    OPENAI_ERROR,
    OPENAI_REASONING,
    OPENAI_USAGE,
    anthropic_delta,
    data,
    line,
    openai_chunk,
)

SSE, NDJSON = "text/event-stream; charset=utf-8", "application/x-ndjson"


@dataclass
class Read:
    """What a reader made of a body."""

    name: str
    chunks: list[Chunk]
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def texts(self) -> list[str]:
        return [chunk.text for chunk in self.chunks if chunk.text]

    @property
    def closings(self) -> list[object]:
        return [chunk.error or "end" for chunk in self.chunks if chunk.is_end or chunk.error is not None]


def read(content_type: str, *pieces: bytes) -> Read:
    of = reader(content_type)
    chunks = [chunk for piece in pieces for chunk in of.feed(piece)] + of.end()
    facts: dict[str, Any] = {}
    for chunk in chunks:
        facts |= chunk.facts
    return Read(of.name, chunks, facts)


STREAMS: dict[str, tuple[str, list[bytes], str, list[str], dict[str, Any]]] = {
    "openai": (
        *(SSE, OPENAI, "openai", ["Grüße", " 😀"]),
        {
            "model": "gpt-x-2026-01-01",
            "stop_reason": "stop",
            "usage": OPENAI_USAGE,
            "input_tokens": 19,
            "output_tokens": 10,
        },
    ),
    "openai, reasoning and tools": (
        *(SSE, OPENAI_REASONING, "openai", ["42", "!"]),
        {"model": "gpt-x-2026-01-01", "stop_reason": "tool_calls", "has_other_tokens": True},
    ),
    "openai, awkward": (
        *(SSE, OPENAI_AWKWARD, "openai", ["Grüße", " 😀"]),
        {"model": "gpt-x-2026-01-01", "stop_reason": "length"},
    ),
    "anthropic": (
        *(SSE, ANTHROPIC, "anthropic", ["Grüße", " 😀"]),
        {
            "model": "claude-x-1",
            "stop_reason": "tool_use",
            "has_other_tokens": True,
            "usage": {"output_tokens": 89},
            "input_tokens": 25,
            "output_tokens": 89,
        },
    ),
    "firstbyte, lines": (
        *(NDJSON, FIRSTBYTE_LINES, "firstbyte-ndjson", ["Grüße", " 😀"]),
        {
            "request_id": "r",
            "trace_id": "1-2-3",
            "model": "m",
            "cold_start": True,
            "stop_reason": "end_turn",
            "timing": FIRSTBYTE_TIMING,
            "usage": FIRSTBYTE_USAGE,
            **FIRSTBYTE_USAGE,
        },
    ),
}


@pytest.mark.parametrize(("content_type", "events", "name", "texts", "facts"), STREAMS.values(), ids=STREAMS)
def test_a_protocol_is_recognised_and_read(
    content_type: str, events: list[bytes], name: str, texts: list[str], facts: dict[str, Any]
) -> None:
    found = read(content_type, *events)
    assert (found.name, found.texts, found.facts, found.closings) == (name, texts, facts, ["end"])
    # An event that is cut, and a character, are what they are when they are complete.
    body = b"".join(events)
    assert read(content_type, *(body[i : i + 1] for i in range(len(body)))) == found
    for cut in range(0, len(body), 7):
        assert read(content_type, body[:cut], b"", body[cut:]) == found


@given(st.sampled_from([*STREAMS.values()]), st.data())
def test_any_cut_gives_the_same(stream: tuple[str, list[bytes], str, list[str], Any], draw: st.DataObject) -> None:
    content_type, events, name, texts, _ = stream
    body = b"".join(events)
    cuts = sorted(draw.draw(st.lists(st.integers(0, len(body)), max_size=9)))
    found = read(content_type, *(body[start:end] for start, end in itertools.pairwise([0, *cuts, len(body)])))
    assert (found.name, found.texts) == (name, texts)


OTHER_TOKENS: dict[str, list[bytes]] = {
    "reasoning": [data(openai_chunk({"reasoning": "a", "content": None}))],
    "reasoning_content": [data(openai_chunk({"reasoning_content": "a"}))],
    "a tool": [data(openai_chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]}))],
    "reasoning that is only counted": [
        data(openai_chunk(usage={**OPENAI_USAGE, "completion_tokens_details": {"reasoning_tokens": 7}}))
    ],
    "thinking": [ANTHROPIC_START, anthropic_delta("thinking_delta", "thinking", "a")],
    "a tool's input": [ANTHROPIC_START, anthropic_delta("input_json_delta", "partial_json", "{")],
}


@pytest.mark.parametrize("events", OTHER_TOKENS.values(), ids=OTHER_TOKENS)
def test_tokens_that_are_no_text_are_noted(events: list[bytes]) -> None:
    assert read(SSE, *events).facts["has_other_tokens"] is True


@pytest.mark.parametrize(
    "events",
    [
        [data(openai_chunk({"reasoning": None, "reasoning_content": "", "tool_calls": []}))],
        [data(openai_chunk(usage={"completion_tokens_details": None}))],
        [data(openai_chunk(usage={"completion_tokens_details": {"reasoning_tokens": "x"}}))],
        [ANTHROPIC_START, anthropic_delta("text_delta", "text", "a")],
    ],
)
def test_tokens_that_are_text_are_not(events: list[bytes]) -> None:
    assert "has_other_tokens" not in read(SSE, *events).facts


def worded(message: str, kind: str = "") -> dict[str, Any]:
    """What is read of an error with these words."""
    return {"type": kind, "message": message}


ERRORS: dict[str, tuple[str, list[bytes], str, dict[str, Any]]] = {
    "openai": (
        *(SSE, [OPENAI[0], data(OPENAI_ERROR), OPENAI_DONE], "openai"),
        {"type": "server_error", "message": "The server had an error"},
    ),
    "openai, all there is": (
        *(SSE, [data({"error": {"message": "no", "code": "rate_limit_exceeded"}})], "openai"),
        {"type": "rate_limit_exceeded", "message": "no"},
    ),
    "openai, a word": (SSE, [OPENAI[0], data({"error": "oh"})], "openai", {"type": "", "message": "oh"}),
    "anthropic": (
        *(SSE, [ANTHROPIC_START, ANTHROPIC_ERROR], "anthropic"),
        {"type": "overloaded_error", "message": "Overloaded"},
    ),
    "anthropic, all there is": (
        *(SSE, [ANTHROPIC_ERROR], "anthropic"),
        {"type": "overloaded_error", "message": "Overloaded"},
    ),
    "firstbyte, lines": (
        *(NDJSON, [LINES_START, LINES_ERROR], "firstbyte-ndjson"),
        {"type": "throttled", "message": "later", "retryable": True},
    ),
    "openai, without words": (SSE, [OPENAI[0], data({"error": {"a": 1}})], "openai", worded('{"error": {"a": 1}}')),
    "openai, a named event": (SSE, [OPENAI[0], data({"detail": "no"}, "error")], "openai", worded('{"detail": "no"}')),
    "openai, a named word": (SSE, [OPENAI[0], data("no", "error")], "openai", worded("no")),
    "anthropic, another's": (SSE, [ANTHROPIC_START, data({"error": {"message": "no"}})], "anthropic", worded("no")),
    "anthropic, a named word": (SSE, [ANTHROPIC_START, data("no", "error")], "anthropic", worded("no")),
    "firstbyte, lines, all there is": (
        *(NDJSON, [LINES_ERROR], "ndjson"),
        {"type": "throttled", "message": "later", "retryable": True},
    ),
    "nobody's": (SSE, [data("x"), data({"message": "no", "type": "t"}, "error")], "sse", worded("no", "t")),
    "nobody's, a word": (SSE, [data("no", "error")], "sse", worded("no")),
    "nobody's, an object": (SSE, [data({"error": {"message": "no", "type": "t"}}, "error")], "sse", worded("no", "t")),
    "nobody's, other fields": (SSE, [data({"detail": "no"}, "error")], "sse", worded('{"detail": "no"}')),
    "ollama": (NDJSON, [line(done=False), line(error="runner has stopped")], "ndjson", worded("runner has stopped")),
    "text generation inference": (SSE, [data({"error": "overloaded", "error_type": "x"})], "sse", worded("overloaded")),
}


@pytest.mark.parametrize(("content_type", "events", "name", "error"), ERRORS.values(), ids=ERRORS)
def test_an_error_in_the_stream(content_type: str, events: list[bytes], name: str, error: dict[str, Any]) -> None:
    found = read(content_type, *events)
    assert (found.name, found.closings[0], found.texts) == (name, error, [])


STRANGERS: dict[str, tuple[str, bytes, str, int]] = {
    "no errors": (NDJSON, line(error=None) + line(error="") + line(error=False) + line(errors=1), "ndjson", 4),
    "events": (SSE, data("hello") + data({"type": "start"}) + data({"choices": []}) + data("[DONE]"), "sse", 4),
    "events named like ours": (SSE, data({"text": "a"}, "delta") + data({"messageId": 1}, "start"), "sse", 2),
    "a start with a model": (SSE, data({"model": "m"}, "start") + data({"a": 1}, "token") + data({}, "done"), "sse", 3),
    "a start with a request": (NDJSON, line(type="start", request_id="r") + line(type="done"), "ndjson", 2),
    "events of OpenAI's responses": (SSE, data({"type": "response.created"}, "response.created"), "sse", 1),
    "lines": (NDJSON, line(model="x", response="a", done=False) + b"\r\n\n[1]\r\nno JSON\n", "ndjson", 3),
    "a last line without its end": (NDJSON, b'\xef\xbb\xbf{"a": 1}\n{"a": 2}', "ndjson", 2),
    "a line of ours that is no start": (NDJSON, line(type="start", messageId=1) + line(type="delta"), "ndjson", 2),
    "bytes": ("application/octet-stream", b"event: start\n\n", "bytes", 1),
    "nothing said": ("", b"hello", "bytes", 1),
    "a picture": ("image/png", b"\x89PNG", "bytes", 1),
    "text": ("Text/Plain; charset=utf-8", b"event: start\n\n", "text", 1),
    "a page": ("text/html", b"<p>", "text", 1),
    "a document": ("application/json;charset=utf-8", b'{"text": "a"}', "json", 1),
    "a problem": ("application/problem+json", b"{}", "json", 1),
    "an empty text": ("text/plain", b"", "text", 0),
    "an empty document": ("application/json", b"", "json", 0),
    "no bytes": ("application/octet-stream", b"", "bytes", 0),
    "keep-alives": (SSE, b": ping\n\n: ping\n\n", "sse", 0),
    "half a character": ("text/plain", b"\xe2\x82", "text", 0),
}


@pytest.mark.parametrize(("content_type", "body", "name", "count"), STRANGERS.values(), ids=STRANGERS)
def test_what_no_protocol_recognises(content_type: str, body: bytes, name: str, count: int) -> None:
    found = read(content_type, body)
    assert (found.name, len(found.chunks)) == (name, count)
    assert found.closings == []


@pytest.mark.parametrize("name", ["ndjson", "x-ndjson", "jsonl", "x-jsonl", "jsonlines", "x-jsonlines", "stream+json"])
def test_the_names_that_lines_go_by(name: str) -> None:
    assert read(f"application/{name.upper()}; charset=utf-8", *FIRSTBYTE_LINES).name == "firstbyte-ndjson"


@pytest.mark.parametrize(
    ("charset", "body", "texts"),
    [
        ("", "ä".encode(), ["ä"]),
        ("; charset=ISO-8859-1", b"\xe4", ["ä"]),
        ('; format=flowed; charset="latin-1"', b"\xe4", ["ä"]),
        ("; charset=utf-16", "ä".encode("utf-16"), ["ä"]),
        ("; charset=utf-16", b"hi there", ["hi there"]),
        ("; charset=utf-32", b"hi there", ["hi there"]),
        ("; charset=idna", b"a \xe2\x82\xac", ["a \u20ac"]),
        ("; charset=punycode", b"a \xe2\x82\xac", ["a \u20ac"]),
        ("; charset=hex", b"e4", ["e4"]),
        ("; charset=no-such", b"e4", ["e4"]),
        ("; charset=a\x00b", b"e4", ["e4"]),
        ("; charset", b"\xff", ["\ufffd"]),
        ("", "\ufeffä".encode(), ["ä"]),
    ],
)
def test_text_is_read_in_its_charset(charset: str, body: bytes, texts: list[str]) -> None:
    assert read(f"text/plain{charset}", body).texts == texts


@given(
    st.sampled_from(["utf-16", "utf-32", "idna", "punycode", "utf-7"]),
    st.lists(st.binary(max_size=9), max_size=4),
)
def test_no_charset_breaks_the_reader(charset: str, pieces: list[bytes]) -> None:
    read(f"text/plain; charset={charset}", *pieces)


def test_a_character_belongs_to_the_read_that_completes_it() -> None:
    of = reader("text/plain")
    assert [[chunk.text for chunk in of.feed(piece)] for piece in (b"a\xe2", b"\x82", b"\xac", b"")] == [
        ["a"],
        [],
        ["\u20ac"],
        [],
    ]


BROKEN: dict[str, tuple[str, list[bytes]]] = {
    "openai": (SSE, [data(openai_chunk({"content": 7})), data({"choices": [None, {"delta": None}]}), data("{")]),
    "anthropic": (SSE, [ANTHROPIC_START, data({"type": "content_block_delta", "delta": []}), data("[]")]),
    "anthropic, no message": (SSE, [data({"type": "message_start", "message": None}), data("[]")]),
    "firstbyte": (NDJSON, [LINES_START, line(type="delta", text=None), line(type=7), b"{\n"]),
}


@pytest.mark.parametrize(("content_type", "events"), BROKEN.values(), ids=BROKEN)
def test_nothing_that_a_stranger_sends_breaks_a_reader(content_type: str, events: list[bytes]) -> None:
    found = read(content_type, *events)
    assert found.name not in WITHOUT_TOKENS
    assert (found.texts, [chunk.is_broken for chunk in found.chunks][-1]) == ([], True)


values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2),
    max_leaves=3,
)


@given(
    st.sampled_from([[OPENAI[1]], [ANTHROPIC_START], []]),
    st.lists(
        st.dictionaries(
            st.sampled_from(["type", "choices", "delta", "error", "usage", "message", "model", "object", "text"]),
            values | st.sampled_from(["message_delta", "content_block_delta", "error", "start"]),
        ),
        max_size=3,
    ),
)
def test_any_fields_are_read(first: list[bytes], events: list[dict[str, Any]]) -> None:
    found = read(SSE, *first, *(data(fields) for fields in events))
    assert len(found.chunks) == len(first) + len(events)


def test_the_names_of_the_formats() -> None:
    assert len(set(FORMATS)) == len(FORMATS)
    assert {*WITHOUT_TOKENS, *BY_FIRSTBYTE} < set(FORMATS)
    assert described("openai") == "openai"
    assert described("bytes") == "bytes (timed by chunks as they come; no token is known)"
