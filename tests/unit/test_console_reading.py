"""One response as it comes: its text, its marks, and how it ended."""

import json
from typing import Any

import pytest

from console.try_it.reading import MOST_CHARACTERS, Ending, Reading

STREAM = {
    "content-type": "text/event-stream; charset=utf-8",
    "x-request-id": "6f86cbbb-356d",
    "x-amzn-trace-id": "Root=1-6b0ae59f-1e846f9a795c83345185f0dc;Parent=3686228d98785248;Sampled=1",
}
DOCUMENT = {**STREAM, "content-type": "application/json"}


def event(name: str, **said: Any) -> bytes:
    return f"event: {name}\ndata: {json.dumps(said)}\n\n".encode()


START = event("start", request_id="6f86cbbb-356d", trace_id="1-6b0ae59f-1e84", model="m", cold_start=True)
END = event("end", stop_reason="end_turn", usage={"input_tokens": 1, "output_tokens": 2})


def streamed(*pieces: tuple[float, bytes], headers: dict[str, str] = STREAM, status: int = 200) -> Reading:
    reading = Reading("text/event-stream")
    reading.accepted(1, status, headers)
    for at_ms, data in pieces:
        reading.take(at_ms, data)
    return reading


def test_a_whole_stream() -> None:
    reading = streamed(
        (5, START), (6, event("delta", text="a")), (8, event("delta", text="b") + event("delta", text="")), (9, END)
    )
    before = reading.ending
    reading.finish(10)
    assert before is None
    assert (reading.accepted_ms, reading.first_byte_ms, reading.first_text_ms, reading.ended_ms) == (1, 5, 6, 10)
    assert (reading.texts, list(reading.ticks), reading.longest_gap) == (["a", "b"], [6, 8], (6, 8))
    assert (reading.ending, reading.problem, reading.stop_reason) == (Ending.WHOLE, None, "end_turn")
    assert (reading.model, reading.cold_start, reading.usage["output_tokens"]) == ("m", True, 2)
    assert (reading.request_id, reading.trace_id) == ("6f86cbbb-356d", "1-6b0ae59f-1e846f9a795c83345185f0dc")


@pytest.mark.parametrize(
    ("trace", "expected"),
    [
        ("Root=1-a;Parent=b;Sampled=1", "1-a"),
        ("Root=1-a; Sampled=1;Lineage=1:c:0", "1-a"),
        ("Root=1-a;Parent=b;Sampled=0", None),
        ("Root=1-a;Parent=b", None),
        ("Sampled=1", None),
    ],
)
def test_only_a_request_that_is_sampled_has_a_trace(trace: str, expected: str | None) -> None:
    reading = streamed((5, START), headers={**STREAM, "x-amzn-trace-id": trace})
    assert reading.trace_id == expected


def test_a_comment_is_no_first_byte() -> None:
    reading = streamed((5, b": still here\n\n"))
    assert (reading.first_byte_ms, reading.bytes) == (None, 14)
    reading.take(7, START)
    assert reading.first_byte_ms == 7
    assert reading.texts == []


def test_an_error_event_ends_a_stream() -> None:
    reading = streamed((5, START + event("delta", text="a")), (6, event("error", type="model_error", message="off")))
    reading.finish(7)
    assert (reading.ending, reading.problem, reading.texts) == (Ending.FAILED, "model_error: off", ["a"])


def test_a_stream_without_its_last_event_is_cut() -> None:
    reading = streamed((5, START + event("delta", text="a")))
    reading.finish(7)
    assert reading.ending is Ending.CUT
    assert reading.problem == "The stream ended with neither an end event nor an error event."


def test_an_error_status() -> None:
    body = {"error": {"type": "throttled", "message": "later"}, "request_id": "r", "trace_id": "t"}
    reading = streamed((5, json.dumps(body).encode()), headers=DOCUMENT, status=429)
    reading.finish(6)
    assert (reading.ending, reading.problem, reading.texts) == (Ending.REFUSED, "throttled: later", [])
    assert reading.trace_id == "1-6b0ae59f-1e846f9a795c83345185f0dc"


def test_an_error_status_of_something_else_has_its_body_as_text() -> None:
    reading = streamed((5, b'{"Message": "Forbidden"}'), headers=DOCUMENT, status=403)
    reading.finish(6)
    assert (reading.ending, reading.problem, reading.texts) == (Ending.REFUSED, None, ['{"Message": "Forbidden"}'])


def test_in_one_piece() -> None:
    body = {"text": "ab", "stop_reason": "end_turn", "usage": {"output_tokens": 2}, "request_id": "r-2", "model": "m"}
    data = json.dumps(body).encode()
    reading = Reading("application/json")
    reading.accepted(1, 200, DOCUMENT)
    reading.take(5, data[:9])
    reading.take(6, data[9:])
    assert reading.texts == []
    reading.finish(7)
    assert (reading.texts, reading.first_byte_ms, reading.first_text_ms) == (["ab"], 5, 7)
    assert (reading.ending, reading.request_id, reading.usage) == (Ending.WHOLE, "r-2", {"output_tokens": 2})


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "image/png", "application/json", "text/event-stream", ""])
def test_of_another_function_each_read_is_text(kind: str) -> None:
    first, second = "data: \u00fc\n\n".encode(), b"event: delta\ndata: x\n\n"
    reading = streamed((5, first[:7]), (6, first[7:]), (8, second), headers={"content-type": kind})
    reading.finish(9)
    assert "".join(reading.texts).encode() == first + second
    assert list(reading.ticks) == [5, 6, 8]
    assert (reading.ending, reading.first_byte_ms, reading.request_id) == (Ending.WHOLE, 5, None)


def test_an_event_stream_without_a_whole_event_is_text_at_the_end() -> None:
    reading = streamed((5, b"data: x"))
    reading.finish(9)
    assert (reading.texts, reading.ending) == (["data: x"], Ending.WHOLE)


def test_what_breaks_off_keeps_what_came() -> None:
    reading = streamed((5, b"ab"), headers={"content-type": "text/plain"})
    reading.break_off(6, Ending.CUT, "gone")
    assert (reading.texts, reading.ending, reading.problem, reading.ended_ms) == (["ab"], Ending.CUT, "gone", 6)
    document = Reading("application/json")
    document.accepted(1, 200, DOCUMENT)
    document.take(5, b'{"te')
    document.break_off(6, Ending.STOPPED, "left")
    assert document.texts == ['{"te']


def test_what_is_too_long_is_counted_alone() -> None:
    piece = b"x" * 300_000
    reading = streamed(*((at, piece) for at in range(4)), headers={"content-type": "text/plain"})
    assert sum(map(len, reading.texts)) == MOST_CHARACTERS
    assert (reading.left_out, reading.bytes) == (200_000, 1_200_000)


@pytest.mark.parametrize("data", [b"[1]", b"{", b'"x"', b"[" * 100_000, b"null", b'{"text": 5}', b"\xff"])
def test_an_event_that_is_none_of_the_functions_is_left_out(data: bytes) -> None:
    reading = streamed((5, START), (6, b"event: delta\ndata: " + data + b"\n\n"), (7, END))
    reading.finish(8)
    assert (reading.texts, reading.ending) == ([], Ending.WHOLE)


def test_ids_that_say_more_than_an_id_are_none() -> None:
    headers = {**STREAM, "x-request-id": 'a" || "b', "x-amzn-trace-id": "Root=../../x"}
    reading = streamed(headers=headers)
    assert (reading.request_id, reading.trace_id) == (None, None)
