"""The probe's arithmetic and judgement, on made-up observations."""

import gzip
import json
from dataclasses import replace
from typing import Any

import pytest

from probe import observation
from probe.curl import BODY, HEADER, Arrival, CurlFigures, parse_figures, without_figures
from probe.measurement import Run, exit_code, measure
from probe.observation import KEPT_BYTES, Observation, Observer
from probe.response_head import ResponseHead, parse_response_head
from stream_samples import ANTHROPIC_STOP, OPENAI, data, openai_chunk

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n"
START = b'event: start\ndata: {"request_id": "r", "trace_id": "t", "model": "m"}\n\n'
DELTA = b'event: delta\ndata: {"text": "hi"}\n\n'
EMPTY_DELTA = b'event: delta\ndata: {"text": ""}\n\n'
END = b'event: end\ndata: {"stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 5}}\n\n'
ERROR = (
    b"event: error\n"
    b'data: {"type": "throttled", "message": "no", "retryable": true, "partial_usage": {"output_tokens": 2}}\n\n'
)
WHEN = "2026-11-22T16:00:00Z"
DONE = CurlFigures(
    0, num_connects=1, name_lookup=0.010, connect=0.030, app_connect=0.070, start_transfer=0.200, total=1.5
)
DOCUMENT_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
DOCUMENT = {
    "text": "hello there",
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 5},
    "timing": {"ttfb_ms": 700.0, "ttft_ms": 300.0, "duration_ms": 690.0},
    "request_id": "r",
    "trace_id": "t",
    "model": "m",
    "cold_start": True,
}


def failed(code: int, **more: Any) -> CurlFigures:
    return CurlFigures(code, message=f"curl said {code}", **more)


def observe(*arrivals: tuple[float, str, bytes], whole: bool = True) -> Observation:
    observer = Observer()
    for arrival in arrivals:
        observer.take(Arrival(*arrival))
    if whole:
        observer.end()
    return observer.observation


def measured(seen: Observation, curl: CurlFigures | None, **more: Any) -> Run:
    return measure(seen, curl, **{"number": 1, "warm_up": False, "started_at": WHEN, "uses_tls": True, **more})


def judged(body: bytes, curl: CurlFigures | None, head: bytes = HEAD, *, buffered: bool = False) -> Run:
    arrivals = [(1.0, HEADER, head)] if head else []
    whole = curl is not None and curl.exit_code == 0
    seen = observe(*arrivals, *([(2.0, BODY, body)] if body else []), whole=whole)
    return measured(seen, curl, buffered=buffered)


def test_events_stand_on_curls_clock() -> None:
    # The reader's clock is somewhere else altogether; only the first header byte ties the two together.
    seen = observe(
        (900.0, HEADER, HEAD[:7]),
        (900.1, HEADER, HEAD[7:]),
        (900.2, BODY, START[:9]),
        (900.25, BODY, START[9:] + EMPTY_DELTA),
        (900.5, BODY, DELTA[:5]),
        (900.6, BODY, DELTA[5:] + DELTA),
        (900.85, BODY, EMPTY_DELTA),
        (900.9, BODY, DELTA),
        (901.2, BODY, END),
    )
    run = measured(seen, DONE, number=7, warm_up=True)
    assert (run.number, run.warm_up, run.started_at) == (7, True, WHEN)
    assert (run.dns_ms, run.connect_ms, run.tls_ms) == (10.0, 20.0, 40.0)
    assert run.headers_ms == 200.0
    assert run.ttfb_ms == 400.0, "the first byte of the body, whole event or not"
    assert run.ttft_ms == 800.0, "the first delta with text, when it was complete"
    assert run.gaps_ms == [0.0, 300.0], "an empty delta is no text"
    assert (run.max_gap_ms, run.total_ms) == (300.0, 1500.0)
    assert run.tpot_ms == 175.0, "700 ms after the first of five tokens"
    assert run.bytes == len(START + EMPTY_DELTA + DELTA + DELTA + EMPTY_DELTA + DELTA + END)
    assert (run.input_tokens, run.output_tokens, run.stop_reason) == (3, 5, "end_turn")


