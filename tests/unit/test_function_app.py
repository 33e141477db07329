"""The handler's contract: headers, events, formats, what is written when, and what stays between two invocations."""

import base64
import gc
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from bedrock_replay import ReplayServer, Reply, chunk, event, exception
from firstbyte.failures import RequestError
from function_calls import CLAUDE, LLAMA, METRICS, MISTRAL, NOVA, Call, call, running_function, url_event
from lambda_streaming import ResponseStream
from lambda_streaming.testing import Ending, LambdaContext, run

TRACE = "Root=1-6a1b2c3d-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1"


@pytest.fixture(scope="module")
def function() -> Iterator[tuple[Any, ReplayServer]]:
    with running_function() as function:
        yield function


def nova(*texts: str, stop: str = "end_turn") -> list[bytes]:
    return [
        chunk({"messageStart": {"role": "assistant"}}),
        *(chunk({"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": 0}}) for text in texts),
        chunk({"messageStop": {"stopReason": stop}}),
        chunk({"metadata": {"usage": {"inputTokens": 7, "outputTokens": 3}, "metrics": {}}} | METRICS),
    ]


def test_events_of_a_whole_answer(function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch) -> None:
    app, server = function
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
    monkeypatch.setattr(app, "is_warm", True)
    server.prepare(Reply(nova("Hello", ", ", "world")))
    response = call(app, url_event({"prompt": "Greet me"}, "text/event-stream"))
    assert response.raised is None
    assert response.ended
    assert response.status == 200
    assert response.headers == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-amzn-trace-id": TRACE,
        "x-request-id": LambdaContext.aws_request_id,
    }
    start, *deltas, end = response.events
    assert start == (
        "start",
        {
            "request_id": LambdaContext.aws_request_id,
            "trace_id": "1-6a1b2c3d-0123456789abcdef01234567",
            "model": NOVA,
            "cold_start": False,
        },
    )
    assert deltas == [("delta", {"text": text}) for text in ("Hello", ", ", "world")]
    timing = end[1].pop("timing")
    assert end == ("end", {"stop_reason": "end_turn", "usage": {"input_tokens": 7, "output_tokens": 3}})
    assert 0 < timing["ttft_ms"] <= timing["duration_ms"]
    assert timing["ttfb_ms"] > 0
    assert len(response.chunks) == 5, "each event is one chunk"


def test_ndjson_lines_carry_the_same(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply(nova("a", "\u2028b\n", "\x00😀")))
    response = call(app, url_event({"prompt": "x"}, "application/x-ndjson"))
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.names == ["start", "delta", "delta", "delta", "end"]
    assert response.text == "a\u2028b\n\x00😀"
    assert response.events[0][1]["model"] == NOVA


def test_text_is_the_bare_text_one_chunk_a_delta(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply(nova("Grüße", "", " 😀\n")))
    response = call(app, url_event({"prompt": "x"}))
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.chunks == ["Grüße".encode(), " 😀\n".encode()]
    assert response.ended


def test_json_is_the_whole_answer_in_one_chunk(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, server = function
    monkeypatch.setenv("_X_AMZN_TRACE_ID", TRACE)
    monkeypatch.setattr(app, "is_warm", True)
    opening, first, *rest = nova("Grüße", "", ", \u2028", "😀\n")
    server.prepare(Reply([opening, first, 0.3, *rest]))
    response = call(app, url_event({"prompt": "x"}, "application/json"))
    assert (response.status, response.raised, response.ended) == (200, None, True)
    assert response.headers["content-type"] == "application/json"
    assert len(response.chunks) == 1
    answer = response.json
    timing = answer.pop("timing")
    assert answer == {
        "text": "Grüße, \u2028😀\n",
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 7, "output_tokens": 3},
        "request_id": LambdaContext.aws_request_id,
        "trace_id": "1-6a1b2c3d-0123456789abcdef01234567",
        "model": NOVA,
        "cold_start": False,
    }
    # The model paused between its first text and the rest; the first byte is only due when this is written.
    assert timing["ttft_ms"] + 250 < timing["duration_ms"]
    assert timing["ttfb_ms"] is None


