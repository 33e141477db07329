"""What is recorded of a response: one EMF document and one log line on every path, with the same figures."""

import io
import json
import logging
import math
import re
import time
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

import pytest

from bedrock_replay import ReplayServer, Reply, chunk, exception
from emf_document import values_of
from firstbyte.catalogue import METRICS
from firstbyte.config import Config
from firstbyte.failures import RequestError
from function_calls import CLAUDE, MISTRAL, NOVA, Call, call, running_function, url_event
from lambda_streaming import ResponseStream, WriteTimeoutError, wire
from lambda_streaming.testing import Ending, LambdaContext, run
from recorded import FIELDS, OUTCOMES
from wire.http_message import RequestParser

SERVICE = {"service": "firstbyte-test"}
SSE, JSON = "text/event-stream", "application/json"
LOST = "a part of the telemetry is lost"


@pytest.fixture(scope="module")
def function() -> Iterator[tuple[Any, ReplayServer]]:
    with running_function() as function:
        yield function


def nova(*texts: str, output: int = 3) -> list[bytes]:
    metrics = {"inputTokenCount": 7, "outputTokenCount": output, "invocationLatency": 40, "firstByteLatency": 9}
    return [
        chunk({"messageStart": {"role": "assistant"}}),
        *(chunk({"contentBlockDelta": {"delta": {"text": text}, "contentBlockIndex": 0}}) for text in texts),
        chunk({"messageStop": {"stopReason": "end_turn"}}),
        chunk({"metadata": {"usage": {}}, "amazon-bedrock-invocationMetrics": metrics}),
    ]


def metrics_of(response: Call) -> dict[str, list[float]]:
    """The values by metric, once it is sure that the log line says the same."""
    values = values_of(response.emf)
    line = response.finished
    for metric in METRICS:
        logged = line.get(metric.figure)
        read = metric.by_service or (metric.by_model and "model" in line)
        told = values.get(metric.name) if read else logged
        assert told == (logged if isinstance(logged, list) or logged is None or not read else [logged]), metric.name
    for name in ("request_id", "trace_id"):
        assert response.emf[name] == line[name]
    assert line["request_id"] == LambdaContext.aws_request_id
    assert [name for name in OUTCOMES.values() if values[name] == [1]] == [OUTCOMES[line["outcome"]]]
    assert sum(values[name][0] for name in OUTCOMES.values()) == values["Requests"][0] == 1
    return values


def dimensions_of(response: Call) -> list[dict[str, str]]:
    sets = []
    for directive in response.emf["_aws"]["CloudWatchMetrics"]:
        assert directive["Namespace"] == "Firstbyte"
        (names,) = directive["Dimensions"]
        sets.append({name: response.emf[name] for name in names})
    return sets


def test_a_whole_answer(function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch) -> None:
    app, server = function
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-6a1b2c3d-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=0")
    server.prepare(Reply(nova("Hello", ", ", "world")))
    response = call(app, url_event({"prompt": "Greet me"}, SSE))
    values = metrics_of(response)
    unknown = {"CacheReadInputTokens", "CacheWriteInputTokens", "EstimatedCost", "TimeToFirstReasoningToken"}
    assert values.keys() == {metric.name for metric in METRICS if metric.by_service or metric.by_model} - unknown
    assert (values["InputTokens"], values["OutputTokens"]) == ([7], [3])
    assert (values["BedrockFirstByteLatency"], values["BedrockInvocationLatency"]) == ([9], [40])
    assert response.finished["response_bytes"] == len(response.body)
    assert len(values["InterChunkLatency"]) == 2
    assert values["MaxInterChunkLatency"] == [max(values["InterChunkLatency"])]
    timing = response.events[-1][1]["timing"]
    assert values["TimeToFirstByte"] == [timing["ttfb_ms"]]
    assert values["TimeToFirstToken"] == [timing["ttft_ms"]]
    assert values["ResponseDuration"][0] >= timing["duration_ms"]
    assert values["GoodResponses"] == [1]
    assert dimensions_of(response) == [SERVICE, SERVICE | {"model": NOVA}]
    line = response.finished
    assert (line["outcome"], line["model"], line["stop_reason"]) == ("completed", NOVA, "end_turn")
    assert line["trace_id"] == "1-6a1b2c3d-0123456789abcdef01234567"
    assert line["level"] == "INFO"
    assert response.log == []


