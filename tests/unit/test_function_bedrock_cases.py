"""What users of Bedrock report, through the real client and handler: each case, and each as a kind of its own."""

import itertools
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.model import OperationModel

from bedrock_cases import EXPECTED, Case, cases, chunks
from bedrock_replay import ReplayServer, Reply, chunk, event
from function_calls import CLAUDE, MISTRAL, NOVA, Call, call, running_function, url_event
from lambda_streaming.testing import LambdaContext

TEXT, SSE, NDJSON, JSON = "text/plain", "text/event-stream", "application/x-ndjson", "application/json"
FORMATS = [TEXT, SSE, NDJSON, JSON]


@pytest.fixture(scope="module")
def function() -> Iterator[tuple[Any, ReplayServer]]:
    with running_function() as function:
        yield function


def ask(function: tuple[Any, ReplayServer], reply: Reply, accept: str = SSE, **fields: Any) -> Call:
    app, server = function
    server.prepare(reply, *WHOLE)
    return call(app, url_event({"prompt": "Good evening", **fields}, accept))


WHOLE = [Reply([chunk({"completion": "whole"}), chunk({"completion": "", "stop_reason": "stop"})])]


def text_of(response: Call, accept: str) -> str:
    if accept == TEXT:
        return response.body.decode()
    return response.json["text"] if accept == JSON else response.text


def error_of(response: Call, accept: str) -> dict[str, Any]:
    """The error that the client was told, as a response of its own or at the end of a stream."""
    if response.status != 200:
        error: dict[str, Any] = response.json["error"]
        return error
    name, fields = response.events[-1]
    assert name == "error"
    return fields if accept == SSE else fields["error"]


# The cases.


@pytest.mark.parametrize("accept", FORMATS)
@pytest.mark.parametrize("name", EXPECTED)
def test_case(function: tuple[Any, ReplayServer], name: str, accept: str) -> None:
    found = cases()[name]
    expected = found.expected
    response = ask(function, found.reply, accept, api=found.api)
    if expected.error_type is None:
        assert (response.status, response.ended, text_of(response, accept)) == (200, True, expected.text)
        assert (response.finished["outcome"], response.finished["stop_reason"]) == ("completed", expected.stop_reason)
        if accept != TEXT:
            last = response.json if accept == JSON else response.events[-1][1]
            assert last["stop_reason"] == expected.stop_reason
    elif expected.text and accept != JSON:
        assert (response.status, response.finished["outcome"]) == (200, "interrupted")
        assert text_of(response, accept) == expected.text
        assert response.ended == (accept != TEXT)
        assert accept == TEXT or error_of(response, accept)["type"] == expected.error_type
    else:
        assert (response.status, error_of(response, accept)["type"]) == (expected.status, expected.error_type)
        assert (error_of(response, accept)["message"] == found.words) == expected.tells_words
        assert response.headers.get("retry-after") == ("1" if expected.status == 429 else None)
        assert response.finished["outcome"] == expected.outcome
    if expected.error_type:
        assert len(function[1].seen) == 1
        (line,) = response.log
        assert (line["message"], line["error_type"]) == ("request failed", expected.error_type)
        assert (line["code"], line["detail"]) == (expected.code, found.words)


@pytest.mark.parametrize("accept", FORMATS)
@pytest.mark.parametrize("name", [name for name, expected in EXPECTED.items() if expected.error_type])
def test_the_fallback_is_asked_while_nothing_was_sent(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch, name: str, accept: str
) -> None:
    app, server = function
    monkeypatch.setattr(app, "config", app.config._replace(fallback_model_id=CLAUDE))
    found: Case = cases()[name]
    response = ask(function, found.reply, accept, api=found.api)
    assert [line["detail"] for line in response.log] == [found.words]
    if found.expected.text and accept != JSON:
        assert len(server.seen) == 1
        assert response.finished["outcome"] == "interrupted"
    else:
        assert len(server.seen) == 2
        assert (response.status, text_of(response, accept)) == (200, "whole")
        assert (response.finished["outcome"], response.finished["fallbacks"]) == ("completed", 1)


