"""Log events out of bytes: the same wherever the reads are cut, none longer than an event may be, in linear time."""

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.lambda_service.log_events import EVENT_BYTES, Frames, Lines

HEADER = 16


def frame(message: bytes, kind: int = 0xA55A0003) -> bytes:
    """As awslambdaric writes it."""
    return kind.to_bytes(4, "big") + len(message).to_bytes(4, "big") + bytes(8) + message


def events(reader: type[Lines] | type[Frames], *pieces: bytes) -> list[str]:
    found: list[str] = []
    cutter = reader(found.append)
    for piece in pieces:
        cutter.feed(piece)
    cutter.flush()
    return found


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


PLACES = st.lists(st.integers(0, 10_000), max_size=8)


@given(st.lists(st.text(), min_size=1), PLACES)
def test_lines_are_the_same_wherever_they_are_cut(lines: list[str], places: list[int]) -> None:
    lines = [line.replace("\n", " ") for line in lines]
    data = "".join(f"{line}\n" for line in lines).encode(errors="replace")
    assert events(Lines, *cut(data, places)) == data.decode().split("\n")[:-1]


@given(st.lists(st.text(min_size=1), min_size=1), st.sampled_from([0x02, 0x03, 0x0B, 0x16, 0x1B]), PLACES)
def test_messages_are_the_same_wherever_they_are_cut(texts: list[str], kind: int, places: list[int]) -> None:
    messages = [text.encode(errors="replace") for text in texts]
    data = b"".join(frame(message, 0xA55A0000 + kind) for message in messages)
    wanted = [text for message in messages if (text := message.decode().removesuffix("\n"))]
    assert events(Frames, *cut(data, places)) == wanted


@pytest.mark.parametrize(
    "other",
    [
        b"text\nof a function that prints there",
        b"\xa5\x5a\x01\x03" + bytes(12),
        frame(b"", 0xA55A0001),  # a type of earlier runtimes, whose header has no time
        b"\n\n",
    ],
)
@given(PLACES)
def test_what_is_no_frame_is_passed_on_line_by_line(other: bytes, places: list[int]) -> None:
    data = frame(b"one\nmessage") + other + b"\nlast"
    unframed = (other + b"\nlast").decode(errors="replace").split("\n")
    assert events(Frames, *cut(data, places)) == ["one\nmessage", *unframed]


@given(st.binary(), PLACES)
def test_any_bytes_end_in_events(data: bytes, places: list[int]) -> None:
    for reader in (Lines, Frames):
        assert all(len(event) <= EVENT_BYTES for event in events(reader, *cut(data, places)))


@pytest.mark.parametrize("size", [EVENT_BYTES - 1, EVENT_BYTES, EVENT_BYTES + 1, 3 * EVENT_BYTES + 5])
def test_a_message_of_more_than_an_event_may_have_comes_in_pieces(size: int) -> None:
    message = b"x" * (size - 1) + b"\n"
    found = events(Frames, frame(message)[:1000], frame(message)[1000:] + frame(b"next"))
    assert [len(event) for event in found[:-1]] == [
        *[EVENT_BYTES] * ((size - 1) // EVENT_BYTES),
        *([(size - 1) % EVENT_BYTES] if (size - 1) % EVENT_BYTES else []),
    ]
    assert found[-1] == "next"


def test_a_message_without_its_end_is_kept_in_pieces_that_an_event_may_have() -> None:
    found: list[str] = []
    frames = Frames(found.append)
    frames.feed(frame(b"")[:4] + b"\xff" * 4 + bytes(8))  # it says that it has 4 GB
    for _ in range(40):
        frames.feed(b"x" * 64 * 1024)
    assert [len(event) for event in found] == [EVENT_BYTES] * 2
    frames.flush()
    assert [len(event) for event in found] == [EVENT_BYTES] * 2 + [EVENT_BYTES // 2]


@pytest.mark.parametrize(
    ("reader", "make"),
    [
        (Lines, lambda size: [b"x"] * size),
        (Lines, lambda size: [b"\n" * size]),
        (Lines, lambda size: [b"x" * 10 + b"\n"] * (size // 11)),
        (Frames, lambda size: [frame(b"x" * size)[:HEADER], *[b"x"] * size]),
        (Frames, lambda size: [frame(b"") * (size // HEADER)]),
        (Frames, lambda size: [frame(b"a\n") * (size // HEADER)]),
        (Frames, lambda size: [b"x"] * size),
    ],
)
def test_the_time_grows_no_faster_than_the_bytes(
    reader: type[Lines] | type[Frames], make: Callable[[int], list[bytes]]
) -> None:
    """A quadratic one would take a hundred times as long for ten times the bytes."""

    def seconds(size: int) -> float:
        pieces = make(size)
        began = time.process_time()
        events(reader, *pieces)
        return time.process_time() - began

    small = min(seconds(50_000) for _ in range(3))
    assert seconds(500_000) < 40 * max(small, 0.001)