def test_a_reader_that_comes_late_sees_nothing_after_the_end() -> None:
    # curl was done 1300 ms after the first header byte, when the reader had not got as far as the third text.
    seen = observe((5.0, HEADER, HEAD), (6.2, BODY, START + DELTA), (6.25, BODY, DELTA), (7.0, BODY, DELTA + END))
    run = measured(seen, DONE)
    assert (run.ttft_ms, run.gaps_ms, run.total_ms, run.tpot_ms) == (1400.0, [50.0, 50.0], 1500.0, 25.0)
    late = measured(observe((5.0, HEADER, HEAD), (7.0, BODY, START + DELTA + DELTA + END)), DONE)
    assert (late.ttfb_ms, late.ttft_ms, late.gaps_ms, late.tpot_ms) == (1500.0, 1500.0, [0.0], 0.0)


def test_a_reader_that_comes_late_for_the_first_byte_makes_no_run_look_quicker() -> None:
    # The first header byte was there at 5.0. The reader came a quarter of a second later, and was in time for the rest.
    seen = observe((5.25, HEADER, HEAD), (5.5, BODY, START + DELTA), (6.0, BODY, DELTA), (6.3, BODY, END))
    run = measured(seen, replace(DONE, said_at=6.3))
    assert (run.headers_ms, run.ttfb_ms, run.ttft_ms, run.gaps_ms) == (200.0, 700.0, 700.0, [500.0])
    # In time for the first byte, but not for the end.
    seen = observe((5.0, HEADER, HEAD), (5.5, BODY, START + DELTA), (6.0, BODY, DELTA), (6.3, BODY, END))
    run = measured(seen, replace(DONE, said_at=6.5))
    assert (run.headers_ms, run.ttfb_ms, run.ttft_ms, run.gaps_ms) == (200.0, 700.0, 700.0, [500.0])