def test_units_are_the_catalogues(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply(nova("a", "b")))
    directives = call(app, url_event({"prompt": "x"})).emf["_aws"]["CloudWatchMetrics"]
    units = {metric.name: metric.unit for metric in METRICS}
    listed = [metric for directive in directives for metric in directive["Metrics"]]
    assert [metric["Unit"] for metric in listed] == [units[metric["Name"]] for metric in listed]


def test_each_set_of_dimensions_has_what_something_reads_of_it(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply(nova("a", "b")))
    document = call(app, url_event({"prompt": "x"}, SSE)).emf
    listed = {
        tuple(directive["Dimensions"][0]): {metric["Name"] for metric in directive["Metrics"]}
        for directive in document["_aws"]["CloudWatchMetrics"]
    }
    known = {metric.name for metric in METRICS if metric.name in document}
    assert listed == {
        ("service",): {metric.name for metric in METRICS if metric.by_service} & known,
        ("service", "model"): {metric.name for metric in METRICS if metric.by_model} & known,
    }
    assert known == listed["service",] | listed["service", "model"], "what nothing reads is not in the document"


def test_the_document_is_booked_at_the_moment_the_handler_was_entered(function: tuple[Any, ReplayServer]) -> None:
    """Lambda books an invocation at its start, and both are compared minute by minute."""
    app, server = function
    server.prepare(Reply([nova("a")[0], 0.7, *nova("a")[1:]]))
    before = time.time() * 1000
    response = call(app, url_event({"prompt": "x"}, SSE))
    after = time.time() * 1000
    assert before - 5 <= response.emf["_aws"]["Timestamp"] <= after - 700


def test_the_log_line_says_what_was_asked_how_and_by_whom(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply(nova("a")), Reply(nova("a")))
    event = url_event({"prompt": "four", "system": "ten chars!", "max_tokens": 77}, SSE)
    event["requestContext"]["authorizer"] = {"iam": {"userArn": "arn:aws:iam::111122223333:user/kim"}}
    line = call(app, event).finished
    assert (line["api"], line["rendering"], line["function_version"]) == (
        "InvokeModelWithResponseStream",
        "sse",
        "$LATEST",
    )
    assert (line["max_tokens"], line["prompt_chars"]) == (77, 14)
    assert line["caller"] == "arn:aws:iam::111122223333:user/kim"
    added = {"timestamp", "location"}
    assert line.keys() - {metric.figure for metric in METRICS} - added == FIELDS - {"error_type"}
    line = call(app, url_event({"messages": [{"role": "user", "content": "x"}], "api": "converse"})).finished
    assert (line["api"], line["rendering"], line["max_tokens"]) == ("ConverseStream", "text", 1024)
    assert "caller" not in line


@pytest.mark.parametrize(
    ("event", "known"),
    [
        (url_event({"prompt": ""}, JSON), {"rendering": "json"}),
        (url_event({"prompt": "x"}, "image/png"), {}),
        (url_event({"prompt": "x", "api": "invoke", "model": MISTRAL}), {"rendering": "text", "max_tokens": 1024}),
    ],
)
def test_the_log_line_of_a_refusal_has_what_is_known(
    function: tuple[Any, ReplayServer], event: Any, known: dict[str, Any]
) -> None:
    app, server = function
    server.prepare()
    line = call(app, event).finished
    assert {name: line[name] for name in ("rendering", "max_tokens", "api") if name in line} == known
    assert line["function_version"] == "$LATEST"


@pytest.mark.parametrize("caller", [None, 5, {"userArn": 5}, {"iam": []}, {"iam": {"userArn": None}}, {"iam": None}])
def test_an_event_without_a_principal_has_no_caller(function: tuple[Any, ReplayServer], caller: Any) -> None:
    app, server = function
    server.prepare(Reply(nova("a")))
    event = url_event({"prompt": "x"})
    event["requestContext"]["authorizer"] = caller
    assert "caller" not in call(app, event).finished