def test_absurd_counts_are_said_and_cost_nothing_else(function: tuple[Any, ReplayServer]) -> None:
    response = ask(function, cases()["absurd counts"].reply, api="converse")
    (line,) = response.log
    assert (line["message"], line["model_id"]) == ("counts that cannot be are left out", NOVA)
    assert line["counts"] == ["input_tokens", "output_tokens"]
    assert {"input_tokens", "output_tokens"}.isdisjoint(response.finished)
    assert response.finished["bedrock_invocation_ms"] == 4


# Refusals in any words.

REFUSALS = [
    (400, "ValidationException", "invalid_request", "rejected"),
    (403, "AccessDeniedException", "access_denied", "rejected"),
    (404, "ResourceNotFoundException", "rejected", "rejected"),
    (409, "ConflictException", "rejected", "rejected"),
    (429, "ThrottlingException", "throttled", "throttled"),
    (503, "ServiceUnavailableException", "model_unavailable", "model_error"),
]
INVENTED = ("region", "exist", "allowed", "quota", "tokens")


@pytest.mark.parametrize(("status", "code", "error_type", "outcome"), REFUSALS)
def test_a_refusal_goes_by_its_code_and_keeps_its_words(
    function: tuple[Any, ReplayServer], status: int, code: str, error_type: str, outcome: str
) -> None:
    rng = random.Random(code)
    letters = "abcdefghijklmnopqrstuvwxyz"
    for _ in range(5):
        words = " ".join("".join(rng.choices(letters, k=rng.randint(4, 9))) for _ in range(9))
        words = f"throttled quota access denied {words} internal timeout."
        response = ask(function, Reply.error(status, code, words))
        error = response.json["error"]
        assert (error["type"], response.finished["outcome"]) == (error_type, outcome)
        assert (error["message"] == words) == (error_type == "invalid_request")
        assert error["message"] == words or not any(cause in error["message"] for cause in INVENTED)
        assert [(line["code"], line["detail"]) for line in response.log] == [(code, words)]


# Errors in the streams of every family.

FAMILIES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "messages": (
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}},
    ),
    "completion": ({"completion": "Hello"}, {"completion": "", "stop_reason": "end_turn"}),
    "nova": (
        {"contentBlockDelta": {"delta": {"text": "Hello"}, "contentBlockIndex": 0}},
        {"messageStop": {"stopReason": "end_turn"}},
    ),
    "llama": ({"generation": "Hello"}, {"generation": "", "stop_reason": "stop"}),
    "titan": ({"outputText": "Hello"}, {"outputText": "", "completionReason": "FINISH"}),
    "mistral": ({"outputs": [{"text": "Hello"}]}, {"outputs": [{"text": "", "stop_reason": "stop"}]}),
    "chat": ({"choices": [{"delta": {"content": "Hello"}}]}, {"choices": [{"delta": {}, "finish_reason": "stop"}]}),
    "cohere": (
        {"is_finished": False, "text": "Hello"},
        {"is_finished": True, "finish_reason": "COMPLETE", "response": {}},
    ),
    "cohere, older": ({"generations": [{"text": "Hello"}]}, {"generations": [{"finish_reason": "COMPLETE"}]}),
}
WORDS = "lorem ipsum dolor"
ERRORS: list[tuple[dict[str, Any], str, int, str | None]] = [
    ({"type": "error", "error": {"type": "rate_limit_error", "message": WORDS}}, "throttled", 429, "rate_limit_error"),
    (
        {"type": "error", "error": {"type": "overloaded_error", "message": WORDS}},
        "model_unavailable",
        503,
        "overloaded_error",
    ),
    (
        {"type": "error", "error": {"type": "request_too_large", "message": WORDS}},
        "invalid_request",
        400,
        "request_too_large",
    ),
    ({"type": "error", "error": {"type": "not_found_error", "message": WORDS}}, "rejected", 502, "not_found_error"),
    ({"type": "error", "error": {"type": "billing_error", "message": WORDS}}, "access_denied", 403, "billing_error"),
    ({"type": "error", "error": {"type": "timeout_error", "message": WORDS}}, "model_timeout", 504, "timeout_error"),
    ({"type": "error", "message": WORDS}, "model_error", 502, None),
    ({"error": WORDS}, "model_error", 502, None),
    ({"error": {"message": WORDS, "code": 429}}, "throttled", 429, "429"),
    ({"error": {"message": WORDS, "code": "503"}}, "model_unavailable", 503, "503"),
    ({"error": {"message": WORDS, "type": "server_error", "code": 500}}, "model_error", 502, "500 server_error"),
    (
        {"error": {"message": WORDS, "type": "tokens", "code": "rate_limit_exceeded"}},
        "throttled",
        429,
        "rate_limit_exceeded tokens",
    ),
    (
        {"error": {"message": WORDS, "type": "invalid_request_error", "code": "model_not_found"}},
        "rejected",
        502,
        "model_not_found invalid_request_error",
    ),
    (
        {"object": "error", "message": WORDS, "type": "BadRequestError", "code": 400},
        "invalid_request",
        400,
        "400 BadRequestError",
    ),
    ({"internalServerException": {"message": WORDS}}, "model_error", 502, "InternalServerException"),
    ({"throttlingException": {"Message": WORDS}}, "throttled", 429, "ThrottlingException"),
    ({"someQuotaException": {"message": WORDS}}, "throttled", 429, "SomeQuotaException"),
    ({"__type": "com.amazon.x#AccessDeniedException", "message": WORDS}, "access_denied", 403, "AccessDeniedException"),
    ({"choices": [{"error": {"message": WORDS, "code": 502}, "finish_reason": "error"}]}, "model_error", 502, "502"),
]