OUTCOMES: dict[str, tuple[bytes, bytes, CurlFigures | None, str, str | None]] = {
    "whole": (HEAD, START + DELTA + END, DONE, "completed", None),
    "no text": (HEAD, START + END, DONE, "completed", None),
    "error event": (HEAD, START + DELTA + ERROR, DONE, "error", "throttled"),
    "error event, then a cut": (HEAD, START + ERROR, failed(18), "error", "throttled"),
    "an end after an error": (HEAD, START + ERROR + END, DONE, "error", "throttled"),
    "an error after an end": (HEAD, START + END + ERROR, DONE, "completed", None),
    "error event without words": (HEAD, START + b"event: error\ndata: {}\n\n", DONE, "error", "error"),
    "no end event": (HEAD, START + DELTA, DONE, "cut", "no_end_event"),
    "broken end event": (HEAD, START + b"event: end\ndata: {\n\n", DONE, "cut", "no_end_event"),
    "empty body": (HEAD, b"", DONE, "cut", "no_answer"),
    "cut": (HEAD, START + DELTA, failed(18), "cut", "curl_18"),
    "reset": (HEAD, START + DELTA, failed(56), "cut", "curl_56"),
    "cut after the end event": (HEAD, START + DELTA + END, failed(18), "cut", "curl_18"),
    "timeout in the stream": (HEAD, START + DELTA, failed(28), "transport", "curl_28"),
    "timeout before the response": (b"", b"", failed(28), "transport", "curl_28"),
    "refused": (b"", b"", failed(7), "transport", "curl_7"),
    "unknown host": (b"", b"", failed(6), "transport", "curl_6"),
    "head not complete": (HEAD[:-2], b"", failed(56), "transport", "curl_56"),
    "only an interim response": (b"HTTP/1.1 103 Hints\r\n\r\n", b"", failed(52), "transport", "curl_52"),
    "function's error": (
        b"HTTP/1.1 429 Too Many Requests\r\n\r\n",
        b'{"error": {"type": "throttled", "message": "later", "retryable": true}}',
        DONE,
        "http_error",
        "throttled",
    ),
    "platform's error": (b"HTTP/2 403 \r\n\r\n", b'{"Message": "Forbidden"}', DONE, "http_error", "http_403"),
    "platform's error with a type": (
        b"HTTP/1.1 403 Forbidden\r\nx-amzn-ErrorType: AccessDeniedException:http://x\r\n\r\n",
        b'{"message": "no"}',
        DONE,
        "http_error",
        "AccessDeniedException",
    ),
    "error as an event stream": (
        b"HTTP/1.1 500 No\r\nContent-Type: text/event-stream\r\n\r\n",
        END,
        DONE,
        "http_error",
        "http_500",
    ),
    "error that was cut": (b"HTTP/1.1 502 Bad Gateway\r\n\r\n", b"Inter", failed(18), "http_error", "http_502"),
    "another success": (HEAD.replace(b"200 OK", b"201 Created"), START + DELTA + END, DONE, "completed", None),
    "no content": (b"HTTP/1.1 204 No Content\r\n\r\n", b"", DONE, "cut", "no_answer"),
    "redirect": (b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n", b"", DONE, "http_error", "redirect"),
    "redirect to nowhere": (b"HTTP/1.1 302 Found\r\n\r\n", b"", DONE, "http_error", "http_302"),
    "a place in an error": (b"HTTP/1.1 404 No\r\nLocation: /x\r\n\r\n", b"", DONE, "http_error", "http_404"),
    "another type": (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", b"<p>", DONE, "completed", None),
    "another type, cut": (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n", b"<p", failed(18), "cut", "curl_18"),
    "no type": (b"HTTP/1.1 200 OK\r\n\r\n", START, DONE, "completed", None),
    "comments alone": (HEAD, b": still there\n\n: and there\n\n", DONE, "cut", "no_answer"),
    "an event of nobody's": (HEAD, b"data: hello\n\n", DONE, "completed", None),
    "an error event of nobody's": (HEAD, b"data: hello\n\nevent: error\ndata: oh\n\n", DONE, "error", "error"),
    "brotli": (
        HEAD[:-2] + b"Content-Encoding: br\r\n\r\n",
        b"\x0b\x02",
        DONE,
        "http_error",
        "unsupported_content_encoding",
    ),
    "no gzip": (HEAD[:-2] + b"Content-Encoding: gzip\r\n\r\n", START + END, DONE, "cut", "bad_content_encoding"),
    "stopped": (HEAD, START + DELTA, None, "interrupted", "interrupted"),
}


@pytest.mark.parametrize(("head", "body", "curl", "outcome", "error"), OUTCOMES.values(), ids=OUTCOMES)
def test_outcome(head: bytes, body: bytes, curl: CurlFigures | None, outcome: str, error: str | None) -> None:
    run = judged(body, curl, head)
    assert (run.outcome, run.error and run.error.type) == (outcome, error)


def test_an_error_event_keeps_what_the_server_said() -> None:
    run = judged(START + ERROR, DONE)
    assert run.error is not None
    assert (run.error.message, run.error.retryable) == ("no", True)
    assert (run.input_tokens, run.output_tokens) == (None, 2)


def test_an_error_in_the_form_of_a_stream_is_no_answer() -> None:
    run = judged(START + DELTA + END, DONE, b"HTTP/1.1 500 No\r\nContent-Type: text/event-stream\r\n\r\n")
    assert (run.ttft_ms, run.model, run.output_tokens) == (None, None, None)
    assert run.error is not None
    assert run.error.message.startswith("event: start data: {")


def test_a_broken_event_is_counted_for_the_reader() -> None:
    run = judged(START + b"event: delta\ndata: [1]\n\nevent: end\ndata: {\n\n", DONE)
    assert run.error is not None
    assert run.error.message.endswith("after 3 events, 2 of them without a JSON object")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "1" * 5000])
def test_numbers_that_json_cannot_carry_on_are_no_json(number: str) -> None:
    end = f'event: end\ndata: {{"usage": {{"input_tokens": {number}}}}}\n\n'.encode()
    assert judged(START + end, DONE).outcome == "cut"


@pytest.mark.parametrize("fields", ['{"text": 7}', '{"text": null}', '{"text": ["a"]}', "{}", '"text"', "[" * 100_000])
def test_a_delta_without_text_is_none(fields: str) -> None:
    run = judged(START + f"event: delta\ndata: {fields}\n\n".encode() + END, DONE)
    assert (run.outcome, run.ttft_ms) == ("completed", None)


@pytest.mark.parametrize("usage", ["null", "[]", '{"output_tokens": "5"}', '{"output_tokens": true}'])
def test_usage_that_is_no_count_is_unknown(usage: str) -> None:
    run = judged(START + f'event: end\ndata: {{"usage": {usage}}}\n\n'.encode(), DONE)
    assert (run.outcome, run.output_tokens) == ("completed", None)


def test_what_was_not_reached_is_unknown() -> None:
    refused = measured(Observation(), failed(7, name_lookup=0.01, total=0.02))
    assert (refused.dns_ms, refused.connect_ms, refused.tls_ms, refused.total_ms) == (10.0, None, None, 20.0)
    assert refused.connection is None, "there was none, which is not a kept one"
    assert (refused.headers_ms, refused.ttfb_ms, refused.ttft_ms, refused.status) == (None, None, None, None)
    # Newer versions of curl fill time_starttransfer in at the end even when no response came.
    figures = failed(28, num_connects=1, name_lookup=0.01, connect=0.02, start_transfer=9.0)
    silent = measured(Observation(), figures, uses_tls=False)
    assert (silent.connect_ms, silent.tls_ms, silent.headers_ms) == (10.0, 0.0, None)
    assert silent.connection == "new"


def test_a_curl_that_was_killed_leaves_the_gaps_and_no_zero() -> None:
    seen = observe((5.0, HEADER, HEAD), (6.0, BODY, START + DELTA), (6.5, BODY, DELTA), (6.75, BODY, DELTA))
    run = measured(seen, CurlFigures(-9, "killed"))
    assert (run.outcome, run.gaps_ms, run.ttft_ms) == ("cut", [500.0, 250.0], None)


def test_a_stopped_run_keeps_its_gaps_but_has_no_zero() -> None:
    run = judged(START + DELTA + DELTA, None)
    assert (run.gaps_ms, run.ttft_ms, run.total_ms, run.dns_ms) == ([0.0], None, None, None)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("Root=1-2-3;Parent=4;Sampled=1", "1-2-3"),
        ("Self=1-9-9;Root=1-2-3", "1-2-3"),
        ("1-2-3", "1-2-3"),
    ],
)
def test_the_trace_id_is_the_root(header: str, expected: str) -> None:
    assert judged(b"", DONE, HEAD[:-2] + f"X-Amzn-Trace-Id: {header}\r\n\r\n".encode()).trace_id == expected


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["x-amzn-RequestId", "x-request-id"], "x-request-id"),
        (["x-amzn-RequestId"], "x-amzn-RequestId"),
        ([], "r"),
    ],
)
def test_the_request_id_is_the_functions_then_the_platforms(names: list[str], expected: str) -> None:
    head = HEAD[:-2] + "".join(f"{name}: {name}\r\n" for name in names).encode() + b"\r\n"
    assert judged(START, DONE, head).request_id == expected


