"""Recorded Bedrock responses through the real client and handler; what is expected was read off the recordings."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.eventstream import EventStream
from botocore.parsers import create_parser

from bedrock_replay import ReplayServer, Reply
from firstbyte.bedrock import Answer
from firstbyte.deadline import Deadline
from firstbyte.meter import Meter
from firstbyte.model_events import Delta
from firstbyte.request import Api, ChatRequest, Message
from function_calls import CLAUDE, call, running_function, url_event
from tools import recordings

# How the text begins and ends, its length, the stop reason, and the token counts: input, output.
EXPECTED = {
    "converse-claude-1": ("This is", "a test", 14, "end_turn", (37, 8)),
    "converse-nova-tools-1": (
        "<thinking> The User has",
        "once for each city. </thinking>\n",
        224,
        "tool_use",
        (415, 195),
    ),
    "converse-nova-tools-2": (
        "<thinking> I have",
        "San Francisco is 70 degrees and sunny.",
        262,
        "end_turn",
        (558, 57),
    ),
    "converse-titan-1": ("Sure, did you", "have a question", 29, "max_tokens", (8, 10)),
    "invoke-claude-1": ("Okay, I heard", 'you say "Say this is', 34, "max_tokens", (14, 10)),
    # The model says 134 output tokens, Bedrock 90.
    "invoke-claude-tools-1": (
        "Certainly! I'll",
        "calls within the same block for these cities.",
        187,
        "tool_use",
        (392, 90),
    ),
    "invoke-claude-tools-2": ("\n\nBased on", "these cities or any other locations?", 668, "end_turn", (603, 146)),
    "invoke-nova-1": ("Sure! It sounds", "you want to communicate a", 46, "max_tokens", (5, 10)),
    "invoke-titan-1": (" comment\nHello!", "I am an AI model developed", 42, "max_tokens", (5, 10)),
}
ERRORS = ("converse-invalid-model-1", "invoke-invalid-model-1")


@pytest.fixture(scope="module")
def function() -> Iterator[tuple[Any, ReplayServer]]:
    recordings()
    with running_function() as function:
        yield function


def recorded(name: str) -> tuple[bytes, dict[str, Any]]:
    return (recordings() / f"{name}.bin").read_bytes(), json.loads((recordings() / f"{name}.json").read_text())


def reply(name: str, *pieces: bytes) -> Reply:
    body, record = recorded(name)
    return Reply(pieces or [body], record["status"], record["response_headers"])


def body_for(name: str) -> dict[str, str]:
    # A model whose calls take the API of the recording. Its decoder goes by the shape of what comes.
    return {"prompt": "Say this is a test", "model": CLAUDE, "api": name.partition("-")[0]}


def check(name: str, text: str, stop_reason: str | None, usage: tuple[int | None, int | None]) -> None:
    begin, end, length, expected_reason, expected_usage = EXPECTED[name]
    assert text.startswith(begin)
    assert text.endswith(end)
    assert len(text) == length
    assert stop_reason == expected_reason
    assert usage == expected_usage


def test_no_recording_is_left_out(function: tuple[Any, ReplayServer]) -> None:
    known = {*EXPECTED, *ERRORS}
    there = {path.stem for path in recordings().glob("*.bin")}
    assert known <= there
    # More recordings may be there than had been seen when this was written: they must at least come through whole.
    app, server = function
    for name in sorted(there - known):
        body, record = recorded(name)
        server.prepare(Reply([body], record["status"], record["response_headers"]))
        api = "converse" if record["path"].endswith("/converse-stream") else "invoke"
        response = call(app, url_event({**body_for(name), "api": api}, "text/event-stream"))
        assert response.status != 200 or response.names[-1] == "end", name


@pytest.mark.parametrize("name", EXPECTED)
def test_recording_comes_through(function: tuple[Any, ReplayServer], name: str) -> None:
    app, server = function
    server.prepare(reply(name))
    response = call(app, url_event(body_for(name), "text/event-stream"))
    end = response.events[-1][1]
    assert response.names[0] == "start"
    assert set(response.names[1:-1]) == {"delta"}
    assert response.names[-1] == "end"
    check(name, response.text, end["stop_reason"], (end["usage"]["input_tokens"], end["usage"]["output_tokens"]))
    server.prepare(reply(name))
    assert call(app, url_event(body_for(name))).body.decode() == response.text


def test_cache_counts_are_passed_on_where_there_are_any(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    for name, counts in (("invoke-nova-1", (0, 0)), ("invoke-claude-1", (None, None))):
        server.prepare(reply(name))
        usage = call(app, url_event(body_for(name), "text/event-stream")).events[-1][1]["usage"]
        assert (usage.get("cache_read_input_tokens"), usage.get("cache_write_input_tokens")) == counts


@pytest.mark.parametrize("name", ERRORS)
def test_recorded_refusal_is_a_400(function: tuple[Any, ReplayServer], name: str) -> None:
    app, server = function
    server.prepare(reply(name))
    response = call(app, url_event(body_for(name), "text/event-stream"))
    assert response.status == 400
    assert response.json["error"] == {
        "type": "invalid_request",
        "message": "The provided model identifier is invalid.",
        "retryable": False,
    }


@pytest.mark.parametrize("size", [1, 5, 97])
def test_small_writes_of_the_service_change_nothing(function: tuple[Any, ReplayServer], size: int) -> None:
    app, server = function
    name = "invoke-titan-1"
    body, _ = recorded(name)
    server.prepare(reply(name, *(body[at : at + size] for at in range(0, len(body), size))))
    response = call(app, url_event(body_for(name), "text/event-stream"))
    end = response.events[-1][1]
    check(name, response.text, end["stop_reason"], (end["usage"]["input_tokens"], end["usage"]["output_tokens"]))


class Replayed:
    """A client whose answers reach botocore's event stream decoder in pieces of one size, without a socket."""

    def __init__(self, meta: Any, body: bytes, size: int) -> None:
        self.meta = meta
        self.pieces = [body[at : at + size] for at in range(0, len(body), size)]

    def stream(self) -> Iterator[bytes]:
        yield from self.pieces

    def close(self) -> None:
        pass

    def _response(self, operation: str, key: str) -> dict[str, Any]:
        shape = self.meta.service_model.operation_model(operation).output_shape.members[key]
        parser = create_parser("rest-json")._event_stream_parser
        return {key: EventStream(self, shape, parser, operation)}

    def invoke_model_with_response_stream(self, **_: Any) -> dict[str, Any]:
        return self._response("InvokeModelWithResponseStream", "body")

    def converse_stream(self, **_: Any) -> dict[str, Any]:
        return self._response("ConverseStream", "stream")