def check_failure(response: Call, error_type: str, status: int, code: str | None, words: str | None = WORDS) -> None:
    if response.status == 200:
        assert error_of(response, SSE)["type"] == error_type
        assert response.finished["outcome"] == "interrupted"
    else:
        assert (response.status, error_of(response, SSE)["type"]) == (status, error_type)
        assert (response.headers.get("retry-after") is None) == (status not in (429, 503))
    assert [(line.get("code"), line.get("detail")) for line in response.log] == [(code, words)]
    assert response.finished["error_type"] == error_type


@pytest.mark.parametrize(("error", "error_type", "status", "code"), ERRORS)
@pytest.mark.parametrize("family", FAMILIES)
def test_an_error_anywhere_in_a_familys_stream(
    function: tuple[Any, ReplayServer],
    family: str,
    error: dict[str, Any],
    error_type: str,
    status: int,
    code: str | None,
) -> None:
    text, stop = FAMILIES[family]
    for before in ([], [text], [text, stop]):
        response = ask(function, Reply(chunks([*before, error, *([] if before else [text, stop])])))
        assert response.status == (200 if before else status)
        check_failure(response, error_type, status, code)
        # In one piece it is a status wherever it comes.
        response = ask(function, Reply(chunks([*before, error])), JSON)
        assert (response.status, response.json["error"]["type"]) == (status, error_type)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_error_beside_a_known_shape(function: tuple[Any, ReplayServer], family: str) -> None:
    error = {"error": {"type": "rate_limit_error", "message": WORDS}}
    text, stop = FAMILIES[family]
    for place in (text, stop):
        response = ask(function, Reply(chunks([text, {**place, **error}])))
        check_failure(response, "throttled", 429, "rate_limit_error")
        assert response.text == ("HelloHello" if place is text else "Hello"), (
            "the text beside the error is the client's"
        )
    empty = [{**text, "error": None}, {**stop, "error": {}}]
    assert ask(function, Reply(chunks(empty))).names == ["start", "delta", "end"]


@pytest.mark.parametrize(
    "chunk_",
    [
        {"outputs": [{"text": "", "stop_reason": "error"}]},
        {"choices": [{"delta": {}, "finish_reason": "error"}]},
        {"is_finished": True, "finish_reason": "ERROR"},
        {"messageStop": {"stopReason": "error"}},
    ],
)
def test_a_finish_reason_that_says_that_it_failed(function: tuple[Any, ReplayServer], chunk_: dict[str, Any]) -> None:
    response = ask(function, Reply(chunks([{"generation": "Hello"}, chunk_])))
    assert response.names == ["start", "delta", "error"]
    assert response.log[0]["code"].lower() == "error"
    assert "stop_reason" not in response.finished