@pytest.mark.parametrize(
    ("outcomes", "code"),
    [
        (["completed"], 0),
        (["completed", "error"], 4),
        (["cut", "completed"], 4),
        (["cut", "http_error", "completed"], 1),
        (["cut", "http_error", "transport"], 3),
        (["transport", "interrupted"], 130),
    ],
)
def test_the_worst_run_decides(outcomes: list[str], code: int) -> None:
    assert exit_code(outcomes) == code


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", ResponseHead(200, "1.1", {"a": "b"})),
        (b"HTTP/2 200 \r\na: b:c \r\n\r\n", ResponseHead(200, "2", {"a": "b:c"})),
        (b"HTTP/2 200\n\n", ResponseHead(200, "2", {})),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hi\r\nA: 0\r\n\r\nHTTP/1.1 404 No\r\nA: 1\r\n\r\n",
            ResponseHead(404, "1.1", {"a": "1"}),
        ),
        (b"HTTP/1.1 200 OK\r\n\r\nX-Trailer: 1\r\n\r\n", ResponseHead(200, "1.1", {})),
        (b"HTTP/1.1 100 Continue\r\n\r\n", None),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n", None),
        (b"what\r\n\r\n", None),
        (b"", None),
    ],
)
def test_response_head(data: bytes, expected: ResponseHead | None) -> None:
    assert parse_response_head(data) == expected


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("\nfigures: 0 1 0.000001 0.1 0.2 0.0 0.3 1.500000 \n", CurlFigures(0, "", 1, 0.000001, 0.1, 0.2, 0.3, 1.5)),
        ("\nfigures: 7 0 0.5 0.0 0.0 0.0 0.0 0.6 no way\n", CurlFigures(7, "no way", 0, 0.5, total=0.6)),
        ("a warning\nfigures: 18 0 0.1 0.0 0.0 0.0 0.2 0.4 cut\n", CurlFigures(18, "cut", 0, 0.1, 0.0, 0.0, 0.2, 0.4)),
        # A kept connection was dead: the request was sent again 0.25 s later.
        ("\nfigures: 0 1 0.01 0.1 0.2 0.25 0.5 1.5 \n", CurlFigures(0, "", 1, 0.01, 0.1, 0.2, 0.75, 1.5)),
        ("\nfigures: 0 1 0.1 0.2 0.3", None),
        ("\nfigures: 0 1 0.1 0.1 0.2 0.0 0.3 1.5 half", None),
        ("", None),
    ],
)
def test_curls_figures_stand_on_a_line_of_its_standard_error(stderr: str, expected: CurlFigures | None) -> None:
    assert parse_figures(stderr) == expected


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("curl: (3) URL rejected\n", CurlFigures(3, "(3) URL rejected")),
        ("\nfigures: 0 1 0.1", CurlFigures(-9, "figures: 0 1 0.1")),
        ("", CurlFigures(2, "curl ended with code 2")),
    ],
)
def test_a_curl_without_figures_still_says_something(stderr: str, expected: CurlFigures) -> None:
    assert without_figures(stderr, expected.exit_code) == expected


