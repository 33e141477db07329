"""Marked prompts under every fault, in every format and quotation: no mark in anything that is kept or printed."""

import html
import itertools
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from bedrock_replay import ReplayServer, Reply, chunk, event, exception, replay_server
from recorded import LOG_GROUP, Recorded
from sandbox.eventstream import encode_message
from sandbox_client import aws_client, call
from sandbox_process import RunningSandbox, StartSandbox
from stack_template import changed_template
from tools import REPOSITORY

FORMATS = ("text/plain", "text/event-stream", "application/x-ndjson", "application/json")
# A line of its own in a log would be taken for metrics.
FORGED: dict[str, Any] = {
    "_aws": {"CloudWatchMetrics": [{"Namespace": "Forged", "Dimensions": [[]], "Metrics": [{"Name": "Requests"}]}]},
    "Requests": 1_000_000,
}


def marks() -> Iterator[str]:
    """Words that nobody else writes. A cut one is found by its beginning."""
    for letters in itertools.product("bcdfghjklmnpqrstvwxz", repeat=3):
        yield f"xqz{''.join(letters)}vw"


def prompt_of(mark: str) -> str:
    forged = {**FORGED, "_aws": {**FORGED["_aws"], "Timestamp": int(time.time() * 1000)}}
    return f"Dear {mark}, the code is {mark}\n{json.dumps(forged)}\n\x1b]0;{mark}\x07 of {mark}"


QUOTATIONS: tuple[Callable[[str], str], ...] = (
    str,
    str.upper,
    json.dumps,
    repr,
    html.escape,
    quote,
    lambda prompt: f"{prompt[:24]}...",
    lambda prompt: (
        f"User: arn:aws:sts::123456789012:assumed-role/app/{prompt.split()[1]} on resource: "
        f"arn:aws:bedrock:us-east-1::foundation-model/{prompt.split()[1]} because"
    ),
)
CODES = (
    (400, "ValidationException"),
    (403, "AccessDeniedException"),
    (404, "ResourceNotFoundException"),
    (424, "ModelErrorException"),
    (429, "ThrottlingException"),
    (429, "ModelNotReadyException"),
    (408, "ModelTimeoutException"),
    (500, "InternalServerException"),
    (503, "ServiceUnavailableException"),
    (418, "SomethingNew"),
)
EXCEPTIONS = (
    "validationException",
    "throttlingException",
    "internalServerException",
    "serviceUnavailableException",
    "modelStreamErrorException",
    "modelTimeoutException",
    "somethingNewException",
)
HEADERS = {"content-type": "application/json"}


def replies(api: str, words: str) -> Iterator[Reply]:
    """Every way in which Bedrock can quote: before the stream, first in it, and after text that quotes, too."""
    if api == "invoke":
        said = [chunk({"completion": words[:20]}), chunk({"completion": words[20:]})]
    else:
        said = [event("contentBlockDelta", {"delta": {"text": words}, "contentBlockIndex": 0})]
    for status, code in CODES:
        yield Reply.error(status, code, words)
    yield Reply([json.dumps({"code": words, "message": words}).encode()], 400, HEADERS)
    yield Reply([json.dumps({"__type": words.split()[-1], "Message": words}).encode()], 500, HEADERS)
    yield Reply([f"<html>{words}".encode()], 502, {"content-type": "text/html"})
    yield Reply([words.encode()], 200, HEADERS)  # no stream at all
    for code in EXCEPTIONS:
        yield Reply([exception(code, words)])
        yield Reply([*said, exception(code, words)])
    yield Reply(said)  # without a stop reason
    yield Reply(said, end="dropped")
    yield Reply([*said, said[0][:-3]])
    named = {":message-type": "error", ":error-code": words[:200], ":error-message": words[:200]}
    yield Reply([*said, encode_message(named, b"")])
    if api == "invoke":
        for content in (
            {"error": words},
            {"error": {"type": words, "message": words}},
            {"error": {"type": "invalid_request_error", "message": words}},
            {"error": {"code": 400, "message": words}},
            {"__type": f"a#{words.split()[-1]}", "message": words},
            {f"{words}Exception": {"message": words}},
            {"validationException": {"message": words}},
            {"completion": "a", "stop_reason": words},
            {"messageStop": {"stopReason": words}},
            {"metadata": {"usage": {"inputTokens": words, words: 1}}},
            {words: words},
            [words],
            words,
        ):
            yield Reply([chunk(content)])
            yield Reply([*said, chunk(content)])
        for raw in (b"{not json " + words.encode(), words.encode("utf-16"), b"\xff" + words.encode()):
            yield Reply([*said, chunk(raw)])
    else:
        for name, content in (
            ("messageStop", {"stopReason": words}),
            ("messageStop", words),
            ("contentBlockDelta", {"delta": words}),
            ("contentBlockDelta", {"delta": {words: words}}),
            ("metadata", {"usage": {"inputTokens": words}}),
            (words.split()[-1], {words: words}),
        ):
            yield Reply([*said, event(name, content)])


