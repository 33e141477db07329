"""Faults through the real boto3: the right exception, at the right place, and a record of each."""

import contextlib
import json
import socket
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError, EventStreamError, ReadTimeoutError
from urllib3.exceptions import ProtocolError
from urllib3.exceptions import ReadTimeoutError as StreamReadTimeoutError

from bedrock_service import CLAUDE, LLAMA, NOVA, Service, body_for, converse_body

HTTP_FAULTS = [
    ("throttling", "ThrottlingException", 429),
    ("validation", "ValidationException", 400),
    ("access_denied", "AccessDeniedException", 403),
    ("not_found", "ResourceNotFoundException", 404),
    ("quota", "ServiceQuotaExceededException", 400),
    ("model_not_ready", "ModelNotReadyException", 429),
    ("model_timeout", "ModelTimeoutException", 408),
    ("model_error", "ModelErrorException", 424),
    ("internal", "InternalServerException", 500),
    ("unavailable", "ServiceUnavailableException", 503),
]
STREAM_FAULTS = [
    ("throttling", "throttlingException"),
    ("validation", "validationException"),
    ("internal", "internalServerException"),
    ("unavailable", "serviceUnavailableException"),
    ("model_stream_error", "modelStreamErrorException"),
    ("model_timeout", "modelTimeoutException"),
]


def ask(client: Any, api: str, text: str, model: str = CLAUDE) -> Any:
    """The event stream of one request."""
    if api == "converse":
        return client.converse_stream(modelId=model, **converse_body(text))["stream"]
    return client.invoke_model_with_response_stream(modelId=model, body=json.dumps(body_for(model, text)))["body"]


@pytest.mark.parametrize("api", ["invoke", "converse"])
@pytest.mark.parametrize(("fault", "code", "status"), HTTP_FAULTS)
def test_a_fault_before_the_answer(bedrock: Service, client: Any, api: str, fault: str, code: str, status: int) -> None:
    with pytest.raises(ClientError) as error:
        ask(client, api, f"[[sandbox: fault={fault}]]")
    assert type(error.value) is getattr(client.exceptions, code)
    assert error.value.response["Error"]["Code"] == code
    assert error.value.response["Error"]["Message"]
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert error.value.response["ResponseMetadata"]["RequestId"]
    served = bedrock.last_served()
    assert (served.outcome, served.status, served.output_tokens, served.first_token_ms) == (code, status, None, None)


@pytest.mark.parametrize("api", ["invoke", "converse"])
@pytest.mark.parametrize("after", [0, 2, 5])
@pytest.mark.parametrize(("fault", "code"), STREAM_FAULTS)
def test_a_fault_in_mid_stream(bedrock: Service, client: Any, api: str, fault: str, code: str, after: int) -> None:
    if (api, fault) == ("converse", "model_timeout"):
        with pytest.raises(client.exceptions.ValidationException, match="ConverseStream has no modelTimeoutException"):
            ask(client, api, f"[[sandbox: fault={fault}:{after}]]")
        return
    events: list[Any] = []
    with pytest.raises(EventStreamError) as error:
        _each(ask(client, api, f"[[sandbox: fault={fault}:{after}]]"), events)
    assert error.value.response["Error"]["Code"] == code
    assert error.value.response["Error"]["Message"]
    assert _deltas(events) == after
    assert bool(events) == (after > 0)
    served = bedrock.last_served()
    assert (served.outcome, served.status, served.output_tokens) == (code[0].upper() + code[1:], 200, None)