def test_a_full_context_window_is_a_stop_reason(function: tuple[Any, ReplayServer]) -> None:
    response = ask(function, Reply(chunks([{"is_finished": True, "finish_reason": "ERROR_LIMIT"}])))
    assert response.finished["stop_reason"] == "model_context_window_exceeded"


def test_an_exception_that_comes_as_an_event_of_converse(function: tuple[Any, ReplayServer]) -> None:
    begin = event("contentBlockDelta", {"delta": {"text": "Hello"}, "contentBlockIndex": 0})
    response = ask(function, Reply([begin, event("throttlingException", {"message": WORDS})]), api="converse")
    assert error_of(response, SSE)["type"] == "throttled"
    assert [line["code"] for line in response.log] == ["ThrottlingException"], "botocore drops the words"


# Chunks in any order.

METRICS = {"amazon-bedrock-invocationMetrics": {"inputTokenCount": 4, "outputTokenCount": 2}}
GUARDRAIL = {"amazon-bedrock-guardrailAction": "INTERVENED"}
PIECES: dict[str, dict[str, Any]] = {
    "start": {"messageStart": {"role": "assistant"}},
    "text": FAMILIES["nova"][0],
    "stop": FAMILIES["nova"][1],
    "metadata": {"metadata": {"usage": {"inputTokens": 4, "outputTokens": 2}}},
    "metrics": METRICS,
    "error": {"error": {"type": "rate_limit_error", "message": WORDS}},
    "guardrail": GUARDRAIL,
}


@pytest.mark.parametrize("end", ["error", "guardrail", ""])
def test_every_order_gives_a_sensible_record(function: tuple[Any, ReplayServer], end: str) -> None:
    names = ["text", "stop", "metadata", "metrics", *([end] if end else [])]
    for order in itertools.permutations(names):
        response = ask(function, Reply(chunks([PIECES[name] for name in order])))
        line = response.finished
        counted = order[: order.index("error")] if end == "error" else order
        known = {"metadata", "metrics"} & set(counted)
        assert (line.get("input_tokens"), line.get("output_tokens")) == ((4, 2) if known else (None, None)), order
        if end == "error":
            check_failure(response, "throttled", 429, "rate_limit_error")
            begun = {"text", "stop", "metadata", "metrics"} & set(counted)
            assert response.status == (200 if begun else 429), order
        else:
            assert (line["outcome"], line["stop_reason"]) == (
                "completed",
                "guardrail_intervened" if end else "end_turn",
            )
            assert response.log == []


@pytest.mark.parametrize("family", FAMILIES)
def test_a_guardrail_on_any_chunk(function: tuple[Any, ReplayServer], family: str) -> None:
    text, stop = FAMILIES[family]
    for contents in (
        [{**text, **GUARDRAIL}, stop],
        [text, {**stop, **GUARDRAIL}],
        [text, stop, GUARDRAIL],
        [GUARDRAIL],
    ):
        assert ask(function, Reply(chunks(contents))).finished["stop_reason"] == "guardrail_intervened"
    none = {"amazon-bedrock-guardrailAction": "NONE"}
    assert ask(function, Reply(chunks([{**text, **none}, {**stop, **none}]))).finished["stop_reason"] == "end_turn"
    assert ask(function, Reply(chunks([{**text, **none}]))).finished["outcome"] == "interrupted"


# Halves of an emoji.


def with_text(family: str, text: str) -> dict[str, Any]:
    shape: dict[str, Any] = json.loads(json.dumps(FAMILIES[family][0]).replace('"Hello"', json.dumps(text)))
    return shape


@pytest.mark.parametrize("accept", FORMATS)
@pytest.mark.parametrize("family", FAMILIES)
def test_halves_of_an_emoji(function: tuple[Any, ReplayServer], family: str, accept: str) -> None:
    high, low, stop = "\ud83d", "\ude00", FAMILIES[family][1]
    for texts, told in (
        ((high, low), "😀"),
        (("a" + high, low + "b"), "a😀b"),
        ((high, "a"), "\ufffda"),
        ((high, high, low), "\ufffd😀"),
        (("a", high), "a\ufffd"),
        ((low, "a"), "\ufffda"),
    ):
        # What carries no text may come between the two halves.
        contents = itertools.chain.from_iterable((with_text(family, text), {"type": "ping"}, METRICS) for text in texts)
        response = ask(function, Reply(chunks([*contents, stop])), accept)
        assert (response.status, text_of(response, accept), response.ended) == (200, told, True)


