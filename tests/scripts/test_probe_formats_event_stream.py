"""The probe's reading of event streams: the standard's corner cases, and every way to cut the bytes."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.formats.event_stream import EventDecoder
from probe.formats.protocol import Message as Event

CASES = {
    "one": (b"event: a\ndata: 1\n\n", [Event("a", "1")]),
    "no name": (b"data: 1\n\n", [Event("message", "1")]),
    "the name is not kept": (b"event: a\ndata: 1\n\ndata: 2\n\n", [Event("a", "1"), Event("message", "2")]),
    "carriage return and line feed": (
        b"event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n",
        [Event("a", "1"), Event("message", "2")],
    ),
    "carriage return alone": (b"event: a\rdata: 1\r\rdata: 2\r\r", [Event("a", "1"), Event("message", "2")]),
    "mixed line ends": (b"event: a\rdata: 1\r\ndata: 2\n\r\n", [Event("a", "1\n2")]),
    "several data lines": (b"data: 1\ndata:\ndata: 3\n\n", [Event("message", "1\n\n3")]),
    "only one space goes": (b"data:  1 \n\n", [Event("message", " 1 ")]),
    "no space": (b"data:1\n\n", [Event("message", "1")]),
    "a field without colon": (b"data\n\n", [Event("message", "")]),
    "colons in the value": (b"data: a: b\n\n", [Event("message", "a: b")]),
    "comments": (b": hello\ndata: 1\n:\n\n: bye\n\n", [Event("message", "1")]),
    "unknown fields": (b"id: 7\nretry: 9\nnonsense\ndata: 1\n\n", [Event("message", "1")]),
    "a name without data": (b"event: a\n\ndata: 1\n\n", [Event("message", "1")]),
    "open at the end": (b"data: 1\n\ndata: 2\n", [Event("message", "1")]),
    "byte order mark": (b"\xef\xbb\xbfdata: 1\n\n", [Event("message", "1")]),
    "beyond ASCII": ("data: \u20ac\U0001f600\u2028x\n\n".encode(), [Event("message", "\u20ac\U0001f600\u2028x")]),
    "not UTF-8": (b"data: a\xff\xfeb\n\n", [Event("message", "a\ufffd\ufffdb")]),
    "nothing": (b"", []),
    "garbage": (b"\x00\x01\x02 <html>\n\n\n", []),
}


def decode(*pieces: bytes) -> list[Event]:
    decoder = EventDecoder()
    return [event for piece in pieces for event in decoder.feed(piece)]


@pytest.mark.parametrize(("data", "expected"), CASES.values(), ids=CASES)
def test_events_are_read_however_the_bytes_are_cut(data: bytes, expected: list[Event]) -> None:
    assert decode(data) == expected
    assert decode(*(data[i : i + 1] for i in range(len(data)))) == expected
    for cut in range(len(data)):
        assert decode(data[:cut], b"", data[cut:]) == expected


def test_an_event_is_given_by_the_piece_that_completes_it() -> None:
    decoder = EventDecoder()
    assert decoder.feed(b"data: 1\n") == []
    assert decoder.feed(b"\n") == [Event("message", "1")]
    assert decoder.feed(b"data: 2\r\n\r") == [Event("message", "2")]
    assert decoder.feed(b"\ndata: 3\r\n") == []


# What keeps a connection alive; a | is where a line ends.
SILENCE = ["", ":|", ": keep-alive||", "|", "|||", ":||: data: 1||:::|", "\ufeff: keep-alive||", ": \u20ac||"]


@pytest.mark.parametrize("content", ["data: 1\n\n", "event: a\r\ndata: 1", "d", "nonsense", " : no comment"])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("silence", SILENCE)
def test_comments_and_empty_lines_are_no_beginning(silence: str, end: str, content: str) -> None:
    before = silence.replace("|", end)
    data = (before + content).encode()
    length = len(before.encode())
    decoder, begun = EventDecoder(), []
    for place in range(len(data)):
        decoder.feed(data[place : place + 1])
        begun.append(decoder.has_begun)
    assert begun == [place >= length for place in range(len(data))]
    for cut in range(len(data) + 1):
        decoder = EventDecoder()
        decoder.feed(data[:cut])
        assert decoder.has_begun == (cut > length)
        decoder.feed(data[cut:])
        assert decoder.has_begun


@given(st.lists(st.text()), st.data())
def test_any_text_comes_through(texts: list[str], data: st.DataObject) -> None:
    stream = "".join(f"event: delta\ndata: {json.dumps({'text': text})}\n\n" for text in texts).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert [json.loads(event.data)["text"] for event in decode(*pieces)] == texts
