"""The function: whatever a client sends, and whatever Bedrock answers, ends in one of the documented ways."""

import base64
import json
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bedrock_replay import ReplayServer, Reply, chunk, event, exception
from emf_document import values_of
from firstbyte.failures import RequestError
from firstbyte.redaction import Redaction
from firstbyte.rendering import choose_rendering
from firstbyte.request import header
from firstbyte.trace_header import parse_trace_header
from function_calls import CLAUDE, LLAMA, METRICS, MISTRAL, NOVA, Call, call, running_function, url_event
from lambda_streaming.testing import Ending
from mutations import ODD_TEXTS, as_json, examples, spoiled, spoiled_bytes, spoiled_text

TEXT, SSE, NDJSON, JSON = "text/plain", "text/event-stream", "application/x-ndjson", "application/json"

BODIES = (
    {"prompt": "Good evening", "max_tokens": 10, "temperature": 0.5, "top_p": 1, "stop_sequences": ["END"]},
    {
        "messages": [
            {"role": "user", "content": "One"},
            {"role": "assistant", "content": "Two"},
            {"role": "user", "content": "Three"},
        ],
        "model": CLAUDE,
        "system": "Be brief",
        "api": "converse",
    },
)
EVENT = url_event(BODIES[0], SSE) | {"cookies": ["a=b"], "rawQueryString": "a=b"}
# One answer in each format.
CHUNKS: dict[str, list[Any]] = {
    CLAUDE: [
        {"type": "message_start", "message": {"usage": {"input_tokens": 7, "output_tokens": 1}}},
        {"type": "content_block_start", "content_block": {"type": "thinking", "thinking": ""}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hello"}},
        {"type": "content_block_delta", "delta": {"type": "text_delta", "text": " you"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}},
        {"type": "message_stop", **METRICS},
    ],
    NOVA: [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"text": "Hello"}, "contentBlockIndex": 0}},
        {"contentBlockDelta": {"delta": {"reasoningContent": {"text": "hm"}}, "contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
        {"metadata": {"usage": {"inputTokens": 7, "outputTokens": 3}}, **METRICS},
    ],
    LLAMA: [
        {"generation": "Hello", "prompt_token_count": 7, "generation_token_count": 1, "stop_reason": None},
        {"generation": " you", "generation_token_count": 2, "stop_reason": "stop", **METRICS},
    ],
    "choices": [
        {"choices": [{"index": 0, "delta": {"content": "Hello", "reasoning": "hm"}, "finish_reason": None}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": {"completion_tokens": 3}},
        {"error": {"type": "server_error", "code": 500, "message": "Something failed"}},
    ],
}
CONVERSE = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": "f"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello"}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "hm"}}}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("messageStop", {"stopReason": "end_turn"}),
    ("metadata", {"usage": {"inputTokens": 7, "outputTokens": 3}, "metrics": {"latencyMs": 40}}),
]
FAILURES = [
    exception("throttlingException", "Too many"),
    exception("validationException", "The prompt is bad"),
    exception("unheardOfException", "What"),
]


@pytest.fixture(scope="module")
def function() -> Iterator[tuple[Any, ReplayServer]]:
    with running_function() as function:
        yield function


def check(response: Call) -> None:
    """Check what holds of every response: one documented outcome, a proper end, figures that are figures."""
    assert response.finished["outcome"] != "internal_error", response.log
    if response.raised is None:
        assert response.response.ending is Ending.COMPLETE
    else:
        assert isinstance(response.raised, RequestError)  # bare text, which is cut
        assert response.response.ending is Ending.CUT
    for value in (single for values in values_of(response.emf).values() for single in values):
        assert math.isfinite(value)
        assert value >= 0
    if response.status != 200:
        assert 400 <= response.status < 600
        assert response.json["error"]["type"]
    elif response.headers["content-type"].startswith((SSE, NDJSON)):
        assert [name for name in response.names if name in ("end", "error")] == response.names[-1:]
    elif response.headers["content-type"] == JSON:
        assert isinstance(response.json["text"], str)


@given(spoiled(*BODIES), st.booleans())
@examples(1)
def test_a_body_is_answered_or_refused(function: tuple[Any, ReplayServer], body: Any, is_base64: bool) -> None:
    app, server = function
    server.prepare(Reply([chunk({"completion": "Hi", "stop_reason": "stop"})]))
    text = as_json(body)
    sent = base64.b64encode(text.encode()).decode() if is_base64 else text
    check(call(app, {**url_event(sent, SSE), "isBase64Encoded": is_base64}))


@given(spoiled(EVENT), ODD_TEXTS)
@examples(1)
def test_an_event_is_answered_or_refused(function: tuple[Any, ReplayServer], event: Any, trace: str) -> None:
    app, server = function
    server.prepare(Reply([chunk({"completion": "Hi", "stop_reason": "stop"})]))
    try:
        received = json.loads(as_json(event))
    except (ValueError, RecursionError):
        return  # the runtime would not call the handler with it
    check(call(app, received))