@pytest.mark.parametrize("model", [CLAUDE, NOVA, LLAMA])
@pytest.mark.parametrize("after", [0, 2, 5])
def test_an_error_may_be_a_chunk_of_an_invoked_stream(bedrock: Service, client: Any, model: str, after: int) -> None:
    reply = bedrock.invoke(model, body_for(model, f"[[sandbox: fault=error_chunk:{after}]]"))
    *before, last = reply.chunks
    assert last == {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    assert bool(before) == (after > 0)
    assert reply.status == 200
    served = bedrock.last_served()
    assert (served.outcome, served.status) == ("error sent as a chunk", 200)
    with pytest.raises(client.exceptions.ValidationException, match="ConverseStream has no error in a chunk"):
        ask(client, "converse", f"[[sandbox: fault=error_chunk:{after}]]")


@pytest.mark.parametrize("api", ["invoke", "converse"])
@pytest.mark.parametrize("after", [0, 2, 5])
def test_a_dropped_connection_ends_without_an_end(bedrock: Service, client: Any, api: str, after: int) -> None:
    events: list[Any] = []
    with pytest.raises(ProtocolError):
        _each(ask(client, api, f"[[sandbox: fault=drop:{after}]]"), events)
    assert _deltas(events) == after
    served = bedrock.last_served()
    assert (served.outcome, served.status, served.output_tokens) == ("dropped", 200, None)


@pytest.mark.parametrize("api", ["invoke", "converse"])
def test_silence_in_place_of_a_response(bedrock: Service, api: str) -> None:
    client = bedrock.client(read_timeout=0.3)
    with pytest.raises(ReadTimeoutError):
        ask(client, api, "[[sandbox: fault=silent]]")
    client.close()
    served = bedrock.last_served()
    assert (served.outcome, served.status, served.first_token_ms) == ("disconnected", None, None)


@pytest.mark.parametrize("after", [0, 2])
def test_silence_in_mid_stream(bedrock: Service, after: int) -> None:
    client = bedrock.client(read_timeout=0.3)
    events: list[Any] = []
    stream = ask(client, "converse", f"[[sandbox: fault=silent:{after}]]")
    with pytest.raises(StreamReadTimeoutError):
        _each(stream, events)
    client.close()
    assert _deltas(events) == after
    served = bedrock.last_served()
    assert (served.outcome, served.status) == ("disconnected", 200)


@pytest.mark.parametrize("script", ["ttft=600000", "gap=600000", "ttft=0 stall=5:600000", "fault=silent"])
def test_a_request_ends_when_its_client_goes_away(bedrock: Service, script: str) -> None:
    body = json.dumps(converse_body(f"[[sandbox: {script}]]")).encode()
    head = (
        f"POST /model/{NOVA}/converse-stream HTTP/1.1\r\nhost: 127.0.0.1:{bedrock.port}\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", bedrock.port)) as connection:
        connection.sendall(head.encode() + body)
        time.sleep(0.3)
    # The stand-in looks four times a second; the helper's own limit is five seconds.
    assert bedrock.last_served().outcome == "disconnected"


def test_a_fault_may_be_for_one_model_only(client: Any) -> None:
    prompt = "[[sandbox: fault=throttling for=claude]]"
    with pytest.raises(client.exceptions.ThrottlingException):
        ask(client, "converse", prompt, CLAUDE)
    assert _deltas(list(ask(client, "converse", prompt, NOVA))) == 5


@pytest.mark.parametrize(
    ("model", "script", "complaint"),
    [
        (CLAUDE, "colour=red", "unknown key 'colour'"),
        (CLAUDE, "gap=x", "gap takes milliseconds"),
        (CLAUDE, "fault=fire", "fault takes NAME with one of the names .*, not 'fire'"),
        (CLAUDE, "fault=throttling:6", "fault after 6 deltas, but the answer has 5"),
        (LLAMA, "tool", "no tool use and no reasoning"),
        (LLAMA, "reasoning=1", "no tool use and no reasoning"),
    ],
)
def test_a_bad_script_is_a_refused_request(
    bedrock: Service, client: Any, model: str, script: str, complaint: str
) -> None:
    with pytest.raises(client.exceptions.ValidationException, match=complaint):
        ask(client, "invoke", f"[[sandbox: {script}]]", model)
    assert bedrock.last_served().outcome == "ValidationException"


def test_the_event_of_a_fault_has_the_headers_of_an_exception(bedrock: Service) -> None:
    last = bedrock.converse(NOVA, converse_body("[[sandbox: fault=model_stream_error:1]]")).messages[-1]
    assert list(last.headers.items()) == [
        (":exception-type", "modelStreamErrorException"),
        (":content-type", "application/json"),
        (":message-type", "exception"),
    ]
    assert json.loads(last.payload).keys() == {"message"}


def _each(stream: Any, events: list[Any]) -> None:
    """Collect events one by one, so that those before an exception are kept."""
    # After an exception event botocore leaves the connection open: the stream has to be closed.
    with contextlib.closing(stream):
        for event in stream:
            events.append(event)  # noqa: PERF402


def _deltas(events: list[Any]) -> int:
    texts = [json.loads(event["chunk"]["bytes"]) if "chunk" in event else event for event in events]
    return sum("contentBlockDelta" in text or text.get("type") == "content_block_delta" for text in texts)
