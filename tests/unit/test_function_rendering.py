"""What a client reads: the choice by Accept, and any text through each format and back."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from firstbyte.failures import ErrorType, Failure, RequestError
from firstbyte.model_events import Delta, Progress, Usage
from firstbyte.rendering import (
    JSON,
    NDJSON,
    SSE,
    TEXT,
    Rendering,
    choose_rendering,
    error_body,
    error_fields,
    usage_fields,
)
from function_calls import parse_ndjson, parse_sse


@pytest.mark.parametrize(
    ("accept", "rendering"),
    [
        (None, TEXT),
        ("", TEXT),
        ("*/*", TEXT),
        ("text/*", TEXT),
        ("text/plain", TEXT),
        ("text/event-stream", SSE),
        ("Text/Event-Stream", SSE),
        ("text/event-stream;charset=utf-8", SSE),
        ("application/x-ndjson", NDJSON),
        ("application/*", NDJSON),
        ("application/json", JSON),
        ("application/json; charset=utf-8", JSON),
        ("application/json, text/event-stream", SSE),
        ("text/event-stream, application/json", SSE),
        ("application/x-ndjson, text/event-stream", NDJSON),
        ("text/event-stream, */*", SSE),
        ("text/event-stream;q=0.5, application/x-ndjson;q=0.9", NDJSON),
        ("text/plain ; q=0.1 , text/event-stream ; q=0.2", SSE),
        ("text/event-stream;q=0, */*;q=0.1", TEXT),
        # What the most specific range says of a format counts, wherever it stands.
        ("text/plain;q=0, */*", SSE),
        ("*/*, text/plain;q=0", SSE),
        ("text/*;q=0, */*", NDJSON),
        ("text/*;q=0, */*, text/event-stream;q=0.1", NDJSON),
        ("text/*;q=0, */*;q=0.1, text/event-stream;q=0.2", SSE),
        ("application/x-ndjson;q=0, application/*", JSON),
        ("*/*;q=0.5, text/plain;q=0.1", SSE),
        ("*/*, text/event-stream;q=0.9", TEXT),
        ("application/json, */*;q=0", JSON),
        # An entry whose weight is none is left out: https://www.rfc-editor.org/rfc/rfc9110#section-12.4.2
        ("text/event-stream;q=nan, text/plain;q=0.1", TEXT),
        ("text/event-stream;q=inf, text/plain;q=0.1", TEXT),
        ("text/event-stream;q=2, text/plain;q=0.1", TEXT),
        ("text/event-stream;q=1.001, text/plain;q=0.1", TEXT),
        ("text/event-stream;q=, text/plain;q=0.1", TEXT),
        ("text/event-stream;q, text/plain;q=0.1", TEXT),
        ("text/event-stream;q=-1, */*", TEXT),
        ("text/event-stream;q=1e0, text/plain;q=0.1", TEXT),
        ("text/event-stream;q=0.8;q=x, text/plain;q=0.1", SSE),
        ("text/event-stream;q=\u0660.9, text/plain;q=0.1", TEXT),
        # Older Java writes this.
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", TEXT),
        ("text/event-stream; q = 0.2, text/plain;q=0.1", SSE),
        ("text/event-stream;Q=0.2, text/plain;q=0.1", SSE),
        # Several lines are one list, and of two weights for the same range the higher one counts.
        ("text/plain;q=0.2,text/event-stream;q=0.3,text/plain;q=0.4", TEXT),
        ("application/json;q=0.5, */*;q=0.6", TEXT),
        ("application/json, text/javascript, */*; q=0.01", JSON),
        ("application/json, text/plain, */*", TEXT),
        ("application/json;q=0, text/plain;q=0.1", TEXT),
    ],
)
def test_choice(accept: str | None, rendering: Rendering) -> None:
    assert choose_rendering(accept) is rendering


@pytest.mark.parametrize(
    "accept",
    [
        *("application/xml", "image/*", "text/event-stream;q=0", "text/html;q=1, x", ";q=1", "*/*;q=0"),
        *("text/event-stream;q=high", "text/*;q=nan", "text/plain;q=0, text/event-stream;q=0"),
    ],
)
def test_nothing_acceptable_is_a_406(accept: str) -> None:
    with pytest.raises(RequestError) as caught:
        choose_rendering(accept)
    assert caught.value.failure.status == 406
    assert caught.value.failure.type is ErrorType.INVALID_REQUEST
    assert caught.value.failure.field == "accept"


ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(ANY_TEXT))
@example(["a\nb", "\r\n", "\r", "\u2028\u2029\x85", "\x00", "😀", "data: x", "\n\nevent: end\n", "\ufeff", "\\u2028"])
def test_any_text_comes_back_from_events(texts: list[str]) -> None:
    for rendering, parse in ((SSE, parse_sse), (NDJSON, parse_ndjson)):
        body = b"".join(rendering.delta(text) for text in texts)
        assert [fields["text"] for _, fields in parse(body)] == texts
        assert [name for name, _ in parse(body)] == ["delta"] * len(texts)


@given(st.text(st.characters(exclude_categories=())))
def test_a_delta_is_the_frame_of_that_name(text: str) -> None:
    for rendering in (SSE, NDJSON):
        assert rendering.delta(text) == rendering.frame("delta", {"text": text})


@given(st.lists(ANY_TEXT))
def test_any_text_comes_back_from_a_whole_answer(texts: list[str]) -> None:
    body = JSON.frame("answer", {"text": "".join(texts)})
    assert json.loads(body) == {"text": "".join(texts)}
    assert len(body.decode().splitlines()) == 1


@given(st.lists(ANY_TEXT))
def test_text_is_the_text(texts: list[str]) -> None:
    assert b"".join(TEXT.delta(text) for text in texts).decode() == "".join(texts)


@pytest.mark.parametrize("name", ["start", "end", "error"])
def test_text_has_no_other_events(name: str) -> None:
    assert TEXT.frame(name, {"type": "x"}) == b""


def test_frames_on_the_wire() -> None:
    assert SSE.delta("a\n") == b'event: delta\ndata: {"text":"a\\n"}\n\n'
    assert NDJSON.delta("é") == '{"type":"delta","text":"é"}\n'.encode()
    # An error's own type must not take the place of the line's.
    assert NDJSON.frame("error", {"type": "throttled"}) == b'{"type":"error","error":{"type":"throttled"}}\n'


def test_what_puts_the_first_byte_on_the_wire() -> None:
    assert SSE.begins_with(Progress("start"))
    assert NDJSON.begins_with(Progress("start"))
    assert not TEXT.begins_with(Progress("start"))
    assert TEXT.begins_with(Delta("x"))
    assert not JSON.begins_with(Progress("start"))
    assert not JSON.begins_with(Delta("x"))


def test_usage_leaves_out_only_an_unknown_cache() -> None:
    assert usage_fields(Usage()) == {"input_tokens": None, "output_tokens": None}
    assert usage_fields(Usage(1, 0, 0, 2)) == {
        "input_tokens": 1,
        "output_tokens": 0,
        "cache_read_input_tokens": 0,
        "cache_write_input_tokens": 2,
    }


def test_error_body() -> None:
    failure = Failure.of(ErrorType.INVALID_REQUEST, "no", field="\ud800", code="secret", detail="secret")
    ids = {"request_id": "r", "trace_id": "t"}
    error = {"type": "invalid_request", "message": "no", "retryable": False, "field": "\ud800"}
    assert json.loads(error_body(failure, Usage(), ids).encode()) == {"error": error, **ids}
    counts = {"input_tokens": 4, "output_tokens": None}
    assert json.loads(error_body(failure, Usage(4), ids)) == {"error": {**error, "partial_usage": counts}, **ids}
    assert "field" not in error_fields(Failure.of(ErrorType.THROTTLED))
