"""Server-sent events, from bytes that are split anywhere."""

import time

import pytest

from console.try_it.event_stream import Event, EventStream

STREAM = (
    "\ufeff: a comment\r\n\r\nevent: start\ndata: {}\n\nevent: delta\rdata: \u00fc\U0001f30a\rdata:two\r\r"
    "id: 1\r\nretry: 5\r\ndata\r\n\r\nnothing\n\ndata:  x\n\nevent: cut\ndata: off"
).encode()
EVENTS = [Event("start", "{}"), Event("delta", "\u00fc\U0001f30a\ntwo"), Event("message", ""), Event("message", " x")]


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(STREAM)])
def test_events_are_the_same_however_the_bytes_come(size: int) -> None:
    stream = EventStream()
    found = [event for at in range(0, len(STREAM), size) for event in stream.feed(STREAM[at : at + size])]
    assert found == EVENTS


def test_every_split_in_two() -> None:
    for at in range(len(STREAM) + 1):
        stream = EventStream()
        assert [*stream.feed(STREAM[:at]), *stream.feed(STREAM[at:])] == EVENTS, at


def test_an_event_comes_with_its_last_byte() -> None:
    stream = EventStream()
    assert stream.feed(b"data: x\n") == []
    assert stream.feed(b"\n") == [Event("message", "x")]


def test_a_comment_begins_nothing() -> None:
    stream = EventStream()
    for piece in (b": keep", b"-alive\n", b"\n", b":\n\n"):
        assert stream.feed(piece) == []
        assert not stream.begun
    stream.feed(b"e")
    assert stream.begun


def test_a_long_line_in_small_pieces_takes_time_in_proportion() -> None:
    def seconds(pieces: int) -> float:
        stream, begun = EventStream(), time.process_time()
        for _ in range(pieces):
            stream.feed(b"x" * 100)
        assert stream.feed(b"\n") == []
        return time.process_time() - begun

    # In the square of the length, it would be 64 times as much.
    assert seconds(80_000) < 32 * max(seconds(10_000), 0.001)


def test_bytes_that_are_no_utf_8_are_replaced() -> None:
    assert EventStream().feed(b"data: \xff\n\n") == [Event("message", "\ufffd")]