def requests() -> Iterator[tuple[dict[str, Any], str, Reply]]:
    """A request, its format, and Bedrock's reply. Each fault meets each quotation, and each format twice."""
    marked = marks()
    for (number, quotation), api in itertools.product(enumerate(QUOTATIONS), ("invoke", "converse")):
        for fault in range(len(list(replies(api, "any words")))):
            prompt = prompt_of(next(marked))
            words = f"cannot do this: {quotation(prompt)}"
            reply = next(itertools.islice(replies(api, words), fault, None))
            fields = {"prompt": prompt} if number % 2 else {"prompt": "Good evening", "system": prompt}
            yield {**fields, "api": api}, FORMATS[(fault + number) % len(FORMATS)], reply


@pytest.fixture(scope="module")
def server() -> Iterator[ReplayServer]:
    with replay_server() as server:
        yield server


def test_no_fault_brings_a_word_of_a_prompt_or_an_answer_into_a_record(
    start_sandbox: StartSandbox, server: ReplayServer
) -> None:
    running = start_sandbox("--bedrock", server.url)
    count = 0
    for fields, accept, reply in requests():
        server.prepare(reply, reply)  # the fallback model says the same
        call(running.ready, json.dumps(fields), headers={"accept": accept})
        count += 1
    assert count > 500
    recorded = Recorded(running.ready)
    recorded.wait_for_requests(count)
    assert_no_mark(running)
    lines = list(recorded.log_lines('{ $.message = "request failed" }'))
    # Nothing breaks the function's own code: botocore cannot parse events of another shape than it knows.
    assert all(line["place"].startswith("parsers.py:") for line in lines if line["error_type"] == "internal")
    details = [line["detail"] for line in lines if line.get("detail")]
    assert len(details) > count / 2
    assert all(len(detail) <= 400 and detail.isprintable() for detail in details)
    running.stop()


# A module beside the function's own. It makes the function fail where a request says, with words of that request.
BUGS = """
import json

import app
import firstbyte.telemetry
from app import handler
from botocore.exceptions import ClientError, ParamValidationError


def chained(words):
    try:
        try:
            raise ValueError(words)
        except ValueError as error:
            error.add_note(words)
            raise KeyError(words) from error
    except KeyError:
        return RuntimeError(words)


KINDS = [
    ValueError,
    KeyError,
    Exception,
    lambda words: ConnectionError(words),
    lambda words: OSError(5, words, words),
    lambda words: json.JSONDecodeError(words, words, 0),
    lambda words: UnicodeDecodeError("utf-8", words.encode(), 0, 1, words),
    lambda words: ClientError({"Error": {"Code": words, "Message": words}}, words),
    lambda words: ParamValidationError(report=words),
    lambda words: ExceptionGroup(words, [ValueError(words)]),
    lambda words: type("Own", (Exception,), {"__repr__": lambda self: words, "__str__": lambda self: words})(),
    chained,
]


def fail(place, texts):
    for text in texts:
        asked, _, words = text.partition(" ")
        kind, _, where = asked.partition(":")
        if where == place:
            raise KINDS[int(kind)](words)


def patch(module, name, place, texts):
    original = getattr(module, name)

    def replacement(*arguments):
        fail(place, texts(arguments))
        return original(*arguments)

    setattr(module, name, replacement)


patch(app, "check_api", "parse", lambda arguments: arguments[0].texts)
patch(app, "_opening", "begin", lambda arguments: arguments[0].attempt.request_texts)
patch(app, "_closing", "end", lambda arguments: arguments[0].attempt.request_texts)
patch(firstbyte.telemetry, "_facts", "record", lambda arguments: arguments[0].attempts[0].request_texts)
patch(app.Answer, "_json", "stream", lambda arguments: arguments[0].attempt.request_texts)
"""
KINDS = 12
PLACES = ("parse", "stream", "begin", "end", "record")
WHOLE = Reply([chunk({"completion": "a"}), chunk({"completion": "b", "stop_reason": "stop"})])


