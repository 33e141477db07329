"""The Lambda API, by the real boto3: the streamed invocation, its failures, and what is refused by name."""

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox_client import aws_client, raw_stack, steps
from sandbox_process import RunningSandbox, StartSandbox

NAME = "firstbyte-Raw"


@pytest.fixture(scope="module")
def raw(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> RunningSandbox:
    template = raw_stack(tmp_path_factory.mktemp("raw"), AutoPublishAlias="live", ReservedConcurrentExecutions=1)
    return start_sandbox("--template", str(template))


def invoke(ready: dict[str, str], program: str, **arguments: Any) -> list[tuple[float, dict[str, Any]]]:
    payload = json.dumps({"body": program})
    arguments = {"FunctionName": NAME, "Payload": payload, **arguments}
    stream = aws_client(ready, "lambda").invoke_with_response_stream(**arguments)["EventStream"]
    return [(time.monotonic(), event) for event in stream]


def test_streams_payload_chunks_as_they_come(raw: RunningSandbox) -> None:
    *chunks, (_, last) = invoke(raw.ready, steps(["head"], ["clock", 5, 0.1], ["end"]))
    assert last == {"InvokeComplete": {}}
    assert len(chunks) == 5
    lags = sorted(arrived - float(event["PayloadChunk"]["Payload"]) for arrived, event in chunks)
    # A chunk that waited for the next one would be 100 ms late.
    assert lags[2] < 0.06, lags


@pytest.mark.parametrize(
    ("program", "code", "details"),
    [
        ([["error", "Test.Error", "no"]], "Test.Error", '"errorMessage": "no"'),
        ([["head"], ["chunk", "x"], ["end", "Test.Late", "e30="]], "Test.Late", "{}"),
        ([["exit", 1]], "Runtime.ExitError", "exit status 1"),
    ],
)
def test_the_last_event_tells_of_an_error(
    raw: RunningSandbox, program: list[list[Any]], code: str, details: str
) -> None:
    _, last = invoke(raw.ready, steps(*program))[-1]
    assert last["InvokeComplete"]["ErrorCode"] == code
    assert details in last["InvokeComplete"]["ErrorDetails"]


@pytest.mark.parametrize(
    "name", [f"{NAME}:live", f"arn:aws:lambda:us-east-1:123456789012:function:{NAME}", f"{NAME}:$LATEST"]
)
def test_knows_the_function_by_all_its_names(raw: RunningSandbox, name: str) -> None:
    assert len(invoke(raw.ready, steps(["buffered", "1"]), FunctionName=name)) == 2


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"FunctionName": "another"}, "ResourceNotFoundException"),
        ({"Qualifier": "dead"}, "ResourceNotFoundException"),
        ({"LogType": "Tail"}, "NotImplementedException"),
        ({"ClientContext": "e30="}, "NotImplementedException"),
        ({"InvocationType": "DryRun"}, "NotImplementedException"),
        ({"FunctionName": f"123456789012:function:{NAME}"}, "ResourceNotFoundException"),
    ],
)
def test_refuses_what_it_does_not_have(raw: RunningSandbox, arguments: dict[str, str], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        invoke(raw.ready, steps(["buffered", "1"]), **arguments)
    assert refused.value.response["Error"]["Code"] == code


def test_refuses_other_operations_by_name(raw: RunningSandbox) -> None:
    with pytest.raises(ClientError, match="does not support GET /2015-03-31/functions"):
        aws_client(raw.ready, "lambda").list_functions()


def test_refuses_a_wrong_key(raw: RunningSandbox) -> None:
    with pytest.raises(ClientError) as refused:
        aws_client(raw.ready, "lambda", aws_secret_access_key="wrong").invoke_with_response_stream(FunctionName=NAME)
    assert refused.value.response["Error"]["Code"] == "InvalidSignatureException"


def test_throttles(raw: RunningSandbox) -> None:
    first = aws_client(raw.ready, "lambda").invoke_with_response_stream(
        FunctionName=NAME, Payload=json.dumps({"body": steps(["head"], ["chunk", "x"], ["sleep", 1], ["end"])})
    )
    with pytest.raises(ClientError) as refused:
        invoke(raw.ready, steps(["buffered", "1"]))
    response = refused.value.response
    assert response["Error"] == {"Code": "TooManyRequestsException", "Message": "Rate Exceeded."}
    assert (response["Type"], response["Reason"]) == ("User", "ReservedFunctionConcurrentInvocationLimitExceeded")
    assert response["ResponseMetadata"]["RequestId"]
    assert [next(iter(event)) for event in first["EventStream"]] == ["PayloadChunk", "InvokeComplete"]