@pytest.mark.parametrize(
    ("accept", "reply", "outcome", "error_type"),
    [
        (SSE, Reply(nova("a", "b")), "completed", None),
        ("text/plain", Reply(nova()), "completed", None),
        (SSE, Reply.error(400, "ValidationException", "x"), "rejected", "invalid_request"),
        (SSE, Reply.error(404, "ResourceNotFoundException", "x"), "rejected", "rejected"),
        (SSE, Reply.error(429, "ThrottlingException", "x"), "throttled", "throttled"),
        (SSE, Reply.error(403, "AccessDeniedException", "x"), "rejected", "access_denied"),
        (SSE, Reply.error(503, "ServiceUnavailableException", "x"), "model_error", "model_unavailable"),
        (SSE, Reply([], end="silent"), "model_error", "model_timeout"),
        (SSE, Reply(nova("a", "b")[:3]), "interrupted", "model_error"),
        ("text/plain", Reply(nova("a", "b")[:3]), "interrupted", "model_error"),
        ("text/plain", Reply(nova("a", "b")[:1]), "model_error", "model_error"),
        (SSE, Reply(nova("a", "b")[:3], end="silent"), "interrupted", "model_timeout"),
        (JSON, Reply(nova("a", "b")), "completed", None),
        # Nothing was sent, so nothing was interrupted.
        (JSON, Reply(nova("a", "b")[:3]), "model_error", "model_error"),
        (JSON, Reply(nova("a", "b")[:3], end="silent"), "model_error", "model_timeout"),
        (JSON, Reply([*nova("a", "b")[:3], exception("throttlingException", "x")]), "throttled", "throttled"),
        (JSON, Reply([*nova("a", "b")[:3], exception("validationException", "x")]), "rejected", "invalid_request"),
    ],
)
def test_every_outcome(
    function: tuple[Any, ReplayServer], accept: str, reply: Reply, outcome: str, error_type: str | None
) -> None:
    app, server = function
    server.prepare(reply)
    response = call(app, url_event({"prompt": "x"}, accept))
    values = metrics_of(response)
    line = response.finished
    assert (line["outcome"], line.get("error_type"), line["model"]) == (outcome, error_type, NOVA)
    assert line["response_bytes"] == len(response.body)
    assert ("TimeToFirstByte" in values) == bool(response.body)
    assert dimensions_of(response) == [SERVICE, SERVICE | {"model": NOVA}]
    assert [entry["error_type"] for entry in response.log] == ([error_type] if error_type else [])
    assert all(entry["request_id"] == LambdaContext.aws_request_id for entry in response.log)


def test_a_request_that_asks_no_model_has_no_model(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare()
    response = call(app, url_event({"prompt": ""}))
    assert metrics_of(response)["ClientErrors"] == [1]
    assert dimensions_of(response) == [SERVICE]
    assert "model" not in response.finished


@pytest.mark.parametrize(("pieces", "byte_written"), [(nova("a")[:2], True), ([], False)])
def test_the_deadline(function: tuple[Any, ReplayServer], pieces: list[bytes], byte_written: bool) -> None:
    app, server = function
    server.prepare(Reply(pieces, end="silent"))
    response = call(app, url_event({"prompt": "x"}, SSE), seconds=0.5)
    assert metrics_of(response)["DeadlineExceeded"] == [1]
    assert (response.status == 200) == byte_written


@pytest.mark.parametrize("after_first_byte", [False, True])
def test_a_bug_of_our_own(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch, after_first_byte: bool
) -> None:
    app, server = function

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app, "usage_fields" if after_first_byte else "check_api", broken)
    server.prepare(Reply(nova("a")))
    response = call(app, url_event({"prompt": "x"}))
    assert str(response.raised).startswith("internal: ")
    assert response.finished["outcome"] == ("interrupted" if after_first_byte else "internal_error")
    assert metrics_of(response)["InternalErrors"] == [0 if after_first_byte else 1]
    assert response.finished["error_type"] == "internal"