@given(spoiled_text("text/plain;q=0.5, text/event-stream;q=1, */*;q=0.1", "application/json", "*/*"))
@examples(2)
def test_an_accept_header_names_a_format_or_none(accept: str) -> None:
    try:
        choose_rendering(accept)
    except RequestError as refusal:
        assert refusal.failure.status == 406


@given(spoiled_text("Root=1-6a1b2c3d-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1"))
@examples(2)
def test_a_trace_header_is_sampled_only_with_its_ids(text: str) -> None:
    trace = parse_trace_header(text)
    assert not trace.is_sampled or (trace.root and trace.parent)


@given(spoiled({"headers": {"Accept": "a", "content-type": "b"}}))
@examples(1)
def test_a_header_is_a_text_or_missing(event: Any) -> None:
    assert isinstance(header(event, "accept"), str | None)


@pytest.mark.parametrize("name", CHUNKS)
@given(data=st.data(), accept=st.sampled_from((TEXT, SSE, NDJSON, JSON)))
@examples(0.5)
def test_chunks_of_a_model(function: tuple[Any, ReplayServer], name: str, data: st.DataObject, accept: str) -> None:
    app, server = function
    chunks = data.draw(spoiled(CHUNKS[name]))
    raw = [as_json(content).encode() for content in (chunks if isinstance(chunks, list) else [chunks])]
    server.prepare(Reply([chunk(content) for content in raw[:50]]))
    model = {"model": name} if name in (CLAUDE, NOVA, LLAMA) else {}
    check(call(app, url_event({"prompt": "Good evening", **model}, accept)))


@given(spoiled([list(pair) for pair in CONVERSE]), st.sampled_from((TEXT, SSE, JSON)))
@examples(0.5)
def test_events_of_converse(function: tuple[Any, ReplayServer], events: Any, accept: str) -> None:
    app, server = function
    pieces = []
    for pair in events if isinstance(events, list) else []:
        match pair:
            case [str(name), content] if len(name.encode(errors="replace")) < 200:
                payload = as_json(content).encode()
                pieces.append(raw_event(name, payload))
    server.prepare(Reply(pieces[:50]))
    check(call(app, url_event({"prompt": "Good evening", "model": MISTRAL, "api": "converse"}, accept)))


def raw_event(name: str, payload: bytes) -> bytes:
    from sandbox.eventstream import encode_message

    clean = name.encode(errors="replace").decode()
    return encode_message(
        {":event-type": clean, ":content-type": "application/json", ":message-type": "event"}, payload
    )


STREAMS = (
    b"".join(map(chunk, CHUNKS[NOVA])),
    b"".join(map(chunk, CHUNKS[CLAUDE][:3])) + FAILURES[0],
    b"".join(event(*pair) for pair in CONVERSE),
    *(event(*CONVERSE[0]) + failure for failure in FAILURES),
)


@given(spoiled_bytes(*STREAMS), st.sampled_from(("invoke", "converse")), st.sampled_from((TEXT, SSE)))
@examples(0.5)
def test_bytes_of_a_stream(function: tuple[Any, ReplayServer], stream: bytes, api: str, accept: str) -> None:
    app, server = function
    server.prepare(Reply([stream] if stream else []))
    check(call(app, url_event({"prompt": "Good evening", "api": api}, accept)))


ERROR_BODY = {"message": "Input is too long", "__type": "ValidationException", "Error": {"Code": "A", "Message": "b"}}


@given(
    spoiled(ERROR_BODY) | st.none(),
    st.sampled_from((200, 204, 301, 400, 403, 424, 429, 500, 503, 529)),
    st.sampled_from(("application/json", "text/html", "application/xml")),
    spoiled_text("ThrottlingException:http://internal.amazon.com/coral/com.amazon.bedrock/"),
)
@examples(0.5)
def test_an_answer_that_is_no_stream(
    function: tuple[Any, ReplayServer], body: Any, status: int, content_type: str, error_type: str
) -> None:
    app, server = function
    if not error_type.isascii() or not error_type.isprintable():
        error_type = "é"
    headers = {"content-type": content_type, "x-amzn-errortype": error_type}
    server.prepare(Reply([] if body is None else [as_json(body).encode()], status, headers))
    check(call(app, url_event({"prompt": "Good evening"}, SSE)))


WORDS = (
    "The text 'Good evening to you all' in messages.0.content is refused for arn:aws:bedrock:eu-west-1:123456789012:x",
    "1 validation error detected: Value '\\u0047ood &quot;evening&quot; %20to' AKIAIOSFODNN7EXAMPLEX at 'body'",
)


@given(st.lists(spoiled_text("Good evening to you all"), max_size=3), spoiled_text(*WORDS))
@example(["x"], "\\U99999999 \\ud800 &#x110000; %ff%fe")
@example(["&#" + "1" * 5000], "x")
@example(["x"], f"&#{'1' * 2900};")
@examples(2)
def test_words_are_cleaned_for_the_log(texts: list[str], words: str) -> None:
    cleaned = Redaction(texts).clean(words)
    assert len(cleaned) <= 1000
    assert "AKIAIOSFODNN7EXAMPLEX" not in cleaned