def test_half_of_an_emoji_is_no_first_token(function: tuple[Any, ReplayServer]) -> None:
    high, low, stop = (with_text("nova", "\ud83d"), with_text("nova", "\ude00"), FAMILIES["nova"][1])
    response = ask(function, Reply([*chunks([high]), 0.3, *chunks([low, stop])]), TEXT)
    assert response.finished["ttft_ms"] >= 300
    response = ask(function, Reply(chunks([high, {"error": {"code": 429, "message": WORDS}}])), TEXT)
    assert (response.status, response.finished.get("ttft_ms")) == (429, None)


# Counts that cannot be.


@pytest.mark.parametrize("count", ["-1", "1000000000", "1e400", "2.5", "9" * 30, "9" * 6000])
@pytest.mark.parametrize("place", ["inputTokenCount", "outputTokenCount", "invocationLatency", "firstByteLatency"])
def test_a_count_that_cannot_be(function: tuple[Any, ReplayServer], place: str, count: str) -> None:
    names = {
        "inputTokenCount": "input_tokens",
        "outputTokenCount": "output_tokens",
        "invocationLatency": "invocation_latency_ms",
        "firstByteLatency": "first_byte_latency_ms",
    }
    metrics = json.dumps({"amazon-bedrock-invocationMetrics": {**dict.fromkeys(names, 7), place: "?"}})
    response = ask(
        function,
        Reply(chunks([*FAMILIES["llama"], metrics.replace('"?"', count)])),
    )
    assert [(line["level"], line["counts"]) for line in response.log] == [("WARNING", [names[place]])]
    logged = {
        "inputTokenCount": "input_tokens",
        "outputTokenCount": "output_tokens",
        "invocationLatency": "bedrock_invocation_ms",
        "firstByteLatency": "bedrock_first_byte_ms",
    }
    assert {key: response.finished.get(key) for key in logged.values()} == {
        key: None if name == place else 7 for name, key in logged.items()
    }
    assert response.finished["outcome"] == "completed"


def test_an_impossible_count_of_the_model_is_no_difference_to_bedrocks(function: tuple[Any, ReplayServer]) -> None:
    own = {"generation": "", "stop_reason": "stop", "prompt_token_count": -4, "generation_token_count": 2}
    response = ask(function, Reply(chunks([{"generation": "Hello", "prompt_token_count": -4}, {**own, **METRICS}])))
    assert [(line["message"], line["counts"]) for line in response.log] == [
        ("counts that cannot be are left out", ["input_tokens"])
    ]
    assert (response.finished["input_tokens"], response.finished["output_tokens"]) == (4, 2)


# Bedrock's own log of the call.


def test_the_request_id_goes_into_bedrocks_log(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    ids = {"request_id": LambdaContext.aws_request_id}
    ask(function, WHOLE[0])
    assert json.loads(server.seen[0].headers["x-amzn-bedrock-request-metadata"]) == ids
    ask(function, WHOLE[0], model=MISTRAL)
    assert server.seen[0].body["requestMetadata"] == ids
    # The fallback's call, too.
    app.config, before = app.config._replace(fallback_model_id=MISTRAL), app.config
    try:
        ask(function, Reply.error(429, "ThrottlingException", "x"))
    finally:
        app.config = before
    assert server.seen[1].body["requestMetadata"] == ids


@pytest.mark.parametrize("model", [NOVA, MISTRAL])
def test_a_botocore_without_request_metadata(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """The managed runtime's botocore may be older than the API's field."""
    app, server = function
    for api in ("ConverseStream", "InvokeModelWithResponseStream"):
        operation: OperationModel = app.client.meta.service_model.operation_model(api)
        monkeypatch.delitem(operation.input_shape.members, "requestMetadata")
    reply = WHOLE[0] if model == NOVA else Reply([event("messageStop", {"stopReason": "end_turn"})])
    assert ask(function, reply, model=model).status == 200
    assert "x-amzn-bedrock-request-metadata" not in server.seen[0].headers
    assert "requestMetadata" not in server.seen[0].body
