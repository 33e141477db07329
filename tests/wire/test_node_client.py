"""The layer beside AWS's Node.js client on the same server: where that one is right, both send the same."""

import base64
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.peers.node import runtime_interface_client
from wire.conftest import Runtime
from wire.http_message import Request
from wire.strict_runtime_api import Invocation, StrictRuntimeApi

Answers = Callable[[str, str], tuple[Request, Request]]


@pytest.fixture
def both(api: StrictRuntimeApi, run_function: Callable[..., Runtime], tmp_path: Path) -> Answers:
    """Runs the bodies of a Python and a Node.js handler and returns their answers."""

    def answers(python: str, node: str) -> tuple[Request, Request]:
        runtime = run_function(
            "from lambda_streaming import streamify_response\n@streamify_response\n"
            f"def handler(event, context, *, response_stream):\n    {python}\n"
        )
        api.invoke(Invocation(headers={"Lambda-Runtime-Invocation-Id": "inv"}))
        ours = api.answer().request
        runtime.stop()
        (tmp_path / "handler.mjs").write_text(
            "export const handler = awslambda.streamifyResponse(async (event, responseStream, context) => {\n"
            f"{node}\n}});\n"
        )
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "_HANDLER": "handler.handler",
            "LAMBDA_TASK_ROOT": str(tmp_path),
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "g",
            "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        }
        with (tmp_path / "node.log").open("wb") as log:
            process = subprocess.Popen(
                ["node", str(runtime_interface_client())], cwd=tmp_path, env=environment, stdout=log, stderr=log
            )
        try:
            api.invoke(Invocation(headers={"Lambda-Runtime-Invocation-Id": "inv"}))
            theirs = api.answer().request
        finally:
            process.kill()
            process.wait()
        return ours, theirs

    return answers


# The order of headers and the client's name may differ, and the echo of the Invocation-Id, which the streaming path of
# the Node.js client leaves out.
COMPARED = ("Content-Type", "Lambda-Runtime-Function-Response-Mode", "Transfer-Encoding")


@pytest.mark.timeout(960)
def test_prelude_framing_and_headers_agree(both: Answers) -> None:
    ours, theirs = both(
        "response_stream.start(status_code=201, headers={'content-type': 'text/plain'}, cookies=['a=b']); "
        "response_stream.write('one'); response_stream.write('two')",
        "const stream = awslambda.HttpResponseStream.from(responseStream, "
        "{statusCode: 201, headers: {'content-type': 'text/plain'}, cookies: ['a=b']});\n"
        "stream.write('one');\nstream.write('two');\nstream.end();",
    )
    assert ours.path == theirs.path
    assert ours.header("Lambda-Runtime-Invocation-Id") == "inv"
    assert [ours.header(name) for name in COMPARED] == [theirs.header(name) for name in COMPARED]
    assert sorted(ours.all("Trailer")) == sorted(theirs.all("Trailer"))
    assert ours.body == theirs.body
    assert ours.trailers == theirs.trailers == []


@pytest.mark.timeout(960)
def test_a_body_without_prelude_agrees(both: Answers) -> None:
    ours, theirs = both("response_stream.write('bare')", "responseStream.write('bare');\nresponseStream.end();")
    assert ours.header("Content-Type") == theirs.header("Content-Type")
    assert ours.body == theirs.body


@pytest.mark.timeout(960)
def test_error_trailers_agree(both: Answers) -> None:
    ours, theirs = both(
        "response_stream.write('some'); raise TypeError('late')",
        "responseStream.write('some');\nawait new Promise(r => setTimeout(r, 200));\nthrow new TypeError('late');",
    )
    assert ours.body == theirs.body == b"some"
    name = "Lambda-Runtime-Function-Error-Type"
    assert ours.trailer(name) == theirs.trailer(name) == "TypeError"
    errors = [
        json.loads(base64.b64decode(request.trailer("Lambda-Runtime-Function-Error-Body") or ""))
        for request in (ours, theirs)
    ]
    assert {key: errors[0][key] for key in ("errorType", "errorMessage")} == {
        key: errors[1][key] for key in ("errorType", "errorMessage")
    }
    # The layer keeps the stack in the log: paths are not for everybody who may invoke the function.
    assert errors[0]["stackTrace"] == []


@pytest.mark.timeout(960)
def test_an_empty_response_keeps_its_prelude_here_and_loses_it_there(both: Answers) -> None:
    # The one deliberate difference: the Node.js client never sends the prelude of a response without a body.
    ours, theirs = both(
        "response_stream.start(status_code=204, headers={'x': 'y'})",
        "const stream = awslambda.HttpResponseStream.from(responseStream, {statusCode: 204, headers: {x: 'y'}});\n"
        "stream.end();",
    )
    assert ours.body == b'{"statusCode":204,"headers":{"x":"y"}}' + b"\0" * 8
    assert theirs.body == b""