@pytest.mark.parametrize(("kind", "is_cold"), [("on-demand", True), ("provisioned-concurrency", False)])
@pytest.mark.parametrize("accept", ["text/event-stream", "application/x-ndjson", "application/json"])
def test_the_first_answer_of_an_environment_says_so(
    monkeypatch: pytest.MonkeyPatch, accept: str, kind: str, is_cold: bool
) -> None:
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", kind)
    with running_function() as (app, server):
        server.prepare(Reply(nova("a")), Reply(nova("a")))
        first, second = (call(app, url_event({"prompt": "x"}, accept)) for _ in range(2))
    opening = [answer.json if accept == "application/json" else answer.events[0][1] for answer in (first, second)]
    assert [fields["cold_start"] for fields in opening] == [is_cold, False]
    assert [bool(answer.finished["cold_start"]) for answer in (first, second)] == [is_cold, False]


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_any_method_with_a_body_and_a_base64_body(function: tuple[Any, ReplayServer], method: str) -> None:
    app, server = function
    server.prepare(Reply(nova("ok")))
    request = url_event("", method=method)
    request["body"] = base64.b64encode(json.dumps({"prompt": "Grüße 😀"}).encode()).decode()
    request["isBase64Encoded"] = True
    assert call(app, request).body == b"ok"
    assert server.seen[0].body["messages"] == [{"role": "user", "content": [{"text": "Grüße 😀"}]}]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, f"/model/{NOVA.replace(':', '%3A')}/invoke-with-response-stream"),
        ({"api": "converse"}, f"/model/{NOVA.replace(':', '%3A')}/converse-stream"),
        ({"model": CLAUDE}, f"/model/{CLAUDE.replace(':', '%3A')}/invoke-with-response-stream"),
        ({"model": LLAMA}, f"/model/{LLAMA.replace(':', '%3A')}/invoke-with-response-stream"),
        ({"model": MISTRAL}, f"/model/{MISTRAL.replace(':', '%3A')}/converse-stream"),
    ],
)
def test_which_api_is_called(function: tuple[Any, ReplayServer], body: dict[str, Any], path: str) -> None:
    app, server = function
    pieces = [event("messageStop", {"stopReason": "end_turn"})] if path.endswith("converse-stream") else nova()
    server.prepare(Reply(pieces))
    assert call(app, url_event({"prompt": "x", **body})).status == 200
    assert server.seen[0].path == path


def test_first_event_is_out_while_the_model_is_still_working(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply([nova()[0], 0.3, *nova("a")[1:2], 0.3, *nova("b")[1:]]))
    response = run(app.handler, url_event({"prompt": "x"}, "text/event-stream"))
    times = [chunk.at for chunk in response.chunks]
    # 0.3 s apart as the model sends them; half of it tells streaming from collecting, however slow the machine.
    assert times[1] - times[0] > 0.15
    assert times[2] - times[1] > 0.15


@pytest.mark.parametrize("accept", ["text/plain", "text/event-stream", "application/x-ndjson", "application/json"])
@pytest.mark.parametrize(
    "pieces",
    [
        nova(),
        nova("", ""),
        [
            chunk({"contentBlockStart": {"start": {"toolUse": {"name": "f", "toolUseId": "1"}}}}),
            chunk({"contentBlockDelta": {"delta": {"toolUse": {"input": "{}"}}}}),
            *nova(stop="tool_use")[1:],
        ],
    ],
    ids=["empty", "empty deltas", "a tool call"],
)
def test_answer_without_text(function: tuple[Any, ReplayServer], accept: str, pieces: list[bytes]) -> None:
    app, server = function
    server.prepare(Reply(pieces))
    response = call(app, url_event({"prompt": "x"}, accept))
    assert response.status == 200
    assert response.headers["x-request-id"] == LambdaContext.aws_request_id
    assert response.ended
    if accept == "text/plain":
        assert response.body == b""
    elif accept == "application/json":
        assert (response.json["text"], response.json["timing"]["ttft_ms"]) == ("", None)
        assert response.json["usage"] == {"input_tokens": 7, "output_tokens": 3}
    else:
        assert response.names == ["start", "end"]
        assert response.events[1][1]["timing"]["ttft_ms"] is None
        assert response.events[1][1]["usage"] == {"input_tokens": 7, "output_tokens": 3}