def test_a_body_that_is_no_answer_is_kept_in_part() -> None:
    seen = observe((1.0, HEADER, b"HTTP/1.1 502 No\r\n\r\n"), *[(2.0, BODY, b"x" * 3_000_000)] * 3)
    assert (seen.body_bytes, len(seen.kept_body)) == (9_000_000, KEPT_BYTES)
    run: Any = measured(seen, DONE)
    assert (run.error.message, run.bytes) == ("x" * 200, 9_000_000)


def whole(**changes: Any) -> bytes:
    return json.dumps(DOCUMENT | changes).encode()


def test_a_buffered_answer_has_its_text_when_it_is_complete() -> None:
    body = whole()
    seen = observe(
        (5.0, HEADER, DOCUMENT_HEAD), (5.1, BODY, body[:10]), (5.6, BODY, body[10:90]), (5.9, BODY, body[90:])
    )
    run = measured(seen, DONE, buffered=True)
    slow = judged(whole(timing={"ttft_ms": 300, "duration_ms": 3300}), DONE, DOCUMENT_HEAD, buffered=True)
    assert slow.delivery is None, "what was asked for in one piece is no fake"
    assert (run.outcome, run.error, run.bytes) == ("completed", None, len(body))
    assert (run.headers_ms, run.ttfb_ms, run.ttft_ms, run.total_ms) == (200.0, 300.0, 1100.0, 1500.0)
    assert (run.gaps_ms, run.max_gap_ms, run.tpot_ms, run.delivery) == ([], None, None, None)
    assert (run.usage, run.input_tokens, run.output_tokens) == (DOCUMENT["usage"], 3, 5)
    assert (run.timing, run.stop_reason, run.model) == (DOCUMENT["timing"], "end_turn", "m")
    assert (run.request_id, run.trace_id, run.cold_start) == ("r", "t", True)


BUFFERED_OUTCOMES: dict[str, tuple[bytes, bytes, CurlFigures | None, str, str | None]] = {
    "whole": (DOCUMENT_HEAD, whole(), DONE, "completed", None),
    "no text": (DOCUMENT_HEAD, whole(text=""), DONE, "completed", None),
    "the charset is said": (
        DOCUMENT_HEAD.replace(b"json", b"JSON; charset=utf-8"),
        whole(),
        DONE,
        "completed",
        None,
    ),
    "cut": (DOCUMENT_HEAD, whole()[:-9], failed(18), "cut", "curl_18"),
    "cut behind the last byte": (DOCUMENT_HEAD, whole(), failed(56), "cut", "curl_56"),
    "not JSON": (DOCUMENT_HEAD, whole()[:-1], DONE, "cut", "no_answer"),
    "no object": (DOCUMENT_HEAD, b'["text"]', DONE, "cut", "no_answer"),
    "another object": (DOCUMENT_HEAD, b'{"answer": "hello"}', DONE, "cut", "no_answer"),
    "a text that is none": (DOCUMENT_HEAD, whole(text=7), DONE, "cut", "no_answer"),
    "empty body": (DOCUMENT_HEAD, b"", DONE, "cut", "no_answer"),
    "too long": (DOCUMENT_HEAD, whole() + b" " * KEPT_BYTES, DONE, "cut", "too_long"),
    "timeout": (DOCUMENT_HEAD, whole()[:-9], failed(28), "transport", "curl_28"),
    "no response": (b"", b"", failed(52), "transport", "curl_52"),
    "a stream": (HEAD, START + DELTA + END, DONE, "http_error", "unexpected_content_type"),
    "error": (
        b"HTTP/1.1 503 No\r\nContent-Type: application/json\r\n\r\n",
        b'{"error": {"type": "model_unavailable", "message": "later", "partial_usage": {"output_tokens": 2}}}',
        DONE,
        "http_error",
        "model_unavailable",
    ),
    "an answer with another status": (
        b"HTTP/1.1 201 Made\r\nContent-Type: application/json\r\n\r\n",
        whole(),
        DONE,
        "completed",
        None,
    ),
    "stopped": (DOCUMENT_HEAD, whole(), None, "interrupted", "interrupted"),
}