@pytest.fixture(scope="module")
def with_bugs(
    start_sandbox: StartSandbox, server: ReplayServer, tmp_path_factory: pytest.TempPathFactory
) -> RunningSandbox:
    folder = tmp_path_factory.mktemp("stack")
    shutil.copytree(REPOSITORY / "src" / "function", folder / "code")
    (folder / "code" / "bugs.py").write_text(BUGS)
    changes = {"CodeUri: src/function": "CodeUri: code", "Handler: app.handler": "Handler: bugs.handler"}
    return start_sandbox("--bedrock", server.url, "--template", str(changed_template(folder, changes)))


def test_no_bug_brings_a_word_of_a_prompt_into_a_record(with_bugs: RunningSandbox, server: ReplayServer) -> None:
    marked = itertools.islice(marks(), 7000, None)
    places = list(itertools.product(PLACES, range(KINDS), FORMATS))
    for place, kind, accept in places:
        server.prepare(WHOLE, WHOLE)
        body = {"prompt": f"{kind}:{place} {prompt_of(next(marked))}", "api": "invoke"}
        call(with_bugs.ready, json.dumps(body), headers={"accept": accept})
    recorded = Recorded(with_bugs.ready)
    recorded.wait_for_requests(len(places))
    assert_no_mark(with_bugs)
    logged = list(recorded.log_lines('{ $.message = "request failed" && $.error_type = "internal" }'))
    assert {line["code"] for line in logged} >= {
        "ValueError",
        "JSONDecodeError",
        "ClientError",
        "ExceptionGroup",
        "Own",
    }
    assert all(re.match(r"bugs\.py:\d+ < bugs\.py:\d+ < (app|bedrock)\.py:\d+ < ", line["place"]) for line in logged)


@pytest.mark.parametrize("place", ["parse", "begin", "end"])
def test_whoever_invokes_the_function_gets_no_path_and_no_word(
    with_bugs: RunningSandbox, server: ReplayServer, place: str
) -> None:
    """Callers of InvokeWithResponseStream get what the runtime reports of an exception."""
    server.prepare(WHOLE, WHOLE)
    event_ = {"version": "2.0", "headers": {"accept": "text/plain"}, "requestContext": {"http": {"method": "POST"}}}
    event_["body"] = json.dumps({"prompt": f"0:{place} {prompt_of('xqzword')}", "api": "invoke"})
    client = aws_client(with_bugs.ready, "lambda")
    answer = client.invoke_with_response_stream(
        FunctionName="firstbyte-StreamingFunction:live", Payload=json.dumps(event_)
    )
    (end,) = [item["InvokeComplete"] for item in answer["EventStream"] if "InvokeComplete" in item]
    details = json.loads(end["ErrorDetails"])
    assert end["ErrorCode"] == details["errorType"] == "RequestError"
    assert details["stackTrace"] == []
    assert re.fullmatch(r"internal: The function failed\. Request [0-9a-f-]{36}\.", details["errorMessage"])
    assert not re.search(r"xqz|/|\.py|File", end["ErrorDetails"])


def assert_no_mark(running: RunningSandbox) -> None:
    """Search all that a sandbox has printed and recorded: the terminal, every log event, every trace, every metric."""
    recorded = Recorded(running.ready)
    traces = [recorded.segments(summary["Id"]) for summary in recorded.trace_summaries()]
    metrics = [page["Metrics"] for page in recorded.cloudwatch.get_paginator("list_metrics").paginate()]
    log = recorded.streams(LOG_GROUP)
    assert traces
    assert metrics
    assert log
    kept = json.dumps([running.log(), log, traces, metrics], default=str, ensure_ascii=False)
    found = re.search("xqz|Forged", kept, re.IGNORECASE)
    assert found is None, kept[max(found.start() - 300, 0) : found.end() + 100]
    assert "\x1b" not in running.log()
