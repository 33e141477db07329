"""Every failure of a model, as an HTTP error, inside the stream and on the socket; and when the fallback takes over."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ParamValidationError

from bedrock_replay import ReplayServer, Reply, chunk, event, exception
from function_calls import CLAUDE, MISTRAL, NOVA, call, running_function, url_event
from lambda_streaming.testing import Ending

FORMATS = ["text/plain", "text/event-stream", "application/x-ndjson"]
OPENING = chunk({"messageStart": {"role": "assistant"}})
HELLO = chunk({"contentBlockDelta": {"delta": {"text": "Hello"}, "contentBlockIndex": 0}})
STOP = chunk({"messageStop": {"stopReason": "end_turn"}})
WHOLE = [OPENING, HELLO, STOP]

# Bedrock's answer; then what the client gets: status, type, whether to try again, `retry-after`.
HTTP_FAULTS = [
    (400, "ValidationException", 400, "invalid_request", False, None),
    (400, "ServiceQuotaExceededException", 429, "throttled", True, "1"),
    (403, "AccessDeniedException", 403, "access_denied", False, None),
    (403, "UnrecognizedClientException", 403, "access_denied", False, None),
    (403, "ExpiredTokenException", 403, "access_denied", False, None),
    (404, "ResourceNotFoundException", 502, "rejected", False, None),
    (408, "ModelTimeoutException", 504, "model_timeout", True, None),
    (424, "ModelErrorException", 502, "model_error", True, None),
    (429, "ThrottlingException", 429, "throttled", True, "1"),
    (429, "ModelNotReadyException", 503, "model_unavailable", True, "1"),
    (500, "InternalServerException", 502, "model_error", True, None),
    (503, "ServiceUnavailableException", 503, "model_unavailable", True, "1"),
    # What nobody has heard of goes by its status.
    (403, "SomethingNew", 403, "access_denied", False, None),
    (429, "SomethingNew", 429, "throttled", True, "1"),
    (402, "SomethingNew", 403, "access_denied", False, None),
    (404, "SomethingNew", 502, "rejected", False, None),
    (413, "SomethingNew", 400, "invalid_request", False, None),
    (418, "SomethingNew", 502, "rejected", False, None),
    (424, "SomethingNew", 502, "model_error", True, None),
    (500, "SomethingNew", 502, "model_error", True, None),
    (502, "SomethingNew", 502, "model_error", True, None),
    (503, "SomethingNew", 503, "model_unavailable", True, "1"),
    (504, "SomethingNew", 504, "model_timeout", True, None),
]
STREAM_FAULTS = [
    ("throttlingException", 429, "throttled", True),
    ("validationException", 400, "invalid_request", False),
    ("internalServerException", 502, "model_error", True),
    ("serviceUnavailableException", 503, "model_unavailable", True),
    ("modelStreamErrorException", 502, "model_error", True),
    ("modelTimeoutException", 504, "model_timeout", True),
]


@pytest.fixture(scope="module")
def function() -> Iterator[tuple[Any, ReplayServer]]:
    with running_function() as function:
        yield function


@pytest.fixture
def with_fallback(function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ReplayServer]:
    app, _ = function
    monkeypatch.setattr(app, "config", app.config._replace(fallback_model_id=CLAUDE))
    return function


@pytest.mark.parametrize("api", ["invoke", "converse"])
@pytest.mark.parametrize(("http", "code", "status", "error_type", "retryable", "retry_after"), HTTP_FAULTS)
def test_http_error(
    function: tuple[Any, ReplayServer],
    api: str,
    http: int,
    code: str,
    status: int,
    error_type: str,
    retryable: bool,
    retry_after: str | None,
) -> None:
    app, server = function
    server.prepare(Reply.error(http, code, "words of Bedrock"))
    response = call(app, url_event({"prompt": "x", "api": api}, "text/event-stream"))
    assert (response.status, response.json["error"]["type"]) == (status, error_type)
    assert response.json["error"]["retryable"] is retryable
    assert response.headers.get("retry-after") == retry_after
    assert response.ended
    assert [(line["error_type"], line["code"], line["model_id"]) for line in response.log] == [(error_type, code, NOVA)]
    assert len(server.seen) == 1


def test_a_sentence_is_no_code_and_tells_no_type(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    for sentence in ("too many words, access denied", "quota " * 20, "quota" * 21, "überlast-quota"):
        for reply, error_type in (
            (Reply([json.dumps({"code": sentence, "message": "x"}).encode()], 418), "rejected"),
            (Reply([chunk({f"{sentence}Exception": {"message": "x"}})]), "model_error"),
        ):
            server.prepare(reply)
            (line,) = call(app, url_event({"prompt": "x", "api": "invoke"})).log
            assert (line["error_type"], line.get("code"), line["detail"]) == (error_type, None, "x")


@pytest.mark.parametrize("accept", FORMATS)
@pytest.mark.parametrize(("code", "status", "error_type", "retryable"), STREAM_FAULTS)
def test_exception_as_the_first_event_is_a_status(
    function: tuple[Any, ReplayServer], accept: str, code: str, status: int, error_type: str, retryable: bool
) -> None:
    app, server = function
    server.prepare(Reply([exception(code, "words of Bedrock")]))
    response = call(app, url_event({"prompt": "x"}, accept))
    assert (response.status, response.json["error"]["type"]) == (status, error_type)
    assert response.json["error"]["retryable"] is retryable


@pytest.mark.parametrize("accept", FORMATS)
@pytest.mark.parametrize(
    ("api", "code", "status", "error_type", "retryable"),
    [
        *(("invoke", *fault) for fault in STREAM_FAULTS),
        # ConverseStreamOutput has no modelTimeoutException: botocore passes neither its name nor its message on.
        *(("converse", *fault) for fault in STREAM_FAULTS if fault[0] != "modelTimeoutException"),
    ],
)
def test_exception_in_mid_stream(
    function: tuple[Any, ReplayServer], accept: str, code: str, status: int, error_type: str, retryable: bool, api: str
) -> None:
    app, server = function
    if api == "invoke":
        begin = [OPENING, HELLO]
    else:
        begin = [
            event("messageStart", {"role": "assistant"}),
            event("contentBlockDelta", {"delta": {"text": "Hello"}, "contentBlockIndex": 0}),
        ]
    server.prepare(Reply([*begin, exception(code, "words of Bedrock")]))
    response = call(app, url_event({"prompt": "x", "api": api}, accept))
    assert response.status == 200
    if accept == "text/plain":
        assert response.body == b"Hello"
        assert response.raised is not None, "the stream must be cut"
        assert not response.ended
    else:
        assert response.raised is None
        assert response.ended
        assert response.names == ["start", "delta", "error"]
        fields = response.events[-1][1]
        error = fields if accept == "text/event-stream" else fields["error"]
        assert (error["type"], error["retryable"]) == (error_type, retryable)
        assert error["partial_usage"] == {"input_tokens": None, "output_tokens": None}
    assert [line["code"] for line in response.log] == [code[0].upper() + code[1:]]


def test_an_exception_that_botocore_does_not_know_is_a_model_error(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply([OPENING, HELLO, exception("somethingNewException", "words of Bedrock")]))
    response = call(app, url_event({"prompt": "x"}, "text/event-stream"))
    assert (response.names, response.events[-1][1]["type"]) == (["start", "delta", "error"], "model_error")
    assert [(line.get("code"), line.get("detail")) for line in response.log] == [(None, None)]


@pytest.mark.parametrize(("code", "status", "error_type", "retryable"), STREAM_FAULTS)
def test_exception_in_the_middle_of_a_whole_answer_is_a_status(
    function: tuple[Any, ReplayServer], code: str, status: int, error_type: str, retryable: bool
) -> None:
    app, server = function
    server.prepare(Reply([OPENING, HELLO, exception(code, "words of Bedrock")]))
    response = call(app, url_event({"prompt": "x"}, "application/json"))
    assert (response.status, response.raised, response.ended) == (status, None, True)
    assert response.headers.get("retry-after") == ("1" if status in (429, 503) else None)
    assert response.json["error"].keys() == {"type", "message", "retryable"}
    assert (response.json["error"]["type"], response.json["error"]["retryable"]) == (error_type, retryable)
    assert len(response.chunks) == 1


BROKEN = [
    (Reply([OPENING, HELLO], end="dropped"), "model_error"),
    (Reply([OPENING, HELLO]), "model_error"),
    (Reply([OPENING, HELLO, STOP[:-20]]), "model_error"),
    (Reply([OPENING, HELLO, STOP[:-1] + b"\0"]), "model_error"),
    (Reply([OPENING, HELLO, chunk(b"{not json")]), "model_error"),
    (Reply([OPENING, HELLO], end="silent"), "model_timeout"),
]
NAMES = ["dropped", "no stop", "half an event", "bad checksum", "no JSON", "silent"]


@pytest.mark.parametrize(("reply", "error_type"), BROKEN, ids=NAMES)
def test_broken_stream_ends_in_an_error(function: tuple[Any, ReplayServer], reply: Reply, error_type: str) -> None:
    app, server = function
    server.prepare(reply)
    response = call(app, url_event({"prompt": "x"}, "text/event-stream"))
    assert response.names == ["start", "delta", "error"]
    assert response.events[-1][1]["type"] == error_type
    assert response.events[-1][1]["retryable"] is True
    server.prepare(reply)
    response = call(app, url_event({"prompt": "x"}))
    assert response.body == b"Hello"
    assert not response.ended
    assert response.raised is not None
    server.prepare(reply)
    response = call(app, url_event({"prompt": "x"}, "application/json"))
    assert response.status == (504 if error_type == "model_timeout" else 502)
    assert response.json["error"]["type"] == error_type


@pytest.mark.parametrize("reply", [Reply([OPENING], end="dropped"), Reply([OPENING]), Reply([], end="dropped")])
def test_text_that_never_began_is_a_status(function: tuple[Any, ReplayServer], reply: Reply) -> None:
    app, server = function
    server.prepare(reply)
    response = call(app, url_event({"prompt": "x"}))
    assert (response.status, response.json["error"]["type"]) == (502, "model_error")


def test_silence_instead_of_a_response_is_a_504(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply(before=60))
    response = call(app, url_event({"prompt": "x"}, "text/event-stream"))
    assert (response.status, response.json["error"]["type"]) == (504, "model_timeout")
    assert len(server.seen) == 1, "a silent model is not asked twice"
    assert response.seconds < 50, "the setting says 1 s, botocore's own default is 60 s"


def test_no_server_is_a_503(function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch) -> None:
    app, _ = function
    # Port 9, "discard": nothing listens there, and a connection is refused at once.
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:9")
    client = app.create_client(app.config)
    monkeypatch.setattr(app, "client", client)
    response = call(app, url_event({"prompt": "x"}))
    client.close()
    assert (response.status, response.json["error"]["type"]) == (503, "model_unavailable")


def test_no_credentials_are_a_403(function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch) -> None:
    app, _ = function
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    client = app.create_client(app.config)
    monkeypatch.setattr(app, "client", client)
    response = call(app, url_event({"prompt": "x"}))
    client.close()
    assert (response.status, response.json["error"]["type"]) == (403, "access_denied")


def test_partial_usage_is_what_was_known(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    start = {"type": "message_start", "message": {"usage": {"input_tokens": 11, "output_tokens": 1}}}
    delta = {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "Hi"}}
    server.prepare(Reply([chunk(start), chunk(delta), exception("throttlingException", "x")]))
    response = call(app, url_event({"prompt": "x", "model": CLAUDE}, "text/event-stream"))
    assert response.events[-1][1]["partial_usage"] == {"input_tokens": 11, "output_tokens": None}
    server.prepare(Reply([chunk(start), chunk(delta), exception("throttlingException", "x")]))
    response = call(app, url_event({"prompt": "x", "model": CLAUDE}, "application/json"))
    assert response.json["error"]["partial_usage"] == {"input_tokens": 11, "output_tokens": None}
    assert response.finished["input_tokens"] == 11


def test_messages_give_no_account_away(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    arn = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/x"
    server.prepare(Reply.error(400, "ValidationException", f"{arn} of 123456789012 is not supported."))
    response = call(app, url_event({"prompt": "x"}))
    assert response.json["error"]["message"] == "[...] of [...] is not supported."
    words = f"User: arn:aws:sts::123456789012:assumed-role/r/f is not authorized to perform: x on resource: {arn}"
    server.prepare(Reply.error(403, "AccessDeniedException", words))
    response = call(app, url_event({"prompt": "x"}))
    assert "123456789012" not in response.body.decode()
    assert response.log[0]["detail"] == words, "the operator needs it"


def test_a_parameter_that_botocore_refuses_is_the_functions_own_mistake(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, server = function

    def refuse(**_: Any) -> None:
        raise ParamValidationError(report="value: my prompt")

    monkeypatch.setattr(app.client, "invoke_model_with_response_stream", refuse)
    server.prepare()
    response = call(app, url_event({"prompt": "my prompt"}))
    assert response.response.ending is Ending.FAILED
    (line,) = response.log
    assert (line["error_type"], line["code"]) == ("internal", "ParamValidationError")
    assert "my prompt" not in f"{response.raised} {line} {response.finished}"


@pytest.mark.parametrize(("http", "code"), [fault[:2] for fault in HTTP_FAULTS])
def test_fallback_takes_over_after_every_failure(with_fallback: tuple[Any, ReplayServer], http: int, code: str) -> None:
    app, server = with_fallback
    server.prepare(Reply.error(http, code, "x"), Reply(WHOLE))
    response = call(app, url_event({"prompt": "x"}, "text/event-stream"))
    assert [line["model_id"] for line in response.log] == [NOVA]
    assert response.events[0][1]["model"] == CLAUDE
    assert response.names == ["start", "delta", "end"]
    assert "anthropic_version" in server.seen[1].body, "asked in its own format"


@pytest.mark.parametrize(
    "first",
    [
        Reply([exception("throttlingException", "x")]),
        Reply([OPENING, exception("throttlingException", "x")]),
        Reply([OPENING], end="dropped"),
        Reply([OPENING], end="silent"),
    ],
)
def test_fallback_while_nothing_was_sent(with_fallback: tuple[Any, ReplayServer], first: Reply) -> None:
    app, server = with_fallback
    server.prepare(first, Reply(WHOLE))
    assert call(app, url_event({"prompt": "x"})).body == b"Hello"


def test_fallback_in_the_middle_of_an_answer_that_is_to_be_whole(with_fallback: tuple[Any, ReplayServer]) -> None:
    app, server = with_fallback
    server.prepare(Reply([OPENING, HELLO, exception("throttlingException", "x")]), Reply(WHOLE))
    response = call(app, url_event({"prompt": "x"}, "application/json"))
    assert (response.status, response.json["text"], response.json["model"]) == (200, "Hello", CLAUDE)
    assert (response.finished["outcome"], response.finished["fallbacks"]) == ("completed", 1)


def test_no_fallback_when_the_time_is_up(with_fallback: tuple[Any, ReplayServer]) -> None:
    app, server = with_fallback
    server.prepare(Reply(before=60))
    response = call(app, url_event({"prompt": "x"}, "text/event-stream"), seconds=0.5)
    assert (response.status, response.finished["outcome"], response.finished["fallbacks"]) == (
        504,
        "deadline_exceeded",
        0,
    )


def test_no_fallback_after_the_first_byte(with_fallback: tuple[Any, ReplayServer]) -> None:
    app, server = with_fallback
    server.prepare(Reply([OPENING, exception("throttlingException", "x")]))
    response = call(app, url_event({"prompt": "x"}, "text/event-stream"))
    assert response.names == ["start", "error"]
    assert len(server.seen) == 1


def test_both_models_fail_the_first_one_is_the_answer(with_fallback: tuple[Any, ReplayServer]) -> None:
    app, server = with_fallback
    server.prepare(Reply.error(429, "ThrottlingException", "x"), Reply.error(403, "AccessDeniedException", "x"))
    response = call(app, url_event({"prompt": "x"}))
    assert (response.status, response.headers["retry-after"]) == (429, "1")
    assert [line["model_id"] for line in response.log] == [NOVA, CLAUDE]


def test_the_fallback_model_does_not_fall_back_on_itself(with_fallback: tuple[Any, ReplayServer]) -> None:
    app, server = with_fallback
    server.prepare(Reply.error(429, "ThrottlingException", "x"))
    assert call(app, url_event({"prompt": "x", "model": CLAUDE})).status == 429
    assert len(server.seen) == 1


def test_fallback_of_unknown_format_is_asked_through_converse(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, server = function
    monkeypatch.setattr(app, "config", app.config._replace(fallback_model_id=MISTRAL))
    server.prepare(
        Reply.error(429, "ThrottlingException", "x"), Reply([event("messageStop", {"stopReason": "end_turn"})])
    )
    assert call(app, url_event({"prompt": "x", "api": "invoke"}, "text/event-stream")).names == ["start", "end"]
    assert [seen.path.rpartition("/")[2] for seen in server.seen] == ["invoke-with-response-stream", "converse-stream"]
    assert json.dumps(server.seen[1].body["messages"]) == '[{"role": "user", "content": [{"text": "x"}]}]'