@pytest.mark.parametrize(("sends", "outcome"), [(0, "internal_error"), (3, "interrupted")])
def test_a_runtime_api_that_is_gone(
    function: tuple[Any, ReplayServer], capsys: pytest.CaptureFixture[str], sends: int, outcome: str
) -> None:
    app, server = function
    server.prepare(Reply(nova("a", "b")))
    sent: list[bytes] = []

    def send(data: bytes) -> None:
        if len(sent) == sends:
            raise BrokenPipeError("it answered 413")
        sent.append(data)

    stream = ResponseStream(send)
    with pytest.raises(RequestError, match="internal: The function failed"):
        app.handler(url_event({"prompt": "x"}, SSE), LambdaContext(), response_stream=stream)
    stream.finish()
    (document,) = (json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line)
    values = values_of(document)
    assert {name for name in OUTCOMES.values() if values[name] == [1]} == {OUTCOMES[outcome]}
    assert ("TimeToFirstByte" in values) == (sends > 0)


def stalled(app: Any, accept: str, sends: int) -> tuple[dict[str, Any], dict[str, list[float]], int]:
    """The log line and the metrics of a response whose client takes so many writes, and the bytes it took."""
    from firstbyte import telemetry

    sent: list[bytes] = []

    def send(data: bytes) -> None:
        if len(sent) == sends:
            raise WriteTimeoutError("the client did not take it")
        sent.append(data)

    stream = ResponseStream(send)
    with redirect_stdout(io.StringIO()) as output:
        handler = telemetry.powertools_logger().registered_handler
        assert isinstance(handler, logging.StreamHandler)
        handler.setStream(output)
        app.handler(url_event({"prompt": "x"}, accept), LambdaContext(), response_stream=stream)
        stream.finish(timed_out=True)  # what the runtime says if the client has not taken all
    lines = [json.loads(line) for line in output.getvalue().splitlines()]
    (document,) = (line for line in lines if "_aws" in line)
    (finished,) = (line for line in lines if line.get("message") == "response finished")
    parser = RequestParser()
    parser.feed(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + b"".join(sent))
    body = parser.request.body.partition(wire.PRELUDE_END)[2]
    return finished, values_of(document), len(body)


@pytest.mark.parametrize("sends", [0, 1, 3, 5])
@pytest.mark.parametrize("accept", ["text/plain", SSE, "application/x-ndjson", JSON])
def test_a_client_that_takes_nothing_more(function: tuple[Any, ReplayServer], accept: str, sends: int) -> None:
    """Wherever it stops: in the first write, in mid-stream, at the end of the response, or behind that."""
    app, server = function
    server.prepare(Reply(nova("a", "b")))
    line, values, taken = stalled(app, accept, sends)
    assert (line["outcome"], line["error_type"], line["model"]) == ("client_stalled", "client_stalled", NOVA)
    assert [name for name in {*OUTCOMES.values(), "GoodResponses"} if values[name] == [1]] == ["ClientErrors"]
    # A write that was given up is not counted, neither as bytes nor as the first byte.
    assert line["response_bytes"] == taken
    assert ("TimeToFirstByte" in values) == ("ResponseDuration" in values) == (sends > 0)


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (Reply([*nova("a")[:2], exception("throttlingException", "x")]), "interrupted"),
        (Reply(nova("a")[:2], end="silent"), "interrupted"),
    ],
)
def test_a_failure_that_a_stalled_client_cannot_be_told_stays_what_it_is(
    function: tuple[Any, ReplayServer], reply: Reply, outcome: str
) -> None:
    app, server = function
    server.prepare(reply)
    line, values, _ = stalled(app, SSE, 2)
    assert line["outcome"] == outcome
    assert values["ClientErrors"] == [0]