@pytest.mark.parametrize("size", [1, 2, 3, 64])
@pytest.mark.parametrize("name", EXPECTED)
def test_split_at_every_byte(function: tuple[Any, ReplayServer], name: str, size: int) -> None:
    client = Replayed(function[0].client.meta, recorded(name)[0], size)
    api: Api = "converse" if name.startswith("converse") else "invoke"
    request = ChatRequest((Message("user", "Say this is a test"),), CLAUDE, 10, api=api)
    answer = Answer(client, request, CLAUDE, None, Deadline(60), Meter(), "a-request")
    text = "".join(event.text for event in answer if isinstance(event, Delta))
    usage = answer.attempt.usage
    check(name, text, answer.attempt.stop_reason, (usage.input_tokens, usage.output_tokens))


def test_bedrocks_figures_win_and_a_difference_is_logged(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    server.prepare(reply("invoke-claude-tools-1"))
    response = call(app, url_event(body_for("invoke-claude-tools-1")))
    (line,) = response.log
    assert line["model_usage"]["output_tokens"] == 134
    assert line["bedrock_usage"]["output_tokens"] == 90
    assert "Seattle" not in json.dumps(line)
    server.prepare(reply("invoke-claude-tools-2"))
    assert call(app, url_event(body_for("invoke-claude-tools-2"))).log == []