@pytest.mark.parametrize(
    ("head", "body", "curl", "outcome", "error"), BUFFERED_OUTCOMES.values(), ids=BUFFERED_OUTCOMES
)
def test_buffered_outcome(head: bytes, body: bytes, curl: CurlFigures | None, outcome: str, error: str | None) -> None:
    run = judged(body, curl, head, buffered=True)
    assert (run.outcome, run.error and run.error.type) == (outcome, error)
    if head != HEAD:
        told = outcome == "completed" and b'"text": ""' not in body
        assert (run.ttft_ms is not None) == told, "text that is not whole, or none, is no first token"


def test_a_coding_that_changes_nothing_is_none() -> None:
    for coding, name in ((b"Identity", None), (b"identity, identity", None), (b"GZip, identity", "gzip")):
        body = START + DELTA + END
        head = HEAD[:-2] + b"Content-Encoding: " + coding + b"\r\n\r\n"
        run = judged(gzip.compress(body, mtime=0) if name else body, DONE, head)
        assert (run.outcome, run.content_encoding) == ("completed", name)


def test_a_buffered_error_keeps_what_was_used() -> None:
    head, body, curl, *_ = BUFFERED_OUTCOMES["error"]
    assert judged(body, curl, head, buffered=True).output_tokens == 2


def test_a_document_that_nobody_asked_for_is_one_piece() -> None:
    seen = observe((1.0, HEADER, DOCUMENT_HEAD), (1.5, BODY, whole()[:9]), (1.9, BODY, whole()[9:]))
    run = measured(seen, DONE)
    assert (run.outcome, run.format, run.ttfb_ms, run.first_chunk_ms) == ("completed", "json", 700.0, 1100.0)
    assert (run.ttft_ms, run.output_tokens, run.model, run.cold_start) == (None, None, None, None)
    assert (run.gaps_ms, run.delivery) == ([], None)


def test_headers_sent_early_are_no_token() -> None:
    seen = observe((1.0, HEADER, HEAD), (1.5, BODY, START), (1.9, BODY, DELTA), (2.0, BODY, DELTA + END))
    run = measured(seen, DONE)
    assert (run.headers_ms, run.ttfb_ms, run.ttft_ms) == (200.0, 700.0, 1100.0)


def test_a_comment_is_neither_a_first_byte_nor_a_chunk() -> None:
    seen = observe(
        (1.0, HEADER, HEAD),
        (1.1, BODY, b": keep-alive\n\n"),
        (1.2, BODY, b": ke"),
        (1.3, BODY, b"ep-alive\n\n: keep-alive\n\n"),
        (1.5, BODY, START[:3]),
        (1.6, BODY, START[3:]),
        (1.7, BODY, DELTA),
        (1.8, BODY, b":\n\n"),
        (1.9, BODY, b":\n\n" + DELTA[:9]),
        (2.0, BODY, DELTA[9:]),
        (2.1, BODY, b": bye\n\n"),
        (2.2, BODY, END),
    )
    run = measured(seen, DONE)
    assert (run.outcome, run.headers_ms, run.ttfb_ms, run.ttft_ms) == ("completed", 200.0, 700.0, 900.0)
    assert (run.gaps_ms, run.delivery) == ([300.0], None)
    assert seen.messages == 4
    assert run.bytes == len(START + DELTA + DELTA + END) + 3 * 14 + 3 + 3 + 7


