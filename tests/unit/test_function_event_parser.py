"""The parser of a stream's events: it says what botocore's own parser says, which reads all that is not as usual."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.parsers import JSONParser, ResponseParser, create_parser
from hypothesis import given
from hypothesis import strategies as st

from bedrock_replay import ReplayServer, Reply, chunk, event, exception
from firstbyte.decoding import Decoder
from firstbyte.event_parser import EventParserFactory
from function_calls import MISTRAL, call, running_function, url_event
from mutations import as_json, examples, spoiled, spoiled_bytes
from sandbox.eventstream import encode_message
from tools import recordings

STREAMS = {"InvokeModelWithResponseStream": "body", "ConverseStream": "stream"}
EVENTS = [
    ("messageStart", {"role": "assistant"}),
    ("contentBlockStart", {"contentBlockIndex": 0, "start": {"toolUse": {"toolUseId": "t", "name": "f"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello"}, "p": "abc"}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "hm"}}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": {"redactedContent": "aG0="}}}),
    ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"toolUse": {"input": "{}"}}}),
    ("contentBlockDelta", {"delta": {"text": "Hello", "toolUse": None, "reasoningContent": None}, "p": None}),
    ("contentBlockStop", {"contentBlockIndex": 0}),
    ("messageStop", {"stopReason": "end_turn", "additionalModelResponseFields": {"a": [None]}}),
    ("metadata", {"usage": {"inputTokens": 7, "outputTokens": 3, "totalTokens": 10}, "metrics": {"latencyMs": 40}}),
    ("somethingNew", {"text": "x"}),
]


@pytest.fixture(scope="module")
def function() -> Iterator[tuple[Any, ReplayServer]]:
    with running_function() as function:
        yield function


def parsed(parser: ResponseParser, function: tuple[Any, ReplayServer], operation: str, message: bytes) -> Any:
    model = function[0].client.meta.service_model.operation_model(operation)
    shape = model.output_shape.members[STREAMS[operation]]
    buffer = EventStreamBuffer()
    buffer.add_data(message)
    (read,) = buffer
    return parser._event_stream_parser.parse(read.to_response_dict(), shape)


def both(function: tuple[Any, ReplayServer], operation: str, message: bytes) -> tuple[Any, Any]:
    """What the project's parser makes of a message, and what botocore's own does. An error is its type and words."""
    results: list[Any] = []
    for parser in (EventParserFactory().create_parser("rest-json"), create_parser("rest-json")):
        try:
            results.append(parsed(parser, function, operation, message))
        except Exception as error:  # noqa: BLE001
            results.append((type(error), str(error)))
    return results[0], results[1]


def said(result: Any) -> Any:
    """What a result says to the function. Members that the service model does not know say nothing."""
    if isinstance(result, dict) and "Error" not in result:
        return result["chunk"].get("bytes") if "chunk" in result else Decoder().decode(result)
    return result


def messages_of(stream: bytes) -> Iterator[bytes]:
    while stream:
        length = int.from_bytes(stream[:4], "big")
        yield stream[:length]
        stream = stream[length:]


def test_recorded_events(function: tuple[Any, ReplayServer]) -> None:
    seen = 0
    for path in recordings().glob("*.bin"):
        record = json.loads(path.with_suffix(".json").read_text())
        if record["status"] == 200:
            operation = "ConverseStream" if path.stem.startswith("converse") else "InvokeModelWithResponseStream"
            for message in messages_of(path.read_bytes()):
                own, botocores = both(function, operation, message)
                assert said(own) == said(botocores)
                seen += 1
    assert seen > 100


@pytest.mark.parametrize(("name", "content"), EVENTS)
def test_events_of_converse(function: tuple[Any, ReplayServer], name: str, content: Any) -> None:
    own, botocores = both(function, "ConverseStream", event(name, content))
    assert said(own) == said(botocores)


@given(spoiled([list(pair) for pair in EVENTS]), st.integers(0, len(EVENTS) - 1))
@examples(2)
def test_spoiled_events_of_converse(function: tuple[Any, ReplayServer], events: Any, number: int) -> None:
    match events[number : number + 1] if isinstance(events, list) else []:
        case [[str(name), content]] if name.isascii() and len(name) < 200:
            headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
            message = encode_message(headers, as_json(content).encode())
            own, botocores = both(function, "ConverseStream", message)
            # botocore refuses what does not fit the service model. The decoder skips it.
            assert isinstance(botocores, tuple) or said(own) == said(botocores)


@given(spoiled_bytes(b'{"bytes":"eyJhIjoxfQ==","p":"abc"}', b'{"bytes":null}', b"{}", b"[]"))
@examples(2)
def test_spoiled_chunks_of_invoke_model(function: tuple[Any, ReplayServer], payload: bytes) -> None:
    headers = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}
    own, botocores = both(function, "InvokeModelWithResponseStream", encode_message(headers, payload))
    assert said(own) == said(botocores)


@pytest.mark.parametrize("operation", STREAMS)
@pytest.mark.parametrize(
    "message",
    [
        exception("throttlingException", "Too many"),
        exception("unheardOfException", "What"),
        encode_message({":message-type": "error", ":error-code": "a", ":error-message": "b"}, b""),
        encode_message({":message-type": "exception", ":event-type": "chunk"}, b'{"bytes":"eA=="}'),
        encode_message({":message-type": "event"}, b'{"bytes":"eA=="}'),
        chunk(b"\xff"),
        event("chunk", {"bytes": "not Base64"}),
        event("messageStart", None),
        event("messageStop", []),
        encode_message({":event-type": "messageStop"}, b"\xff"),
        encode_message({":event-type": "messageStop"}, b""),
        encode_message({":event-type": "messageStop"}, b"[" * 100_000),
    ],
)
def test_what_is_not_as_usual(function: tuple[Any, ReplayServer], operation: str, message: bytes) -> None:
    own, botocores = both(function, operation, message)
    assert said(own) == said(botocores)


def test_the_client_uses_it(function: tuple[Any, ReplayServer]) -> None:
    app, server = function
    # botocore's own parser refuses an event with a member beside the text.
    delta = event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hello", "new": {}}})
    server.prepare(Reply([delta, event("messageStop", {"stopReason": "end_turn"})]))
    assert call(app, url_event({"prompt": "x", "model": MISTRAL})).body == b"Hello"


def test_another_protocol_is_botocores() -> None:
    assert type(EventParserFactory().create_parser("json")) is JSONParser