def test_no_usage_anywhere_is_null_not_zero(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply(nova("a")[:-1]))
    response = call(app, url_event({"prompt": "x"}, "text/event-stream"))
    assert response.events[-1][1]["usage"] == {"input_tokens": None, "output_tokens": None}


def test_reasoning_is_not_text_and_does_not_begin_a_text_response(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    thinking = chunk({"contentBlockDelta": {"delta": {"reasoningContent": {"text": "hmm"}}}})
    server.prepare(Reply([nova()[0], thinking, *nova("yes")[1:]]))
    assert call(app, url_event({"prompt": "x"})).chunks == [b"yes"]


@pytest.mark.parametrize(
    ("event", "field", "status"),
    [
        (url_event({"prompt": "x", "colour": 1}), "colour", 400),
        (url_event({"prompt": "x", "\ud800": 1}), "\ud800", 400),
        (url_event({"prompt": " "}), "prompt", 400),
        (url_event({"prompt": "x"}, "image/png"), "accept", 406),
        ({**url_event({"prompt": "x"}), "headers": {"content-encoding": "gzip"}}, "content-encoding", 415),
        (url_event({"prompt": "x", "model": MISTRAL, "api": "invoke"}), "api", 400),
        (url_event({"prompt": "x", "model": LLAMA, "api": "invoke", "stop_sequences": ["a"]}), "stop_sequences", 400),
        ("no event of a URL", "body", 400),
    ],
)
def test_refusals_name_the_field_and_ask_no_model(
    function: tuple[Any, ReplayServer], event: Any, field: str, status: int
) -> None:
    app, server = function
    server.prepare()
    response = call(app, event)
    assert response.status == status
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"] == LambdaContext.aws_request_id
    assert response.json["error"]["type"] == "invalid_request"
    assert response.json["error"]["field"] == field
    assert response.json["error"]["retryable"] is False
    assert response.json["request_id"] == LambdaContext.aws_request_id
    assert response.json["trace_id"] == ""
    assert server.seen == []
    assert [line["error_type"] for line in response.log] == ["invalid_request"]


def test_neither_prompt_nor_answer_nor_a_made_up_field_is_recorded(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    secret = "correct horse battery staple"
    responses = []
    for request, accept, reply in (
        ({"prompt": secret}, None, Reply(nova(secret))),
        ({"prompt": secret}, "text/event-stream", Reply([*nova(secret)[:2], chunk(b"{not json")])),
        ({"prompt": secret}, None, Reply.error(400, "ValidationException", f"cannot make sense of {secret}")),
        ({secret: 1}, None, Reply([])),
    ):
        server.prepare(reply)
        responses.append(call(app, url_event(request, accept)))
    assert [len(response.log) for response in responses] == [0, 1, 1, 1]
    assert "horse" not in json.dumps([[*response.log, response.finished, response.emf] for response in responses])


def assert_is_a_bug(response: Call) -> None:
    """The exception says that there is one. The log says which, and where, and not in the exception's own words."""
    error = response.raised
    assert isinstance(error, RequestError)
    assert str(error) == f"internal: The function failed. Request {LambdaContext.aws_request_id}."
    assert (error.__cause__, error.__context__) == (None, None)
    (line,) = response.log
    assert (line["error_type"], line["code"]) == ("internal", "ZeroDivisionError")
    assert re.fullmatch(r"test_\w+\.py:\d+( < \w+\.py:\d+){1,5}", line["place"])
    assert "private" not in json.dumps([line, response.finished])


def test_a_mistake_of_the_function_before_the_first_byte_is_raised(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, server = function

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("something private")

    monkeypatch.setattr(app, "check_api", broken)
    server.prepare()
    response = call(app, url_event({"prompt": "x"}, "text/event-stream"))
    assert_is_a_bug(response)
    assert response.response.ending is Ending.FAILED


@pytest.mark.parametrize("accept", ["text/plain", "text/event-stream", "application/x-ndjson"])
def test_a_mistake_of_the_function_after_the_first_byte_is_told_and_raised(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch, accept: str
) -> None:
    app, server = function
    original = app.Answer.__iter__

    def broken(answer: Any) -> Iterator[Any]:
        yield from list(original(answer))[:2]
        raise ZeroDivisionError("something private")

    monkeypatch.setattr(app.Answer, "__iter__", broken)
    server.prepare(Reply(nova("a")))
    response = call(app, url_event({"prompt": "x"}, accept))
    assert_is_a_bug(response)
    assert not response.ended
    assert b"private" not in response.body
    if accept != "text/plain":
        assert response.names == ["start", "delta", "error"]
        error = response.events[-1][1].get("error") or response.events[-1][1]
        assert error["type"] == "internal"


def test_a_mistake_of_the_function_in_the_middle_of_a_whole_answer_is_raised(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, server = function

    def broken(_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app, "usage_fields", broken)
    server.prepare(Reply(nova("a")))
    response = call(app, url_event({"prompt": "x"}, "application/json"))
    assert_is_a_bug(response)
    assert response.response.ending is Ending.FAILED, "nothing is sent: the platform answers"
    assert response.finished["outcome"] == "internal_error"


@pytest.mark.parametrize(
    ("request_body", "reply"),
    [({"prompt": ""}, Reply([])), ({"prompt": "x"}, Reply.error(429, "ThrottlingException", "wait"))],
    ids=["refused", "throttled"],
)
def test_a_mistake_of_the_function_while_it_tells_of_a_failure_counts_as_the_functions(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch, request_body: dict[str, str], reply: Reply
) -> None:
    app, server = function

    def broken(*_: Any) -> None:
        raise ZeroDivisionError("something private")

    monkeypatch.setattr(app, "error_body", broken)
    server.prepare(reply)
    response = call(app, url_event(request_body))
    assert response.finished["outcome"] == "internal_error"
    assert str(response.raised).startswith("internal: ")
    *_, line = response.log
    assert (line["error_type"], line["code"]) == ("internal", "ZeroDivisionError")


@pytest.mark.parametrize("error", [AttributeError, KeyError, TypeError, ValueError, RecursionError])
def test_a_mistake_of_the_function_in_a_wait_for_the_model_counts_as_the_functions(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    app, server = function

    def broken(*_: Any, **__: Any) -> None:
        raise error("something private")

    monkeypatch.setattr(app.Answer, "_open", broken)
    server.prepare()
    response = call(app, url_event({"prompt": "x"}))
    assert response.finished["outcome"] == "internal_error"
    (line,) = response.log
    assert (line["error_type"], line["code"]) == ("internal", error.__name__)
    assert "place" in line


def test_a_lost_runtime_api_is_raised_and_the_model_stream_closed(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, server = function
    server.prepare(Reply(nova("a", "b"), end="silent"))
    closed: list[str] = []
    original = app.Answer.close

    def close(answer: Any) -> None:
        closed.append(answer.attempt.model_id)
        original(answer)

    def send(data: bytes) -> None:
        raise BrokenPipeError

    monkeypatch.setattr(app.Answer, "close", close)
    with pytest.raises(RequestError, match="internal: The function failed"):
        app.handler(url_event({"prompt": "x"}), LambdaContext(), response_stream=ResponseStream(send))
    assert closed == [NOVA]


def test_connection_to_bedrock_is_kept_across_invocations(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(*(Reply([piece for part in nova("a", "b") for piece in (part, 0.01)]) for _ in range(3)))
    for _ in range(3):
        call(app, url_event({"prompt": "x"}))
    assert len({seen.connection for seen in server.seen}) == 1


@pytest.mark.parametrize(
    "half_read",
    [
        Reply([*nova("old")[:2], chunk(b"{not json"), *nova("old")[1:]]),
        Reply([chunk(b"{not json"), *nova("old")]),
        Reply([*nova("old")[:2], exception("throttlingException", "x"), *nova("old")[1:]]),
        Reply([exception("throttlingException", "x"), *nova("old")]),
        Reply(nova("old")[:2], end="dropped"),
    ],
    ids=["unreadable", "unreadable at once", "exception", "exception at once", "dropped"],
)
def test_garbage_of_a_half_read_answer_takes_the_place_of_no_good_connection(
    function: tuple[Any, ReplayServer], half_read: Reply
) -> None:
    app, server = function
    server.prepare(half_read, *(Reply(nova("a")) for _ in range(3)))
    gc.collect()
    gc.disable()
    try:
        for _ in range(2):
            call(app, url_event({"prompt": "x"}))
        gc.collect()
        for _ in range(2):
            call(app, url_event({"prompt": "x"}))
    finally:
        gc.enable()
    assert len({seen.connection for seen in server.seen[1:]}) == 1


def test_connection_that_broke_while_frozen_is_replaced_once(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply(nova("a")), Reply(hang_up=True), Reply(nova("b")))
    assert call(app, url_event({"prompt": "x"})).body == b"a"
    assert call(app, url_event({"prompt": "x"})).body == b"b"
    assert len(server.seen) == 3
    server.prepare(Reply(hang_up=True), Reply(hang_up=True))
    response = call(app, url_event({"prompt": "x"}))
    assert (response.status, response.json["error"]["type"]) == (503, "model_unavailable")
    assert len(server.seen) == 2


def test_a_half_read_answer_does_not_leak_into_the_next(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply([*nova("old")[:2], chunk(b"{not json"), *nova("old")[1:]]), Reply(nova("new")))
    assert call(app, url_event({"prompt": "x"}, "text/event-stream")).names[-1] == "error"
    assert call(app, url_event({"prompt": "x"})).body == b"new"


def test_requests_are_signed_for_the_region_and_not_retried(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply.error(500, "InternalServerException", "x"))
    call(app, url_event({"prompt": "x"}))
    (seen,) = server.seen
    assert re.search(r"Credential=AKIDEXAMPLE/\d{8}/eu-central-1/bedrock/aws4_request", seen.headers["authorization"])


HALF = "odd\ud83d"
FORMATS = ["text/event-stream", "application/x-ndjson", "application/json"]


@pytest.mark.parametrize("accept", FORMATS)
def test_half_a_character_in_a_stop_reason_costs_no_answer(function: tuple[Any, ReplayServer], accept: str) -> None:
    app, server = function
    server.prepare(Reply(nova("a", stop=HALF)))
    response = call(app, url_event({"prompt": "p"}, accept))
    assert (response.raised, response.ended) == (None, True)
    last = response.json if accept == FORMATS[-1] else response.events[-1][1]
    assert (last["stop_reason"], response.finished["outcome"]) == ("odd?", "completed")


@pytest.mark.parametrize("accept", FORMATS[:2])
def test_half_a_character_in_words_about_the_request_costs_no_error(
    function: tuple[Any, ReplayServer], accept: str
) -> None:
    app, server = function
    server.prepare(Reply([*nova("a")[:2], exception("validationException", HALF)]))
    response = call(app, url_event({"prompt": "p"}, accept))
    assert (response.raised, response.ended) == (None, True)
    name, fields = response.events[-1]
    error = fields.get("error", fields)  # where NDJSON has it
    assert (name, error["type"], error["message"]) == ("error", "invalid_request", "odd?")
    assert response.finished["error_type"] == "invalid_request"


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ([b"[" * 100_000], "UnreadableChunk"),
        ([b"no JSON"], "UnreadableChunk"),
        ([], "NoStopReason"),
    ],
    ids=["nested too deeply", "no JSON", "no stop"],
)
def test_an_answer_that_is_none_is_the_models_failure_and_says_why(
    function: tuple[Any, ReplayServer], answer: list[bytes], code: str
) -> None:
    app, server = function
    server.prepare(Reply([*nova("a")[:2], *map(chunk, answer)]))
    response = call(app, url_event({"prompt": "p"}, "text/event-stream"))
    assert (response.raised, response.events[-1][1]["type"]) == (None, "model_error")
    (line,) = [line for line in response.log if line["message"] == "request failed"]
    assert (line["code"], line["detail"]) == (code, response.events[-1][1]["message"])