def test_nothing_but_comments_is_no_first_byte() -> None:
    run = judged(b": keep-alive\n\n" * 3, DONE)
    assert (run.outcome, run.headers_ms, run.ttfb_ms, run.bytes) == ("cut", 200.0, None, 3 * 14)
    assert run.error is not None
    assert run.error.type == "no_answer"


def test_an_error_event_after_comments_is_an_error() -> None:
    seen = observe((1.0, HEADER, HEAD), (1.3, BODY, b": keep-alive\n\n"), (1.9, BODY, b":\n\n" + ERROR))
    run = measured(seen, DONE)
    assert (run.outcome, run.status, run.ttfb_ms, run.ttft_ms, run.gaps_ms) == ("error", 200, 1100.0, None, [])
    assert run.error is not None
    assert (run.error.type, run.error.retryable) == ("throttled", True)


@pytest.mark.parametrize("encoding", ["gzip", "br"])
def test_comments_are_seen_through_a_compression(encoding: str) -> None:
    head = HEAD.replace(b"\r\n\r\n", f"\r\nContent-Encoding: {encoding}\r\n\r\n".encode())
    first, second = (gzip.compress(part) for part in (b": keep-alive\n\n", START + DELTA + END))
    run = measured(observe((1.0, HEADER, head), (1.3, BODY, first), (1.9, BODY, second)), DONE)
    assert run.ttfb_ms == (1100.0 if encoding == "gzip" else 500.0), "what cannot be decoded is taken for content"


def test_empty_lines_that_keep_a_stream_of_lines_alive_are_no_first_byte() -> None:
    head = HEAD.replace(b"text/event-stream", b"application/x-ndjson")
    line = b'{"type": "start", "request_id": "r", "trace_id": "t", "model": "m"}\n'
    run = measured(observe((1.0, HEADER, head), (1.3, BODY, b"\n\r\n"), (1.9, BODY, line)), DONE)
    assert run.ttfb_ms == 1100.0


def test_a_kept_connection_costs_nothing_that_is_known() -> None:
    kept = replace(DONE, num_connects=0, name_lookup=0.000009, connect=0.00004, app_connect=0.00005)
    run = judged(START + DELTA + END, kept)
    assert (run.connection, run.dns_ms, run.connect_ms, run.tls_ms) == ("reused", None, None, None)
    assert (run.headers_ms, run.total_ms) == (200.0, 1500.0)
    assert judged(START + DELTA + END, DONE).connection == "new"
    assert judged(START, None).connection is None


@pytest.mark.parametrize(
    ("said", "expected"),
    [("true", True), ("false", False), ("null", None), ("1", None), ('"true"', None)],
)
def test_a_cold_start_is_what_the_function_says(said: str, expected: bool | None) -> None:
    start = f'event: start\ndata: {{"request_id": "r", "trace_id": "t", "cold_start": {said}}}\n\n'.encode()
    assert judged(start + END, DONE).cold_start is expected
    assert judged(START + END, DONE).cold_start is None


TPOT: dict[str, tuple[bytes, CurlFigures, float | None]] = {
    "five tokens": (START + DELTA + DELTA + END, DONE, 75.0),
    "one piece of text": (START + DELTA + EMPTY_DELTA + END, DONE, None),
    "two tokens": (START + DELTA + DELTA + END.replace(b": 5", b": 2"), DONE, 300.0),
    "one token": (START + DELTA + DELTA + END.replace(b": 5", b": 1"), DONE, None),
    "no token count": (START + DELTA + DELTA + b"event: end\ndata: {}\n\n", DONE, None),
    "cut": (START + DELTA + DELTA + END, failed(18, start_transfer=0.2, total=1.5), None),
    "an error": (START + DELTA + DELTA + ERROR, DONE, None),
}


@pytest.mark.parametrize(("body", "curl", "expected"), TPOT.values(), ids=TPOT)
def test_time_per_output_token(body: bytes, curl: CurlFigures, expected: float | None) -> None:
    assert judged(body, curl).tpot_ms == expected


@pytest.mark.parametrize("tokens", ["-1", "1" * 400])
def test_token_counts_beyond_reason_are_unknown(tokens: str) -> None:
    run = judged(START + DELTA + DELTA + END.replace(b": 5", b": " + tokens.encode()), DONE)
    assert (run.outcome, run.output_tokens, run.tpot_ms, run.input_tokens) == ("completed", None, None, 3)