def test_a_fallback_is_counted_and_its_model_named(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, server = function
    monkeypatch.setattr(app, "config", Config.from_environment({**app.os.environ, "FALLBACK_MODEL_ID": CLAUDE}))
    claude = [
        chunk({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}),
        chunk({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}),
    ]
    server.prepare(Reply.error(429, "ThrottlingException", "x"), Reply(claude))
    response = call(app, url_event({"prompt": "x"}))
    values = metrics_of(response)
    assert (values["Fallbacks"], values["Completed"], values["Throttles"]) == ([1], [1], [0])
    assert dimensions_of(response) == [SERVICE, SERVICE | {"model": CLAUDE}]
    assert [(line["error_type"], line["model_id"]) for line in response.log] == [("throttled", NOVA)]


def test_a_fallback_that_is_fast_after_a_slow_first_model_is_not_good(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, server = function
    settings = {**app.os.environ, "FALLBACK_MODEL_ID": CLAUDE, "TTFT_OBJECTIVE_MS": "400"}
    monkeypatch.setattr(app, "config", Config.from_environment(settings))
    claude = [
        chunk({"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}),
        chunk({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}}),
    ]
    server.prepare(Reply.error(503, "ServiceUnavailableException", "x", before=0.4), Reply(claude))
    values = metrics_of(call(app, url_event({"prompt": "x"}, SSE)))
    assert values["TimeToFirstText"][0] >= values["TimeToFirstToken"][0] + 400
    assert (values["Completed"], values["GoodResponses"]) == ([1], [0])


@pytest.mark.parametrize(("tokens", "good"), [(1, 0), (3, 1)])
def test_a_json_answer_is_judged_when_it_is_written(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch, tokens: int, good: int
) -> None:
    """The model's first token comes at once, the rest later than the objective allows for one token alone."""
    app, server = function
    settings = {**app.os.environ, "TTFT_OBJECTIVE_MS": "400", "TPOT_OBJECTIVE_MS": "30000"}
    monkeypatch.setattr(app, "config", Config.from_environment(settings))
    opening, first, *rest = nova("a", "b", output=tokens)
    server.prepare(Reply([opening, first, 0.4, *rest]))
    values = metrics_of(call(app, url_event({"prompt": "x"}, JSON)))
    assert values["TimeToFirstText"][0] >= 400
    assert values["GoodResponses"] == [good]


def test_the_model_was_asked_when_the_request_went_out_that_it_answers(function: tuple[Any, ReplayServer]) -> None:
    """A kept connection breaks, after 0.4 s, and the request goes out on a new one."""
    app, server = function
    server.prepare(Reply(nova("a")), Reply(before=0.4, hang_up=True), Reply(nova("b")))
    call(app, url_event({"prompt": "x"}))
    values = metrics_of(call(app, url_event({"prompt": "x"})))
    assert values["TimeToFirstByte"][0] >= 400 > values["TimeToFirstToken"][0]


def test_two_thousand_chunks_are_one_valid_document(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply([b"".join(nova(*["word "] * 2000, output=2000))]))
    response = call(app, url_event({"prompt": "x"}, SSE))
    values = metrics_of(response)
    assert len(values["InterChunkLatency"]) == 99
    assert values["OutputTokens"] == [2000]
    assert values["MaxInterChunkLatency"][0] >= max(values["InterChunkLatency"])


def test_nothing_leaks_from_one_response_into_the_next(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    plans: list[tuple[Reply, float | None]] = [
        (Reply(nova("a", "b", output=5)), 5),
        (Reply.error(429, "ThrottlingException", "x"), None),
        (Reply(nova("a", output=11)), 11),
        (Reply(nova("a", "b")[:3]), None),
        (Reply(nova(*["x"] * 150, output=17)), 17),
    ] * 3
    for reply, tokens in plans:
        server.prepare(reply)
        values = metrics_of(call(app, url_event({"prompt": "x"}, SSE)))
        assert values.get("OutputTokens") == (None if tokens is None else [tokens])
        assert all(len(found) == 1 for name, found in values.items() if name != "InterChunkLatency")


def test_only_the_first_response_of_an_environment_is_a_cold_start(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind, expected in (("on-demand", [1, 0, 0]), ("provisioned-concurrency", [0, 0, 0])):
        monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", kind)
        with running_function() as (app, server):
            server.prepare(Reply(nova("a")), Reply(nova("a")))
            calls = [call(app, url_event({"prompt": prompt})) for prompt in ("", "x", "x")]
        assert [metrics_of(response)["ColdStart"][0] for response in calls] == expected


def test_an_unknown_price_is_no_cost_and_a_known_one_is(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    app, server = function
    settings = {**app.os.environ, "MODEL_PRICES": f"{NOVA}=2/10"}
    monkeypatch.setattr(app, "config", Config.from_environment(settings))
    server.prepare(Reply(nova("a")), Reply(nova("a")[:2]))
    cost = metrics_of(call(app, url_event({"prompt": "x"})))["EstimatedCost"][0]
    assert math.isclose(cost, (7 * 2 + 3 * 10) / 1_000_000)
    assert "EstimatedCost" not in metrics_of(call(app, url_event({"prompt": "x"})))


def test_a_failure_of_the_telemetry_reaches_no_client(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app, server = function
    monkeypatch.setattr("firstbyte.telemetry.given", None)
    monkeypatch.setattr("firstbyte.telemetry.METRICS", None)
    server.prepare(Reply(nova("a")))
    wire = bytearray()
    stream = ResponseStream(wire.extend)
    app.handler(url_event({"prompt": "x"}), LambdaContext(), response_stream=stream)
    before = bytes(wire)
    stream.finish()
    assert before.endswith(b"0\r\n\r\n")
    assert bytes(wire) == before
    assert capsys.readouterr().out.count("a part of the telemetry is lost") == 2


def broken(*_: Any, **__: Any) -> Any:
    raise ZeroDivisionError("correct horse battery staple")


@pytest.mark.parametrize(
    ("part", "target"),
    [
        ("log", "firstbyte.telemetry.powertools_logger"),
        ("log", "firstbyte.telemetry._facts"),
        ("metrics", "firstbyte.telemetry.EphemeralMetrics"),
        ("metrics", "firstbyte.telemetry.WallClock"),
        ("trace", "firstbyte.tracing.emit_trace"),
        ("everything", "firstbyte.meter.Meter.figures"),
    ],
)
def test_parts_of_the_telemetry_fall_one_by_one(
    function: tuple[Any, ReplayServer],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    part: str,
    target: str,
) -> None:
    app, server = function
    monkeypatch.setenv("_X_AMZN_TRACE_ID", "Root=1-6a1b2c3d-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1")
    traced: list[Any] = []
    monkeypatch.setattr("firstbyte.tracing.emit_trace", lambda *arguments: traced.append(arguments))
    monkeypatch.setattr(target, broken)
    server.prepare(Reply(nova("a")))
    response = run(app.handler, url_event({"prompt": "x"}, SSE))
    assert response.ending is Ending.COMPLETE
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (lost,) = (line for line in lines if line["message" if "message" in line else "_aws"] == LOST)
    survived = {
        "log": any(record.message == "response finished" for record in caplog.records),
        "metrics": any("_aws" in line for line in lines),
        "trace": bool(traced),
    }
    assert survived == {name: part not in (name, "everything") for name in survived}
    place = lost.pop("place")
    assert re.fullmatch(r"test_telemetry\.py:\d+( < \w+\.py:\d+)*", place)
    assert lost == {
        "level": "ERROR",
        "message": LOST,
        "service": "firstbyte-test",
        "part": part,
        "error": "ZeroDivisionError",
        "request_id": LambdaContext.aws_request_id,
        "trace_id": "1-6a1b2c3d-0123456789abcdef01234567",
    }


@pytest.mark.parametrize(
    ("target", "part", "message"),
    [
        ("firstbyte.telemetry._failures", "failures", "response finished"),
        ("firstbyte.telemetry._facts", "log", "request failed"),
    ],
)
def test_failures_and_response_are_logged_one_without_the_other(
    function: tuple[Any, ReplayServer],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    target: str,
    part: str,
    message: str,
) -> None:
    app, server = function
    monkeypatch.setattr(target, broken)
    server.prepare(Reply.error(429, "ThrottlingException", "x"))
    run(app.handler, url_event({"prompt": "x"}, SSE))
    assert [record.message for record in caplog.records if record.name == "firstbyte-test"] == [message]
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["part"] for line in lines if line.get("message") == LOST] == [part]


def test_the_log_level_hides_the_log_line_alone(
    function: tuple[Any, ReplayServer], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app, server = function
    from firstbyte import telemetry

    monkeypatch.setattr(telemetry.powertools_logger()._logger, "level", 40)
    server.prepare(Reply(nova("a")))
    run(app.handler, url_event({"prompt": "x"}))
    assert ["_aws" in json.loads(line) for line in capsys.readouterr().out.splitlines()] == [True]


def test_the_log_line_is_json_of_moderate_size(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(Reply(nova(*["x"] * 500)))
    response = call(app, url_event({"prompt": "x"}))
    assert len(json.dumps(response.finished)) < 4096