@pytest.mark.parametrize(
    ("closing", "curl", "expected"),
    [(END, DONE, "burst"), (ERROR, DONE, None), (END, replace(DONE, exit_code=18), None)],
)
def test_only_of_a_completed_answer_it_is_told_how_it_came(
    closing: bytes, curl: CurlFigures, expected: str | None
) -> None:
    timing = b'"timing": {"ttft_ms": 100, "duration_ms": 1200}, "usage"'
    seen = observe((1.0, HEADER, HEAD), (2.29, BODY, START + DELTA * 3 + closing.replace(b'"usage"', timing)))
    assert measured(seen, curl).delivery == expected


LINES_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\n\r\n"


@pytest.mark.parametrize("coding", [b"", b"Content-Encoding: gzip\r\n"])
def test_a_long_answer_of_many_events_is_whole(coding: bytes) -> None:
    """Every event of a service holds some hundred bytes besides its token."""
    event = data(openai_chunk({"content": " word"}, system_fingerprint="x" * 2000))
    body = event * (KEPT_BYTES // len(event) + 1) + OPENAI[-1]
    run = judged(gzip.compress(body, mtime=0) if coding else body, DONE, HEAD[:-2] + coding + b"\r\n")
    assert (run.outcome, len(run.gaps_ms)) == ("completed", body.count(b" word") - 1)


UNFINISHED: dict[str, tuple[bytes, bytes, bytes]] = {
    "an event": (HEAD, b"data: ", b"x" * 65_536),
    "an event of many lines": (HEAD, b"data: x\n", b"data: x\n" * 8_192),
    "a line": (LINES_HEAD, b"{", b"x" * 65_536),
}


@pytest.mark.parametrize(("head", "begin", "more"), UNFINISHED.values(), ids=UNFINISHED)
def test_an_event_or_line_without_an_end_is_not_kept(head: bytes, begin: bytes, more: bytes) -> None:
    seen = observe((1.0, HEADER, head), (2.0, BODY, begin), *[(3.0, BODY, more)] * 1100, whole=False)
    run = measured(seen, DONE)
    assert run.error is not None
    assert (run.outcome, run.error.type) == ("cut", "too_long")
    assert run.error.message == "one event or line is longer than 8388608 bytes, and is not kept"


def test_an_endless_stream_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observation, "MOST_MESSAGES", 100)
    enough = judged(START + DELTA * 98 + END, DONE)
    seen = observe((1.0, HEADER, HEAD), (2.0, BODY, START), *[(3.0, BODY, DELTA * 40)] * 5, (4.0, BODY, END))
    run = measured(seen, DONE)
    assert (enough.outcome, run.outcome) == ("completed", "cut")
    assert run.error is not None
    assert (run.error.type, run.bytes) == ("too_long", len(START) + 200 * len(DELTA) + len(END))
    assert run.error.message == "the answer has more than 100 events or lines, and the others are not kept"
    assert len(seen.chunks) < 140


@pytest.mark.parametrize("usage", [{}, {"usage": None}, {"usage": {}}])
def test_an_answer_of_anthropic_without_usage_has_none(usage: dict[str, None]) -> None:
    start = data({"type": "message_start", "message": {"model": "m"}})
    run = judged(start + data({"type": "message_delta", "delta": {}, **usage}) + ANTHROPIC_STOP, DONE)
    assert (run.outcome, run.usage) == ("completed", None)


@pytest.mark.parametrize(("at", "tpot_ms"), [(None, 75.0), (1, None), (3, None)])
def test_tokens_that_are_no_text_leave_the_time_of_a_token_unknown(at: int | None, tpot_ms: float | None) -> None:
    """Reasoning comes before the first text, and may be most of the tokens that the service counts."""
    events = list(OPENAI)
    if at is not None:
        events.insert(at, data(openai_chunk({"reasoning_content": "Let me think"})))
    body = [(2.0 + 0.125 * number, BODY, event) for number, event in enumerate(events)]
    run = measured(observe((1.0, HEADER, HEAD), *body), replace(DONE, total=2.0))
    assert (run.outcome, run.output_tokens, run.tpot_ms) == ("completed", 10, tpot_ms)
